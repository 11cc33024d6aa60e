#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One measured run with a reclaim scheme, within the guest: a workload, and udamon or kernel DAMON acting on it.

Every 100 ms of CLOCK_MONOTONIC it reads the workload's resident memory and the CPU times, every second (--slow)
what the system knows: stall, swap traffic, refaults, and what the scheme says of itself. It does so in every run,
also in those without a monitor, so its own cost is in all of them. Figures as JSON on standard output.
"""
import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import inside  # noqa: E402
from inside import ADMIN, SOCKET, get, put  # noqa: E402

FAST_S = 0.1
U64_MAX = (1 << 64) - 1
PAGE_KIB = 4
VMSTAT = ('workingset_refault_anon', 'workingset_activate_anon', 'workingset_restore_anon', 'nr_active_anon',
          'nr_inactive_anon', 'nr_active_file', 'nr_inactive_file')


def cpu_ns(pid):
  """CPU time of all threads of a process, those that ended included: its CPU clock (see clock_getcpuclockid())."""
  return time.clock_gettime_ns((~pid << 3) | 2) if pid else 0


def stall_us():
  """Time in which some, and in which all, waited for memory since boot (us)."""
  lines = get('/proc/pressure/memory').split('\n')
  return [int(line.rsplit('=', 1)[1]) for line in lines[:2]]


def swap_pages():
  """Pages read from and written to the swap device: the kernel has no pswpin without CONFIG_VM_EVENT_COUNTERS. A page
  of zeroes never gets that far."""
  words = get('/sys/block/zram0/stat').split() if os.path.exists('/sys/block/zram0/stat') else [0] * 7
  return int(words[2]) * 512 // 4096, int(words[6]) * 512 // 4096


def vmstat():
  values = dict(line.split() for line in get('/proc/vmstat').splitlines())
  return {name: int(values[name]) for name in VMSTAT}


def mappings(pid):
  """(start, resident bytes, swapped bytes) of each mapping."""
  found = []
  for line in get(f'/proc/{pid}/smaps').splitlines():
    word, _, rest = line.partition(' ')
    if word == 'Rss:':
      found[-1][1] = int(rest.split()[0]) << 10
    elif word == 'Swap:':
      found[-1][2] = int(rest.split()[0]) << 10
    elif not word.endswith(':'):
      found.append([int(word.split('-')[0], 16), 0, 0])
  return [m for m in found if m[1] + m[2] >= 1 << 20]


def scheme_yaml(scheme):
  """The scheme as udamon reads it."""
  quotas = []
  if scheme['time_ms']:
    quotas.append(f'time: {scheme["time_ms"]}ms')
  if scheme['bytes']:
    quotas.append(f'sz: {scheme["bytes"]}B')
  if scheme['reset_ms']:
    quotas += [f'reset_interval: {scheme["reset_ms"]}ms', 'weights: {access_rate: 0, age: 1}']
  if scheme['stall_us']:
    quotas.append(f'goals: [{{metric: some_mem_psi_us, target: {scheme["stall_us"]}us}}]')
  text = f'access_pattern: {{access_rate: [0%, {scheme["rate_percent"]}%], age: [{scheme["idle_ms"]}ms, max]}}'
  text += f', quotas: {{{", ".join(quotas)}}}' if quotas else ''
  return f'schemes: [{{name: cold, action: pageout, {text}}}]\n'


class Nobody(inside.NoMonitor):
  pid = 0

  def scheme(self):
    return {}


class Udamon(inside.Udamon):
  """A udamond of its own; the scheme's figures over a connection that stays open."""

  def start(self, target):
    with open('/tmp/scheme.yaml', 'w', encoding='ascii') as file:
      file.write(scheme_yaml(self.args.scheme))
    words = ['--pid', str(target), '--name', 'bench', '--seed', str(self.args.seed), '--scheme', '/tmp/scheme.yaml']
    words += ['--intervals', self.args.intervals] if self.args.intervals else []
    self.call('start', *words, *self.args.options.split())
    self.peer = socket.socket(socket.AF_UNIX)
    self.peer.connect(SOCKET)

  def ask(self, method):
    self.peer.sendall(json.dumps({'method': 'io.udamon.monitor.' + method, 'parameters': {}}).encode() + b'\0')
    answer = b''
    while not answer.endswith(b'\0'):
      piece = self.peer.recv(65536)
      if not piece:
        raise EOFError('udamond hung up')
      answer += piece
    answer = json.loads(answer[:-1])
    if 'error' in answer:
      raise RuntimeError(f'{method}: {answer}')
    return answer['parameters']

  def scheme(self):
    runtime = self.ask('GetSchemes')['schemes'][0]['runtime']
    return {k: v for k, v in runtime.items() if k != 'goals'} | {'goal': (runtime.get('goals') or [None])[0]}

  def threads(self):
    """CPU time of each thread (ns): the first samples, decides and answers; the others act."""
    base = f'/proc/{self.pid}/task'
    return {int(tid): int(get(f'{base}/{tid}/schedstat').split()[0]) for tid in os.listdir(base)}

  def end(self):
    figures = {'status': self.call('status'), 'schemes': self.call('schemes'), 'threads': self.threads()}
    self.peer.close()
    self.daemon.terminate()
    return figures | {'daemon': self.daemon.wait()}


class KernelDamon(inside.KernelDamon):
  """DAMOS of the guest's own kernel, over sysfs."""

  def __init__(self, args):
    super().__init__(args)
    self.wanted = args.scheme
    self.base = f'{ADMIN}/0/contexts/0/schemes/0'

  def begin(self):
    pass

  def set_scheme(self):
    wanted = self.wanted
    put(f'{ADMIN}/0/contexts/0/schemes/nr_schemes', 1)
    values = {
      'action': 'pageout',
      'access_pattern/sz/min': 4096,
      'access_pattern/sz/max': U64_MAX,
      'access_pattern/nr_accesses/min': 0,
      'access_pattern/nr_accesses/max': self.aggregate // self.sample * wanted['rate_percent'] // 100,
      'access_pattern/age/min': wanted['idle_ms'] * 1000 // self.aggregate,
      'access_pattern/age/max': (1 << 32) - 1,
      'quotas/ms': wanted['time_ms'],
      'quotas/bytes': wanted['bytes'],
      'quotas/reset_interval_ms': wanted['reset_ms'],
      'quotas/weights/age_permil': 1,
    }
    for name, value in values.items():
      put(f'{self.base}/{name}', value)
    if wanted['stall_us']:
      put(f'{self.base}/quotas/goals/nr_goals', 1)
      put(f'{self.base}/quotas/goals/0/target_metric', 'some_mem_psi_us')
      put(f'{self.base}/quotas/goals/0/target_value', wanted['stall_us'])

  def set_up(self, target):
    super().set_up(target)
    self.set_scheme()

  def scheme(self):
    put(f'{ADMIN}/0/state', 'update_schemes_stats')
    put(f'{ADMIN}/0/state', 'update_schemes_effective_quotas')
    stats = {name: int(get(f'{self.base}/stats/{name}'))
             for name in ('nr_tried', 'sz_tried', 'nr_applied', 'sz_applied', 'qt_exceeds')}
    return stats | {'effective_bytes': int(get(f'{self.base}/quotas/effective_bytes'))}

  def end(self):
    return {'state': get(f'{ADMIN}/0/state').strip()}

  def save(self, out):
    pass


class Sampler:
  """The series of one run."""

  def __init__(self, args, monitor, process):
    self.args, self.monitor, self.process = args, monitor, process
    self.fast, self.slow, self.maps = [], [], []
    self.scheme_error = None
    self.statm = os.open(f'/proc/{process.pid}/statm', os.O_RDONLY)

  def take_fast(self):
    resident = int(os.pread(self.statm, 100, 0).split()[1]) * PAGE_KIB << 10
    self.fast.append((time.monotonic_ns(), resident, cpu_ns(self.process.pid), cpu_ns(self.monitor.pid)))

  def take_slow(self):
    some, full = stall_us()
    read, written = swap_pages()
    row = {'t': time.monotonic_ns(), 'some_us': some, 'full_us': full, 'swap_in': read, 'swap_out': written, **vmstat()}
    try:
      row['scheme'] = self.monitor.scheme()
    except (OSError, EOFError, RuntimeError) as e:  # such as: the target is gone
      self.scheme_error = str(e)
    self.slow.append(row)

  def take_maps(self):
    self.maps.append((time.monotonic_ns(), mappings(self.process.pid)))

  def ended(self):
    return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

  def run(self):
    """Until the workload has ended; on a grid, so that the length of a round does not add up."""
    due, n = time.monotonic(), 0
    per_slow, per_maps = round(self.args.slow / FAST_S), round(self.args.maps / FAST_S)
    while not self.ended():
      self.take_fast()
      if n % per_slow == 0:
        self.take_slow()
      if per_maps and n % per_maps == per_maps // 2:
        self.take_maps()
      n, due = n + 1, due + FAST_S
      time.sleep(max(0, due - time.monotonic()))
    self.take_slow()


def fill_page_cache(mib):
  """Makes that much page cache: holes of a file are read without a device's help. The kernel takes a page that comes
  back from swap for part of the working set, and so its way back for a stall, only while it was out for no longer
  than it took to evict as many pages as there are page cache and active anonymous memory (workingset_test_recent());
  and this guest has next to none of either, unlike machines that have something to do."""
  device = '/dev/zram' + get('/sys/class/zram-control/hot_add').strip()
  put(f'/sys/block/{os.path.basename(device)}/disksize', f'{mib + 256}M')
  subprocess.run(['mkfs.ext4', '-q', '-O', '^has_journal', '-m', '0', '-T', 'largefile', device], check=True)
  os.mkdir('/tmp/cache')
  subprocess.run(['mount', '-t', 'ext4', device, '/tmp/cache'], check=True)
  with open('/tmp/cache/hole', 'w+b', buffering=0) as file:
    file.truncate(mib << 20)
    while file.read(1 << 20):
      pass


def copy_program(program):
  """The program with its libraries on the file system made for the page cache; what runs it. Reclaim takes its code, too,
  and over 9p, which the programs come from here, a page takes tens of milliseconds to return: all of them a stall."""
  libraries = '/tmp/cache/lib'
  os.mkdir(libraries)
  for line in subprocess.run(['ldd', program], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines():
    path = next((word for word in line.split() if word.startswith('/')), None)
    if path:
      shutil.copy(path, libraries)
  loader = next(name for name in os.listdir(libraries) if name.startswith('ld-'))
  return [os.path.join(libraries, loader), '--library-path', libraries, shutil.copy(program, libraries)]


MONITORS = {'none': lambda args: Nobody(), 'udamon': Udamon, 'kdamon': KernelDamon}


def run(args):
  if args.page_cache:
    fill_page_cache(args.page_cache)
    args.command[:1] = copy_program(args.command[0])
  monitor = MONITORS[args.tool](args)
  monitor.begin()
  process = subprocess.Popen(args.command + ['-t', args.truth], stdout=subprocess.DEVNULL)
  inside.wait_for_phase(args.truth, process)
  monitor.start(process.pid)
  sampler = Sampler(args, monitor, process)
  sampler.run()
  figures = monitor.end()
  _, status, resources = os.wait4(process.pid, 0)
  if status:
    sys.exit(f'inside-reclaim: the workload ended with status {status}')
  shutil.copy(args.truth, args.out + '.truth')
  return {'tool': args.tool, 'scheme_error': sampler.scheme_error, 'fast': sampler.fast, 'slow': sampler.slow,
          'maps': sampler.maps, 'workload_cpu_ns': round((resources.ru_utime + resources.ru_stime) * 1e9),
          'major_faults': resources.ru_majflt, 'zram': get('/sys/block/zram0/mm_stat').split(), **figures}


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--tool', choices=list(MONITORS), default='none')
  parser.add_argument('--build', default='build/bench')
  parser.add_argument('--intervals', default='')
  parser.add_argument('--options', default='')
  parser.add_argument('--cpu-limit', default='')
  parser.add_argument('--seed', type=int, default=1)
  parser.add_argument('--scheme', type=json.loads, default={}, help='idle_ms, time_ms, bytes, reset_ms, stall_us')
  parser.add_argument('--slow', type=float, default=1, help='seconds between readings of the system')
  parser.add_argument('--maps', type=float, default=0, help='seconds between readings of smaps; 0: never')
  parser.add_argument('--page-cache', type=int, default=0, help='MiB of page cache to make first')
  parser.add_argument('--truth', default='/tmp/truth.jsonl')
  parser.add_argument('--out', required=True)
  parser.add_argument('command', nargs='+')
  args = parser.parse_args()
  args.record = False
  json.dump(run(args), sys.stdout)
  print()


if __name__ == '__main__':
  main()
