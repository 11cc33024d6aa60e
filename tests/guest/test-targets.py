# SPDX-License-Identifier: GPL-2.0-or-later
"""Within the guest, which processes a monitor watches, when real cgroups and processes come and go: test-targets.py
BUILD_DIR [CHECK...] prints a line of result for each check."""
import os
import subprocess
import time

import acting
from acting import MIB, Puppet, same, wait_until, want, write

ROOT = '/sys/fs/cgroup'


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


def descriptors(server):
  return len(os.listdir(f'/proc/{server.process.pid}/fd'))


def churn(server):
  """two monitors, 60 targets each, and others that come and go all the time: none is lost or mixed up"""
  make('/many')
  before = descriptors(server)
  stay = [subprocess.Popen(['sleep', '1000'], preexec_fn=lambda: move(os.getpid(), '/many')) for _ in range(60)]
  pids = sorted(p.pid for p in stay)
  slow = '500ms,2s,10s'  # hundreds of targets cost some thousand checks a second even so
  with Targets(server, '--cgroup', '/many', intervals=slow) as t, Targets(server, '--command', 'sleep', intervals=slow) as u:
    t.until_pids(*pids, seconds=60)
    u.until_pids(*pids, seconds=60)
    ids = {x['pid']: x['id'] for x in t.runtime()['targets']}
    end, n = time.monotonic() + 10, 0
    while time.monotonic() < end:
      short = [subprocess.Popen(['sleep', '0.3'], preexec_fn=lambda: move(os.getpid(), '/many')) for _ in range(10)]
      n += len(short)
      for p in short:
        p.wait()
    t.until_pids(*pids, seconds=60)
    u.until_pids(*pids, seconds=60)
    after = {x['pid']: x['id'] for x in t.runtime()['targets'] if x['state'] == 'running'}
    same(after, ids, f'the targets that stayed while {n} others came and went')
    wait_until(lambda: t.runtime()['regions'] <= 1000, 15, 'no more regions than there may be')
    for p in stay:
      p.kill()
    for p in stay:
      p.wait()
    t.until_waiting('no such process', 60)
    u.until_waiting('no process of that name', 60)
    # of the monitors themselves a few remain
    wait_until(lambda: descriptors(server) <= before + 30, 60, lambda: f'descriptors to be closed: {descriptors(server)}, {before} before')
  wait_until(lambda: descriptors(server) <= before, 60, lambda: f'all descriptors to be closed: {descriptors(server)}, {before} before')
  remove('/many')


acting.main([cgroup, unit, user, size, overlap, notice, churn])
