# SPDX-License-Identifier: GPL-2.0-or-later
"""Within the guest: a daemon with schemes, a puppet as its target, and what the kernel says about that from outside."""
import array
import json
import os
import subprocess
import sys
import time

KIB = 1024
MIB = 1024 * KIB
PATIENCE = 60  # seconds: these guests run in real time, and their machine may have other things to do
PAGE = 4 * KIB
BLOCK = 2 * MIB
SOCKET = '/tmp/udamond.socket'
ARENA = (0x200000000000, 0x210000000000)

# of /proc/PID/pagemap and /proc/kpageflags
PRESENT, SWAPPED, PFN = 1 << 63, 1 << 62, (1 << 55) - 1
LRU, ACTIVE = 1 << 5, 1 << 6

build = sys.argv[1]
ctl = os.path.join(build, 'daemon/ctl/udamonctl')
daemon = os.path.join(build, 'daemon/udamond')
puppet = os.path.join(build, 'tests/guest/puppet')


class Skip(Exception):
  pass


def want(condition, what):
  if not condition:
    raise AssertionError(what)


def same(value, wanted, what):
  want(value == wanted, f'{what}: {value}, {wanted} wanted')


def between(value, low, high, what):
  want(low <= value <= high, f'{what}: {value}, {low} to {high} wanted')


def wait_until(ready, seconds, what):
  """The first true value of ready(); what() tells what was wanted instead. Where that comes in so many seconds as a
  rule, it may take PATIENCE here."""
  seconds = max(seconds, PATIENCE)
  end = time.monotonic() + seconds
  while True:
    value = ready()
    if value:
      return value
    want(time.monotonic() < end, f'not within {seconds} s: {what() if callable(what) else what}')
    time.sleep(0.05)


def read(path):
  with open(path, encoding='ascii', errors='replace') as file:
    return file.read()


def write(path, text):
  with open(path, 'w', encoding='ascii') as file:
    file.write(text)


def numbers(path):
  """Lines of a name and a number, in the unit that the file has."""
  return {line.split()[0].rstrip(':'): int(line.split()[1]) for line in read(path).splitlines() if line.split()[1:]}


def swap_device():
  """Pages that were read from and written to the swap on zram since it was made."""
  words = read('/sys/block/zram0/stat').split()
  return int(words[2]) * 512 // PAGE, int(words[6]) * 512 // PAGE


def huge_splits():
  """How many huge pages the kernel split, and failed to."""
  stats = '/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/stats'
  return [int(read(f'{stats}/{name}')) for name in ('split', 'split_failed', 'swpout_fallback')]


def swap(size):
  """Nothing but a swap of this size on zram; None: no swap."""
  subprocess.run(['swapoff', '-a'], check=True)
  if size is None:
    return
  write('/sys/block/zram0/reset', '1')
  write('/sys/block/zram0/disksize', str(size + PAGE))
  subprocess.run(['mkswap', '/dev/zram0'], check=True, stdout=subprocess.DEVNULL)
  subprocess.run(['swapon', '/dev/zram0'], check=True)


def node_bytes(pid, area):
  """Bytes of what is present of a process within an area, by NUMA node, as the kernel says."""
  found = {}
  for line in read(f'/proc/{pid}/numa_maps').splitlines():
    words = line.split()
    if not area[0] <= int(words[0], 16) < area[0] + area[1]:
      continue
    unit = next((int(word.partition('=')[2]) * KIB for word in words if word.startswith('kernelpagesize_kB=')), PAGE)
    for word in words:
      name, _, value = word.partition('=')
      if name[:1] == 'N' and name[1:].isdigit():
        found[int(name[1:])] = found.get(int(name[1:]), 0) + int(value) * unit
  return found


class Puppet:
  """A process that does as it is told."""

  def __init__(self, cgroup=None):
    enter = (lambda: write(f'/sys/fs/cgroup/{cgroup}/cgroup.procs', str(os.getpid()))) if cgroup else None
    self.process = subprocess.Popen([puppet], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=enter)
    self.pid = self.process.pid
    same(int(self.process.stdout.readline()), ARENA[0], 'the addresses of a puppet')

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.process.kill()
    self.process.wait()
    self.process.stdin.close()
    self.process.stdout.close()

  def tell(self, *words):
    self.process.stdin.write(' '.join(str(word) for word in words) + '\n')
    self.process.stdin.flush()

  def ask(self, *words):
    self.tell(*words)
    answer = self.process.stdout.readline().strip()
    want(answer.lstrip('-').isdigit(), f'{words}: {answer!r}')
    return int(answer)

  def map(self, kind, size, path=''):
    """(start, size) of new memory."""
    return (self.ask('map', kind, size, path), size)

  def do(self, what, area, *more):
    same(self.ask(what, *area, *more), 0, f'{what} {area}')

  def unharmed(self, area):
    same(self.ask('wrong', *area), 0, 'pages with another content than before')

  # What the kernel says of it

  def major_faults(self):
    return int(read(f'/proc/{self.pid}/stat').rpartition(')')[2].split()[9])

  def status(self, name):
    for line in read(f'/proc/{self.pid}/status').splitlines():
      if line.startswith(name + ':'):
        return int(line.split()[1]) * KIB
    return 0

  def swapped(self):
    return self.status('VmSwap')

  def smaps(self, name, area):
    """Bytes of a field of smaps within an area."""
    total, inside = 0, False
    for line in read(f'/proc/{self.pid}/smaps').splitlines():
      first = line.split(maxsplit=1)[0]
      if not first.endswith(':'):
        start, end = (int(word, 16) for word in first.split('-'))
        inside = start < area[0] + area[1] and area[0] < end
      elif inside and first == name + ':':
        total += int(line.split()[1]) * KIB
    return total

  def entries(self, area):
    entries = array.array('Q')
    with open(f'/proc/{self.pid}/pagemap', 'rb', buffering=0) as file:
      entries.frombytes(os.pread(file.fileno(), area[1] // PAGE * 8, area[0] // PAGE * 8))
    return entries

  def having(self, area, flag):
    """Bytes whose entry in pagemap has a flag."""
    return sum(1 for entry in self.entries(area) if entry & flag) * PAGE

  def present(self, area):
    return self.having(area, PRESENT)

  def absent(self, area):
    return self.having(area, SWAPPED)

  def flags(self, area):
    """Of /proc/kpageflags, page by page, of what is present."""
    frames = [entry & PFN for entry in self.entries(area) if entry & PRESENT]
    found = []
    with open('/proc/kpageflags', 'rb', buffering=0) as file:
      for frame in frames:
        found.append(int.from_bytes(os.pread(file.fileno(), 8, frame * 8), sys.byteorder))
    return found

  def nodes(self, area):
    return node_bytes(self.pid, area)

  def active(self, area):
    """The share of the pages that are on an active list."""
    flags = self.flags(area)
    return sum(1 for f in flags if f & ACTIVE) / max(len(flags), 1)


def flow(value):
  """As YAML on one line."""
  if isinstance(value, dict):
    return '{' + ', '.join(f'{key}: {flow(item)}' for key, item in value.items()) + '}'
  if isinstance(value, (list, tuple)):
    return '[' + ', '.join(flow(item) for item in value) + ']'
  return {True: 'true', False: 'false'}.get(value, str(value)) if isinstance(value, bool) else str(value)


def addr(start, end, matching=True, allow=True):
  return {'type': 'addr', 'matching': matching, 'addr': [hex(start), hex(end)], 'allow': allow}


def page(kind, allow, matching=True, **more):
  return {'type': kind, 'matching': matching, 'allow': allow, **more}


OUTSIDE = addr(*ARENA, matching=False, allow=False)


def within(area):
  """Nothing but this."""
  return addr(area[0], area[0] + area[1], matching=False, allow=False)


def scheme(action, filters=(OUTSIDE,), name='s', **more):
  """One that takes whatever its filters leave it, once, unless it is told otherwise."""
  return {'name': name, 'action': action, **({'apply_interval': '5min'} if 'apply_interval' not in more else {}),
          **more, **({'filters': list(filters)} if filters else {})}


def cold(age, action='pageout', **more):
  return scheme(action, apply_interval='auto', access_pattern={'access_rate': ['0%', '0%'], 'age': [age, 'max']}, **more)


class Refused(Exception):
  """The client ended with an error."""


class Daemon:
  """A udamond; without a CPU limit, for a sample takes long here."""

  def __init__(self, limit='none', socket=SOCKET):
    self.socket = socket
    self.process = subprocess.Popen([daemon, '--config', 'none', '--socket', socket, '--log-level', 'error',
                                     '--cpu-limit', limit])
    wait_until(lambda: os.path.exists(socket), 10, 'a socket')

  def __enter__(self):
    return self

  def __exit__(self, *_):
    if self.process.poll() is None:
      self.process.terminate()
    same(self.process.wait(), 0, 'exit status of the daemon')

  def call(self, *words, parse=True, socket=True):
    options = [*(['--socket', self.socket] if socket else []), *(['--json'] if parse else [])]
    done = subprocess.run([ctl, *words, *options], check=False, capture_output=True, text=True)
    if done.returncode:
      raise Refused(f'{words}: {done.stderr.strip()}')
    return json.loads(done.stdout) if parse else done.stdout

  def start(self, *words):
    """A client that goes on."""
    return subprocess.Popen([ctl, *words, '--socket', SOCKET], stdout=subprocess.PIPE, text=True)

  def alive(self):
    want(self.process.poll() is None, f'the daemon ended with {self.process.poll()}')
    self.call('status')


class Monitor:
  """A monitor of some processes, with schemes; stopped in the end."""
  last = 0

  def __init__(self, server, targets, *schemes, options=(), intervals='20ms,200ms,500ms'):
    Monitor.last += 1
    self.server, self.name, self.stopped = server, f'm{Monitor.last}', False
    write('/tmp/schemes.yaml', 'schemes:\n' + ''.join(f'  - {flow(s)}\n' for s in schemes))
    pids = [word for target in targets for word in ('--pid', str(getattr(target, 'pid', target)))]
    server.call('start', *pids, '--name', self.name, '--source', 'idle', '--intervals', intervals, '--regions', '10,200', '--seed', '1',
                '--scheme', '/tmp/schemes.yaml', *options)

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.stop()

  def stop(self):
    if not self.stopped and self.server.process.poll() is None:
      self.server.call('stop', self.name, parse=False)
    self.stopped = True

  def runtime(self, name='s'):
    """What a scheme says of itself; outcomes as a dictionary."""
    schemes = self.server.call('schemes', self.name)['monitors'][0]['schemes']
    runtime = next(s['runtime'] for s in schemes if s['name'] == name)
    runtime['outcomes'] = {o['outcome']: o['bytes'] for o in runtime['outcomes']}
    return runtime

  def change(self, *words):
    self.server.call('scheme', *words)

  def until(self, ready, seconds=15, name='s'):
    """The first state of the scheme for which ready(state)."""
    seen = {}

    def look():
      seen.update(self.runtime(name))
      return ready(seen)

    wait_until(look, seconds, lambda: brief(seen))
    return seen

  def done(self, seconds=20, name='s'):
    """What came of a scheme's only pass; everything that it matched must be accounted for."""
    state = self.until(lambda s: s['passes'] and (s['tried_bytes'] or s['would_bytes'] or s['outcomes']), seconds, name)
    total = state['tried_bytes'] + state['would_bytes'] + sum(state['outcomes'].values())
    want(total == state['matched_bytes'] or state['passes'] > 1, f'{total} bytes accounted for: {brief(state)}')
    return state


def brief(state):
  names = ('state', 'message', 'passes', 'matched_bytes', 'tried_bytes', 'applied_bytes', 'would_bytes', 'refaulted_bytes',
           'watermark', 'outcomes', 'errors')
  return {name: state.get(name) for name in names if state.get(name)}


def once(server, target, *arguments, **options):
  """One pass of one scheme over a puppet: what came of it."""
  with Monitor(server, [target], scheme(*arguments, **options)) as m:
    return m.done()


def check_counts(state, tried=None, applied=None, would=0, **outcomes):
  """Outcomes that are not named do not matter."""
  applied = tried if applied is None else applied
  for name, value in (('tried', tried), ('applied', applied), ('would', would)):
    if value is not None:
      want(state[f'{name}_bytes'] == value, f'{name} {state[f"{name}_bytes"]}, {value} wanted: {brief(state)}')
  for name, value in outcomes.items():
    want(state['outcomes'].get(name, 0) == value, f'{name} {state["outcomes"].get(name, 0)}, {value} wanted: {brief(state)}')


def main(checks):
  """test-….py BUILD_DIR [CHECK…]: prints a line of result for each check."""
  wanted = sys.argv[2:]
  # what is split or made small stays so however long a check takes
  write('/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs', '3600000')
  with Daemon() as server:
    for check in checks:
      if wanted and check.__name__ not in wanted:
        continue
      begin = time.monotonic()
      try:
        check(server)
        result, reason = 'ok   ', ''
      except Skip as e:
        result, reason = 'skip ', f': {e}'
      except (AssertionError, Refused, subprocess.CalledProcessError, OSError, LookupError, ValueError) as e:
        result, reason = 'FAIL ', f' ({check.__name__}): {type(e).__name__}: {e}'
      if server.process.poll() is not None:
        print(f'{result}{check.__doc__}{reason}\nFAIL the daemon ended with {server.process.poll()} in {check.__name__}', flush=True)
        return
      print(f'{result}{check.__doc__}{reason}', flush=True)
      print(f'{check.__name__}: {time.monotonic() - begin:.1f} s', file=sys.stderr, flush=True)
