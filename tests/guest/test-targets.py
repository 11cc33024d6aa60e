# SPDX-License-Identifier: GPL-2.0-or-later
"""Within the guest, which processes a monitor watches, when real cgroups and processes come and go: test-targets.py
BUILD_DIR [CHECK...] prints a line of result for each check."""
import os
import subprocess
import sys
import time

import acting
from acting import MIB, Puppet, same, wait_until, want, write

ROOT = '/sys/fs/cgroup'
LIMIT = 10  # percent: an emulated CPU takes some ten times as long as a real one
SLOW = '1s,10s,20s'  # which is a fair pace for hundreds of targets on it


def make(path):
  os.makedirs(ROOT + path, exist_ok=True)


def remove(path):
  """With all that is below it; it must be empty of processes, which takes a moment after they ended."""
  for name, _, _ in os.walk(ROOT + path, topdown=False):
    wait_until(lambda name=name: not os.path.isdir(name) or rmdir(name), 10, f'{name} to be empty')


def rmdir(name):
  try:
    os.rmdir(name)
    return True
  except OSError:
    return False


def move(pid, path):
  write(f'{ROOT}{path}/cgroup.procs', str(pid))


def is_kernel_thread(pid):
  try:
    return int(acting.read(f'/proc/{pid}/stat').rpartition(')')[2].split()[6]) & 0x200000
  except FileNotFoundError:
    return False  # it was a client, perhaps


class Targets:
  """A monitor of what the client's options say."""
  last = 0

  def __init__(self, server, *options, intervals='20ms,200ms,500ms'):
    Targets.last += 1
    self.server, self.name = server, f't{Targets.last}'
    server.call('start', *options, '--name', self.name, '--source', 'idle', '--intervals', intervals)

  def __enter__(self):
    return self

  def __exit__(self, *_):
    if self.server.process.poll() is None:
      self.server.call('stop', self.name, parse=False)

  def runtime(self):
    return next(m['runtime'] for m in self.server.call('status')['runtime']['monitors'] if m['name'] == self.name)

  def told(self):
    return self.server.call('targets', self.name)['monitors'][0]

  def pids(self):
    return sorted(t['pid'] for t in self.runtime()['targets'] if t['state'] == 'running')

  def until_pids(self, *puppets, seconds=15):
    wanted = sorted(getattr(p, 'pid', p) for p in puppets)
    wait_until(lambda: self.pids() == wanted, seconds, lambda: f'the targets {wanted}, but {self.runtime()["targets"]}')

  def until_waiting(self, text, seconds=10):
    wait_until(lambda: text in self.runtime().get('message', ''), seconds, lambda: f'{text!r}, but {self.runtime().get("message")!r}')
    same(self.runtime()['state'], 'waiting', 'state')


def cgroup(server):
  """a cgroup: waited for, watched with all below it, and taken up again when it comes back"""
  with Targets(server, '--cgroup', '/web') as t:
    t.until_waiting('there is no such cgroup')
    make('/web')
    t.until_waiting('no such process')
    with Puppet('web') as p:
      area = p.map('anon', 8 * MIB)
      p.do('beat', area, 30)
      t.until_pids(p)
      make('/web/deep/er')
      with Puppet('web/deep/er') as q, Puppet() as outside:
        t.until_pids(p, q)
        move(outside.pid, '/web/deep')
        t.until_pids(p, q, outside)
        # within the tree, it stays the same target
        target = next(x['id'] for x in t.runtime()['targets'] if x['pid'] == outside.pid)
        move(outside.pid, '/web')
        wait_until(lambda: t.runtime()['state'] == 'running', 10, 'running')
        t.until_pids(p, q, outside)
        same(next(x['id'] for x in t.runtime()['targets'] if x['pid'] == outside.pid), target, 'the target that moved')
        move(outside.pid, '/')
        t.until_pids(p, q)
      t.until_pids(p)
      seen = wait_until(lambda: (s := server.call('regions', t.name)['working_set']['bytes']) >= 4 * MIB and s, 15,
                        'the working set of the puppet')
      want(seen < 16 * MIB, f'a working set of {seen} bytes')
    t.until_waiting('no such process')
    remove('/web')
    t.until_waiting('there is no such cgroup')
    make('/web')
    with Puppet('web') as p:
      t.until_pids(p)
  remove('/web')


def unit(server):
  """a unit: found in its slice, its instances by a pattern, and not what a container calls by the same name"""
  make('/system.slice/system-pg.slice/pg@1.service')
  make('/machine.slice/c.scope/system.slice/pg@1.service')
  with Puppet('system.slice/system-pg.slice/pg@1.service') as p, Puppet('machine.slice/c.scope/system.slice/pg@1.service'):
    with Targets(server, '--unit', 'pg@*.service') as t:
      t.until_pids(p)
      make('/system.slice/system-pg.slice/pg@2.service/sub')
      with Puppet('system.slice/system-pg.slice/pg@2.service/sub') as q:
        t.until_pids(p, q)
      t.until_pids(p)
    with Targets(server, '--unit', 'machine.slice', '--unit', 'late.service') as t:
      wait_until(lambda: len(t.pids()) == 1, 10, 'the one in the container')
      make('/late.slice/late.service')
      with Puppet('late.slice/late.service') as late:
        wait_until(lambda: late.pid in t.pids(), 10, 'the late one')
  for path in ('/system.slice', '/machine.slice', '/late.slice'):
    remove(path)


def user(server):
  """a user: his processes, from their first to their last day as his"""
  with Targets(server, '--user', '4321') as t:
    t.until_waiting('no such process')
    with subprocess.Popen(['sleep', '1000'], user=4321) as p:
      t.until_pids(p.pid)
      p.kill()
    t.until_waiting('no such process')


def size(server):
  """min_rss: taken above it, let go below half of it, and neither in between"""
  make('/size')
  with Puppet('size') as p, Targets(server, '--target', 'cgroup=/size,min_rss=24MiB') as t:
    t.until_waiting('no such process')
    small = p.map('anon', 16 * MIB)
    time.sleep(3)
    same(t.pids(), [], 'targets that are too small')
    large = p.map('anon', 16 * MIB)
    t.until_pids(p)
    p.do('unmap', large)
    time.sleep(3)
    same(t.pids(), [p.pid], 'a target that shrinks a little')
    p.do('unmap', small)
    t.until_pids()
  remove('/size')


def overlap(server):
  """several entries and monitors: each monitor has each process once; kernel threads never, the daemon like others"""
  make('/both')
  with Puppet('both') as p, Targets(server, '--cgroup', '/both', '--target', 'cgroup=/both,command=puppet') as t:
    with Targets(server, '--command', 'pup*') as u:
      t.until_pids(p)
      u.until_pids(p)
      same(len(t.runtime()['targets']), 1, 'targets')
  with Targets(server, '--cgroup', '/') as t:
    wait_until(lambda: server.process.pid in t.pids(), 10, 'the daemon itself')
    same([pid for pid in t.pids() if is_kernel_thread(pid)], [], 'kernel threads')
  remove('/both')


def notice(server):
  """the limits on inotify: what gives no notice is counted and found later; with room again, nothing is counted"""
  limit = '/proc/sys/fs/inotify/max_user_watches'
  before = acting.read(limit)
  make('/quiet/a')
  write(limit, '1')
  try:
    with Targets(server, '--cgroup', '/quiet') as t:
      search = t.told()['cgroup_search']
      want(0 < search['unnoticed'] <= search['watched'], f'cgroups that give no notice: {search}')
      same((search['denied'], search['left_out']), (0, 0), 'denied, left out')
      want('control groups give no notice' in server.call('targets', t.name, parse=False), 'a word on that')
      make('/quiet/b')
      with Puppet('quiet/b') as p:
        t.until_pids(p)
        write(limit, before)
        wait_until(lambda: t.told()['cgroup_search']['unnoticed'] == 0, 20, lambda: f'notice: {t.told()["cgroup_search"]}')
        t.until_pids(p)
  finally:
    write(limit, before)
  remove('/quiet')


def ages(snapshot, pid, area):
  """Of the regions of a process that lie in an area: bytes by whether they are idle, and their age in seconds."""
  target = next((t for t in snapshot['targets'] if t['pid'] == pid), None)
  inside = [r for r in snapshot['regions'] if target and r['target'] == target['id'] and area[0] <= r['start'] and r['end'] <= area[0] + area[1]]
  return [(r['end'] - r['start'], r['age_ns'] / 1e9, r['rate']) for r in inside]


def youngest(snapshot, pid, area):
  return min((age for _, age, _ in ages(snapshot, pid, area)), default=0)


def forks(server):
  """a child has the idle memory of its parent at its age; what is written, mapped anew, or in use begins anew"""
  with Puppet() as p:
    idle, reused, used = p.map('anon', 16 * MIB), p.map('anon', 8 * MIB), p.map('anon', 4 * MIB)
    p.do('beat', used, 10)
    with Targets(server, '--pid', str(p.pid)) as t:
      regions = lambda: server.call('regions', t.name)  # noqa: E731
      old = wait_until(lambda: (s := regions()) and youngest(s, p.pid, idle) > 12 and youngest(s, p.pid, reused) > 12 and s, 60,
                       lambda: f'idle memory: {ages(regions(), p.pid, idle)} {ages(regions(), p.pid, reused)}')
      want(youngest(old, p.pid, used) >= 0, 'the parent')
      begin = time.monotonic()
      child = p.ask('fork', *reused)
      t.until_pids(p, child)
      seen = wait_until(lambda: (s := regions()) and ages(s, child, idle) and s, 30, 'the regions of the child')
      since = time.monotonic() - begin
      oldest = [age for size, age, _ in ages(seen, child, idle) if size >= MIB]
      want(oldest and min(oldest) >= 12, f'the age of what the child has of its parent: {ages(seen, child, idle)}')
      for area in (reused, used):
        of_child = ages(seen, child, area)
        want(all(age <= since for _, age, _ in of_child), f'{since:.1f} s after the fork what is new is older: {of_child}')


HERD = os.path.join(acting.build, 'tests/system/herd')
STAY, RATE, SECONDS = 300, 50, 20


class Herd:
  """Many small processes of one name in one cgroup, and others of that name that come and go on demand."""

  def __init__(self, name, cgroup_path, count):
    make(cgroup_path)
    self.cgroup = cgroup_path
    self.process = subprocess.Popen([HERD, name, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                    preexec_fn=lambda: move(os.getpid(), cgroup_path))
    # the parent is one of them
    self.pids = sorted([self.process.pid, *map(int, self.process.stdout.readline().split())])

  def churn(self):
    self.process.stdin.write(f'churn {RATE} {SECONDS} 3000\n')
    self.process.stdin.flush()

  def churned(self):
    """How many came, once they have all gone."""
    return int(self.process.stdout.readline())

  def end(self):
    self.process.stdin.close()
    self.process.wait()
    self.process.stdout.close()


def is_in(pid, path):
  """False also where it has ended."""
  try:
    return acting.read(f'/proc/{pid}/cgroup').strip().endswith(':' + path)
  except OSError:
    return False


def held(pid):
  """Descriptors, and resident memory in KiB."""
  return len(os.listdir(f'/proc/{pid}/fd')), int(acting.read(f'/proc/{pid}/status').split('VmRSS:')[1].split()[0])


def ids(told):
  return {t['pid']: t['id'] for t in told['targets'] if t['state'] == 'running'}


def check_during_churn(monitors, herds, known):
  """One look at each monitor: those that stay are there under their numbers, and nobody is the other's."""
  most = 0
  for monitor, herd, other in ((*monitors[:1], *herds), (*monitors[1:], *reversed(herds))):
    now = ids(monitor.told())
    lost = [pid for pid in herd.pids if now.get(pid) != known[monitor.name][pid]]
    same(lost, [], f'targets of {monitor.name} that were lost or found anew')
    same([pid for pid in now if is_in(pid, other.cgroup)], [], f'targets of {monitor.name} that are of the other')
    most = max(most, len(now))
  return most


def run_churn(server, monitors, herds, known):
  """100 processes a second; returns how many were targets at a time, and the daemon's share of the CPU."""
  spent, begin, most, shares = server.call('status')['runtime']['cpu_ns'], time.monotonic(), 0, []
  for herd in herds:
    herd.churn()
  while time.monotonic() < begin + SECONDS:
    most = max(most, check_during_churn(monitors, herds, known))
    shares.append(server.call('status')['runtime']['cpu_share'])
    time.sleep(1)
  spent, seconds = server.call('status')['runtime']['cpu_ns'] - spent, time.monotonic() - begin
  same([herd.churned() for herd in herds], [RATE * SECONDS] * 2, 'processes that came and went')
  for monitor, herd in zip(monitors, herds):
    monitor.until_pids(*herd.pids, seconds=120)
    same(ids(monitor.told()), known[monitor.name], f'targets of {monitor.name} after the churn')
  return most, spent / seconds / 1e9, min(shares[3:])  # before, it was still at what came before


def churn(_):
  """two monitors of 301 targets each and 100 processes a second that come and go: none is lost or mixed up, none leaks"""
  with acting.Daemon(limit=f'{LIMIT}%', socket='/tmp/churn.socket') as server:
    before = held(server.process.pid)
    herds = [Herd('udt-a', '/many-a', STAY), Herd('udt-b', '/many-b', STAY)]
    options = ('--regions', '10,1500')
    with Targets(server, '--cgroup', '/many-a', *options, intervals=SLOW) as a, \
         Targets(server, '--command', 'udt-b*', *options, intervals=SLOW) as b:
      for monitor, herd in zip((a, b), herds):
        monitor.until_pids(*herd.pids, seconds=60)
      known = {m.name: ids(m.told()) for m in (a, b)}
      settled, weights = held(server.process.pid)[0], []
      for _ in range(2):
        most, share, least = run_churn(server, (a, b), herds, known)
        wait_until(lambda: held(server.process.pid)[0] <= settled, 60,
                   lambda: f'{settled} descriptors as before the churn, but {held(server.process.pid)}')
        weights.append(held(server.process.pid))
        # it takes its time to settle, and a busy machine makes all of this slower
        want(least <= 2 * LIMIT / 100, f'the limit on the CPU time kept: {least:.1%} at least')
        print(f'churn: up to {most} targets of one monitor, {share:.1%} of the CPU, the limit is {LIMIT}%, the least that '
              f'the daemon measured {least:.1%}, descriptors and KiB {weights[-1]}', file=sys.stderr, flush=True)
      want(weights[1][1] <= weights[0][1] + 512, f'memory that grows with the churn: {weights}')
      for m in (a, b):
        entry = m.told()['entries'][0]
        same((entry['targets'], entry['found'] - entry['ended'] - entry['left']), (STAY + 1, STAY + 1), f'counts of {m.name}: {entry}')
        want(entry['found'] > STAY + 1, 'others that were found')
        same(m.told()['refused'], 0, 'processes without room')
      for herd in herds:
        herd.end()
      a.until_waiting('no such process', 60)
      b.until_waiting('no process of that name', 60)
    wait_until(lambda: held(server.process.pid)[0] <= before[0], 60, lambda: f'descriptors to be closed: {held(server.process.pid)}, {before} before')
  for herd in herds:
    remove(herd.cgroup)


acting.main([cgroup, unit, user, size, overlap, notice, forks, churn])
