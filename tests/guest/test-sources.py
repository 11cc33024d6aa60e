#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Within the guest: what each source says about memory whose state is known, and what the daemon does to the kernel.

Prints a line of result for each check. Wants huge pages reserved (hugepages=16 on the kernel's command line), zram swap,
and strace.
"""
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1024 * 1024
SOCKET = '/tmp/udamond.socket'
STRACE_OUT = '/tmp/strace.out'
LRU_GEN = '/sys/kernel/mm/lru_gen/enabled'

build = sys.argv[1]
ctl = os.path.join(build, 'daemon/ctl/udamonctl')
daemon = os.path.join(build, 'daemon/udamond')
workload = os.path.join(build, 'tests/workload/workload')


class Skip(Exception):
  pass


class Recording:
  def __init__(self, path, truth=None):
    self.db = sqlite3.connect(path)
    self.meta = dict(self.db.execute('SELECT key, value FROM meta'))
    self.regions = {}
    if truth:
      with open(truth, encoding='utf-8') as log:
        events = [json.loads(line) for line in log]
      self.regions = {e['name']: (e['addr'], e['addr'] + e['mapped_len']) for e in events if e['event'] == 'region'}

  def snapshots(self, skip=1):
    """Rows after the first `skip`, which may have seen memory being made, without the last, which saw it go."""
    rows = self.db.execute('SELECT id, ws_bytes, ws_touched, ws_untrackable, total_bytes FROM snapshot ORDER BY id')
    names = ('id', 'bytes', 'touched', 'untrackable', 'total')
    return [dict(zip(names, row)) for row in rows.fetchall()][skip:-1]

  def within(self, name, snapshot):
    """(start, end, hits, samples, untrackable) of regions, clipped to one of the workload's."""
    low, high = self.regions[name]
    rows = self.db.execute('SELECT start_address, end_address, hits, samples, untrackable FROM region'
                           ' WHERE snapshot = ? AND start_address < ? AND end_address > ?', (snapshot, high, low))
    return [(max(a, low), min(b, high), *rest) for a, b, *rest in rows]

  def hot_bytes(self, name, snapshot):
    return sum((b - a) * hits / samples for a, b, hits, samples, _ in self.within(name, snapshot) if samples)


def want(condition, what):
  if not condition:
    raise AssertionError(what)


def run(command, *options):
  subprocess.run([ctl, 'run', '--record', '/tmp/x.db', '--force', '--seed', '1', '--report', '/tmp/report',
                  '--cpu-limit', 'none', *options, '--', *command], check=True, stdout=subprocess.DEVNULL)


def watch(config, *options, rw='wo', skip=1):
  """Records a workload of the given configuration."""
  with open('/tmp/workload.cfg', 'w', encoding='ascii') as file:
    file.write(config)
  # small batches, so that patterns take turns well within a sampling interval
  run([workload, '-q', '--populate', '--batch', '4096', '--rw', rw, '--truth', '/tmp/truth', '/tmp/workload.cfg'], *options)
  recording = Recording('/tmp/x.db', '/tmp/truth')
  os.unlink('/tmp/truth')
  want(len(recording.snapshots(skip)) >= 2, f'{len(recording.snapshots(skip))} snapshots')
  return recording


def median(values):
  return sorted(values)[len(values) // 2]


def near(value, wanted, share):
  want(abs(value - wanted) <= share * wanted, f'{value / MIB:.1f} MiB, {wanted / MIB:.0f} MiB wanted')


HALF_HOT = 'hot, 16MiB\ncold, 32MiB\n\nrun\n{time}\nhot, 0, 4096, 1\n'


def softdirty_sees_writes():
  """softdirty: written memory is the working set"""
  recording = watch(HALF_HOT.format(time='8s'), '--source', 'softdirty', '--intervals', '200ms,1s,5s')
  want(recording.meta['source'] == 'softdirty', recording.meta['source'])
  near(median([s['bytes'] for s in recording.snapshots()]), 16 * MIB, 0.15)


def softdirty_misses_reads():
  """softdirty: what is only read is not in it, and the recording says so"""
  recording = watch(HALF_HOT.format(time='8s'), '--source', 'softdirty', '--intervals', '200ms,1s,5s', rw='ro')
  want(recording.meta['reads_seen'] == '0', f'reads_seen {recording.meta["reads_seen"]}')
  seen = median([s['bytes'] for s in recording.snapshots()])
  want(seen < MIB, f'{seen / MIB:.1f} MiB')


def referenced_sees_accesses(rw):
  recording = watch(HALF_HOT.format(time='8s'), '--source', 'referenced', '--intervals', '200ms,1s,5s', rw=rw)
  want(recording.meta['granularity'] == 'mapping', recording.meta['granularity'])
  want(recording.meta['reads_seen'] == '1', f'reads_seen {recording.meta["reads_seen"]}')
  near(median([s['bytes'] for s in recording.snapshots()]), 16 * MIB, 0.25)


def referenced_sees_writes():
  """referenced: written memory is the working set"""
  referenced_sees_accesses('wo')


def referenced_sees_reads():
  """referenced: so is memory that is read"""
  referenced_sees_accesses('ro')


def idle_tells_hot_from_cold():
  """idle: hot and cold memory told apart, by address"""
  recording = watch(HALF_HOT.format(time='6s'), '--source', 'idle', '--intervals', '25ms,500ms,5s', skip=3)
  hot, cold = (median([recording.hot_bytes(name, s['id']) for s in recording.snapshots(3)]) for name in ('hot', 'cold'))
  near(hot, 16 * MIB, 0.15)
  want(cold < 2 * MIB, f'{cold / MIB:.1f} of 32 MiB cold memory called hot')


def hugetlb_is_untrackable():
  """hugetlb: reported as untrackable, not as hot"""
  with open('/proc/meminfo', encoding='ascii') as meminfo:
    total = int(re.search(r'HugePages_Total:\s+(\d+)', meminfo.read())[1])
  if total < 8:
    raise Skip(f'{total} huge pages reserved')
  recording = watch('huge, 16MiB, backing=hugetlb\nsmall, 16MiB\n\nrun\n5s\nhuge, 0, 4096, 1\nsmall, 0, 4096, 1\n',
                    '--intervals', '25ms,500ms,5s', skip=2)
  for snapshot in recording.snapshots(2):
    hits = sum(r[2] for r in recording.within('huge', snapshot['id']))
    want(hits == 0, f'{hits} samples of the hugetlb region called accessed')
  near(median([s['untrackable'] for s in recording.snapshots(2)]), 16 * MIB, 0.15)
  near(median([recording.hot_bytes('small', s['id']) for s in recording.snapshots(2)]), 16 * MIB, 0.15)


SWAPPER = '''
import mmap, time
size = 32 << 20
memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for page in range(0, size, 4096):
  memory[page:page + 8] = page.to_bytes(8, 'little')
memory.madvise(21)
swapped = [l for l in open('/proc/self/status') if l.startswith('VmSwap')][0].split()[1]
address = __import__('ctypes').addressof(__import__('ctypes').c_char.from_buffer(memory))
print(swapped, address, size, file=open('/tmp/swapped', 'w'))
time.sleep(5)
'''


def swapped_is_not_accessed():
  """swap: memory that was swapped out to zram is not accessed"""
  with open('/proc/swaps', encoding='ascii') as swaps:
    if 'zram' not in swaps.read():
      raise Skip('no swap')
  run([sys.executable, '-c', SWAPPER], '--intervals', '25ms,500ms,1s')
  with open('/tmp/swapped', encoding='ascii') as file:
    swapped, address, size = (int(word) for word in file.read().split())
  want(swapped >= 24 * 1024, f'only {swapped} kB were swapped out')
  recording = Recording('/tmp/x.db')
  recording.regions['memory'] = (address, address + size)
  late = recording.snapshots()[-4:]
  want(late, 'no snapshots')
  for snapshot in late:
    samples = sum(r[3] for r in recording.within('memory', snapshot['id']))
    want(samples > 0, 'it was not sampled at all')
    hot = recording.hot_bytes('memory', snapshot['id'])
    want(hot < MIB, f'{hot / MIB:.1f} of 32 MiB called hot')


def set_lru_gen(value):
  with open(LRU_GEN, 'w', encoding='ascii') as file:
    file.write(value)


def with_mglru(check):
  if not os.path.exists(LRU_GEN):
    raise Skip('no MGLRU')
  set_lru_gen('y')
  try:
    check()
  finally:
    set_lru_gen('n')


def mglru_in_check():
  """MGLRU: `udamonctl check` says that it is on, and what that costs"""
  def check():
    text = subprocess.run([ctl, 'check', '--private'], check=True, capture_output=True, text=True).stdout
    lines = [line for line in text.split('\n') if 'mglru' in line.lower()]
    want(lines, 'not mentioned')
  with_mglru(check)


class Daemon:
  """A udamond with a monitored workload."""

  def __init__(self, prefix=()):
    self.process = subprocess.Popen([*prefix, daemon, '--config', 'none', '--socket', SOCKET, '--log-level', 'error',
                                     '--cpu-limit', 'none'])
    while not os.path.exists(SOCKET):
      time.sleep(0.05)
    with open('/tmp/workload.cfg', 'w', encoding='ascii') as file:
      file.write(HALF_HOT.format(time='300s'))
    self.workload = subprocess.Popen([workload, '-q', '--populate', '/tmp/workload.cfg'])
    time.sleep(1)

  def __enter__(self):
    return self

  def call(self, verb, *words):
    done = subprocess.run([ctl, verb, '--socket', SOCKET, '--json', *words], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)

  def start(self, *options):
    self.call('start', '--pid', str(self.workload.pid), '--name', 'x', *options)

  def runtime(self):
    return self.call('status')['runtime']['monitors'][0]['runtime']

  def __exit__(self, *_):
    self.workload.kill()
    self.workload.wait()
    time.sleep(1)
    # strace passes signals on to nobody: ask the daemon itself
    subprocess.run(['pkill', '-TERM', '-x', 'udamond'], check=False)
    self.process.wait()
    if os.path.exists(SOCKET):
      os.unlink(SOCKET)


def mglru_in_status():
  """MGLRU: `udamonctl status` warns of it"""
  def check():
    with Daemon() as d:
      d.start()
      warnings = d.runtime()['warnings']
      want(any('MGLRU' in w or 'lru_gen' in w for w in warnings), f'warnings: {warnings}')
  with_mglru(check)


CALL = re.compile(r'(pread64|pwrite64)\(\d+<([^>]*)>, (?:"((?:[^"\\]|\\.)*)")?')
FILES = ('/page_idle/bitmap', '/pagemap', '/kpageflags')
traced = {}


def popcount(text):
  """Bits set in a buffer as strace shows it: all in hexadecimal, because its zeros are no text."""
  return len(text) // 4, sum(int(byte, 16).bit_count() for byte in re.findall(r'\\x([0-9a-f]{2})', text))


def trace():
  """Runs the daemon under strace for a while: its system calls for samples, and what it says about them."""
  if traced:
    return traced
  if not shutil.which('strace'):
    raise Skip('no strace')
  with Daemon(['strace', '-f', '-y', '-x', '-e', 'trace=pread64,pwrite64', '-o', STRACE_OUT]) as d:
    d.start('--intervals', '50ms,1s,60s')
    time.sleep(8)
    d.workload.kill()
    d.workload.wait()
    time.sleep(1)
    traced['runtime'] = d.runtime()
  traced['calls'], traced['words'] = 0, []
  with open(STRACE_OUT, encoding='ascii') as lines:
    for line in lines:
      match = CALL.search(line)
      if not match or not match[2].endswith(FILES):
        continue
      traced['calls'] += 1
      if match[1] == 'pwrite64':
        want(match[2].endswith('/page_idle/bitmap'), f'wrote to {match[2]}')
        traced['words'].append(popcount(match[3] or ''))
  want(traced['runtime']['samples'] > 200, f'only {traced["runtime"]["samples"]} samples')
  return traced


def one_bit_per_word():
  """strace: every word written to the bitmap has one bit set"""
  words = trace()['words']
  want(len(words) > 100, f'{len(words)} words written')
  odd = [w for w in words if w != (8, 1)]
  want(not odd, f'{len(odd)} of {len(words)} writes, such as (bytes, bits) {odd[:1]}')


def calls_are_counted():
  """strace: the daemon counts its system calls truly"""
  seen, said = trace()['calls'], trace()['runtime']['syscalls']
  # beyond those of samples, there are one or two for each reading of the address map
  want(said <= seen <= said * 1.02 + 20, f'strace saw {seen}, the daemon counted {said}')


def calls_per_sample():
  """strace: at most 3 system calls for a cold sample, 5 for a hot one"""
  runtime = trace()['runtime']
  for what, most in (('cold', 3), ('hot', 5)):
    value = runtime[f'syscalls_max_{what}']
    want(0 < value <= most, f'{value} for a {what} sample')
  others = sum(u['samples'] for u in runtime['untrackable']) + runtime['samples_absent']
  bound = 3 * runtime['samples_cold'] + 5 * runtime['samples_hot'] + 5 * others
  want(trace()['calls'] <= bound * 1.02 + 20, f'{trace()["calls"]} calls, {bound} at most')


CHECKS = [
  idle_tells_hot_from_cold, softdirty_sees_writes, softdirty_misses_reads, referenced_sees_writes,
  referenced_sees_reads, hugetlb_is_untrackable, swapped_is_not_accessed, mglru_in_check, mglru_in_status,
  one_bit_per_word, calls_are_counted, calls_per_sample,
]


def load(programs):
  """By instruction count time jumps while the guest waits for a file, beyond any timeout: these are in memory then, with
  their libraries."""
  for program in programs:
    libraries = subprocess.run(['ldd', program], check=False, capture_output=True, text=True).stdout.split()
    for path in [program, *(word for word in libraries if word.startswith('/'))]:
      with open(path, 'rb') as file:
        file.read()


def main():
  signal.signal(signal.SIGPIPE, signal.SIG_DFL)
  wanted = sys.argv[2:]
  load((daemon, ctl, workload))
  for check in CHECKS:
    if wanted and check.__name__ not in wanted:
      continue
    try:
      check()
      result = 'ok   '
      reason = ''
    except Skip as e:
      result, reason = 'skip ', f': {e}'
    except (AssertionError, subprocess.CalledProcessError, OSError, sqlite3.Error, KeyError, ValueError) as e:
      result, reason = 'FAIL ', f' ({check.__name__}): {e}'
    print(f'{result}{check.__doc__}{reason}', flush=True)


main()
