# SPDX-License-Identifier: GPL-2.0-or-later
"""Within the guest, which processes a monitor watches, when real cgroups and processes come and go: test-targets.py
BUILD_DIR [CHECK...] prints a line of result for each check."""
import os

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


class Targets:
  """A monitor of what the client's options say."""
  last = 0

  def __init__(self, server, *options):
    Targets.last += 1
    self.server, self.name = server, f't{Targets.last}'
    server.call('start', *options, '--name', self.name, '--source', 'idle', '--intervals', '20ms,200ms,500ms')

  def __enter__(self):
    return self

  def __exit__(self, *_):
    if self.server.process.poll() is None:
      self.server.call('stop', self.name, parse=False)

  def runtime(self):
    return next(m['runtime'] for m in self.server.call('status')['runtime']['monitors'] if m['name'] == self.name)

  def pids(self):
    return sorted(t['pid'] for t in self.runtime()['targets'] if t['state'] == 'running')

  def until_pids(self, *puppets, seconds=15):
    wanted = sorted(getattr(p, 'pid', p) for p in puppets)
    wait_until(lambda: self.pids() == wanted, seconds, lambda: f'the targets {wanted}, but {self.runtime()["targets"]}')

  def until_waiting(self, text):
    wait_until(lambda: text in self.runtime().get('message', ''), 10, lambda: f'{text!r}, but {self.runtime().get("message")!r}')
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


acting.main([cgroup])
