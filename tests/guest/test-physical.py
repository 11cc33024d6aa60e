#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Within the guest, which has two NUMA nodes: monitors of physical memory, against programs whose memory is known.

Wants zram swap and memory cgroups.
"""
import json
import array
import os
import statistics

from acting import ARENA, LRU, MIB, PAGE, Puppet, Refused, between, brief, cold, flow, page, read, same, scheme, swap, wait_until, want, write

BUDDY, HUGE = 1 << 10, 1 << 17
HOT = COLD = 64 * MIB
AREA = 24 * MIB
WINDOWS = 6


class Physical:
  """A monitor of all memory."""
  last = 0

  def __init__(self, server, *options, schemes=(), intervals=''):
    Physical.last += 1
    self.server, self.name = server, f'p{Physical.last}'
    if schemes:
      write('/tmp/schemes.yaml', 'schemes:\n' + ''.join(f'  - {flow(s)}\n' for s in schemes))
    server.call('start', '--physical', '--name', self.name, '--seed', '1', *options, *(['--intervals', intervals] if intervals else []),
                *(['--scheme', '/tmp/schemes.yaml'] if schemes else []))

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.server.call('stop', self.name, parse=False)

  def points(self):
    return self.server.call('wss', self.name)['points']

  def after(self, windows, since=None):
    """The working sets of so many windows from now on, or since so many."""
    first = since if since is not None else len(self.points()) if self.started() else 0
    wait_until(lambda: self.started() and len(self.points()) >= first + windows, 3600, f'{windows} windows more')
    return [p['working_set'] for p in self.points()[first:]]

  def started(self):
    monitor = next(m for m in self.server.call('status')['runtime']['monitors'] if m['name'] == self.name)
    return monitor['runtime']['snapshots'] > 0

  def runtime(self):
    return next(m for m in self.server.call('status')['runtime']['monitors'] if m['name'] == self.name)['runtime']

  def regions(self):
    return self.server.call('regions', self.name)

  def scheme(self):
    runtime = self.server.call('schemes', self.name)['monitors'][0]['schemes'][0]['runtime']
    runtime['outcomes'] = {o['outcome']: o['bytes'] for o in runtime['outcomes']}
    return runtime

  def until(self, ready, seconds):
    wait_until(lambda: ready(self.scheme()), seconds, lambda: brief(self.scheme()))


def flags_of_all():
  flags = array.array('Q')
  with open('/proc/kpageflags', 'rb', buffering=0) as file:
    while data := os.read(file.fileno(), MIB):
      flags.frombytes(data)
  return flags


def node_sizes():
  """Bytes of memory by node, and of all that is free."""
  sizes, free = {}, 0
  for name in sorted(os.listdir('/sys/devices/system/node')):
    if name.startswith('node') and name[4:].isdigit():
      for line in read(f'/sys/devices/system/node/{name}/meminfo').splitlines():
        words = line.split()
        if words[2] == 'MemTotal:':
          sizes[name] = int(words[3]) * 1024
        elif words[2] == 'MemFree:':
          free += int(words[3]) * 1024
  return sizes, free


class Scene:
  """Two monitors at once, and a program; what several checks look at."""

  def __init__(self, server):
    self.monitors = {'directed': Physical(server, '--policy', 'directed'), 'defaults': Physical(server)}
    self.puppet = Puppet()
    self.hot, self.cold = self.puppet.map('anon', HOT), self.puppet.map('anon', COLD)
    for m in self.monitors.values():
      m.after(2)  # what there is has been found by then
    self.before = {name: statistics.median(w['bytes'] for w in sets) for name, sets in self.next(3).items()}
    self.puppet.do('beat', self.hot, 30)
    self.next(2)
    self.after = self.next(WINDOWS)

  def next(self, windows):
    """The working sets of the next windows of both."""
    first = {name: len(m.points()) for name, m in self.monitors.items()}
    return {name: m.after(windows, first[name])[:windows] for name, m in self.monitors.items()}


scene = None


# ---- Monitoring ----

def nodes_are_targets(server):
  """physical memory: each NUMA node is a target, and all of its memory is watched"""
  global scene
  scene = Scene(server)
  regions = scene.monitors['directed'].regions()
  sizes, _ = node_sizes()
  same([t['command'] for t in regions['targets']], sorted(sizes), 'the targets')
  total = regions['working_set']['total_bytes']
  # what the kernel took for itself before it counted is no part of MemTotal
  between(total, sum(sizes.values()), sum(sizes.values()) + 96 * MIB, 'bytes watched')
  for target in regions['targets']:
    between(target['resident_bytes'], 1, sizes[target['command']], f"in use on {target['command']}")


def working_set(policy):
  """The median error of the working set of a program that comes on top of what the machine does anyway."""
  before = scene.before[policy]
  found = [w['bytes'] - before for w in scene.after[policy]]
  same(len(found), WINDOWS, 'windows')
  error = statistics.median(abs(bytes - HOT) / HOT for bytes in found)
  want(error <= 0.10, f'{error:.1%} beside {HOT // MIB} MiB ({before / MIB:.1f} MiB before): {[round(b / MIB, 1) for b in found]}')
  want(scene.puppet.present(scene.cold) == COLD, 'the cold memory is resident')
  print(f'     {policy}: median error {error:.1%}, {before / MIB:.1f} MiB of the rest', flush=True)


def working_set_directed(server):
  """physical memory: the working set of a known program, within 10 % at the median (policy directed)"""
  working_set('directed')


def working_set_default(server):
  """physical memory: the working set of a known program, within 10 % at the median (defaults)"""
  working_set('defaults')


def free_is_apart(server):
  """physical memory: what is free, the kernel's or hugetlb's is apart, by what the kernel says of each page"""
  flags = flags_of_all()
  free = sum(1 for f in flags if f & BUDDY) * PAGE
  huge = sum(1 for f in flags if f & HUGE) * PAGE
  lru = sum(1 for f in flags if f & LRU) * PAGE
  monitor = scene.monitors['directed']
  now = monitor.points()[-1]['working_set']
  total = now['total_bytes']
  between(now['free_bytes'], free - 0.05 * total, free + 0.05 * total, f'free, {free} in truth')
  between(now['hugetlb_bytes'], huge - 0.03 * total, huge + 0.03 * total, f'hugetlb, {huge} in truth')
  want(now['kernel_bytes'] > 0, 'the kernel has memory')

  # hot and cold together are what is on the lists
  idle = server.call('idle', monitor.name)
  between(idle['checked_bytes'], 0.85 * lru, 1.15 * lru, f'memory that is hot or cold, {lru} on the lists')
  counters = monitor.runtime()
  reasons = {u['reason']: u['samples'] for u in counters['untrackable']}
  want(reasons.get('free', 0) > 0 and reasons.get('kernel', 0) > 0 and reasons.get('hugetlb', 0) > 0, f'samples by reason: {reasons}')
  want(counters['syscalls_max_cold'] <= 3, f"{counters['syscalls_max_cold']} calls for a cold sample")
  print(f"     free {now['free_bytes'] / free:.3f}, hot or cold {idle['checked_bytes'] / lru:.3f} of the truth", flush=True)


def recordings(server):
  """record: a recording of physical memory shows what the monitor itself shows, free and kernel memory apart"""
  name, path = scene.monitors['directed'].name, '/tmp/physical.db'
  sequence = lambda: server.call('regions', name)['sequence']
  first = sequence()
  recorder = server.start('record', name, '-o', path, '--json')
  wait_until(lambda: sequence() >= first + 5, 600, 'five more snapshots')
  recorder.terminate()
  done = json.loads(recorder.communicate()[0])
  want(recorder.returncode == 0 and done['complete'] and done['snapshots'] >= 3, str(done))

  live = {p['sequence']: p for p in server.call('wss', name)['points']}
  points = server.call('wss', '-i', path, socket=False)['points']
  same(len(points), done['snapshots'], 'points')
  for point in points:
    same(point, live[point['sequence']], f"snapshot {point['sequence']}")
    want(point['working_set']['free_bytes'] > 0 and point['working_set']['kernel_bytes'] > 0, str(point))

  regions = server.call('regions', '-i', path, socket=False)
  same([t['command'] for t in regions['targets']], sorted(node_sizes()[0]), 'targets')
  want(any('trackable' in r and r['trackable'] < 1 for r in regions['regions']), 'regions with memory of the kernel')
  idle, now = server.call('idle', '-i', path, socket=False), server.call('idle', name)
  between(idle['checked_bytes'], 0.9 * now['checked_bytes'], 1.1 * now['checked_bytes'], 'memory that is hot or cold')
  want(server.call('heatmap', '-i', path, parse=False, socket=False).count('\n') > 5, 'a heat map')
  write('/tmp/what-if.yaml', f'schemes:\n  - {flow(cold("1s"))}\n')
  try:
    server.call('simulate', '-i', path, '--scheme', '/tmp/what-if.yaml', socket=False)
    raise AssertionError('schemes over it were simulated')
  except Refused as e:
    want('recording is of physical memory' in str(e), str(e))


def idle_system(server):
  """idle --system: from the running monitor, and from one of its own"""
  idle = server.call('idle', '--system')
  want(idle['monitor'] in {m.name for m in scene.monitors.values()}, f"the monitor that was asked is {idle['monitor']}")
  check_idle(idle)
  for monitor in scene.monitors.values():
    server.call('stop', monitor.name, parse=False)
  # now there is none
  idle = server.call('idle', '--system', '--duration', '12s', '--cpu-limit', 'none')
  same(idle['monitor'], 'system', 'the monitor that was asked')
  check_idle(idle)
  text = server.call('idle', '--system', '--duration', '2s', parse=False)
  want('apart, neither accessed nor idle: free' in text, text)
  want('a second read or written' in text, text)
  scene.puppet.__exit__()


def check_idle(idle):
  percentiles = [p['idle_ns'] for p in idle['percentiles']]
  same(len(percentiles), 101, 'percentiles')
  want(percentiles == sorted(percentiles), 'percentiles ascend')
  want(percentiles[100] <= idle['observed_ns'] * 1.5 + 4e9, f"idle for {percentiles[100]} ns, observed {idle['observed_ns']}")
  five = next(i['bytes'] for i in idle['idle_at_least'] if i['idle_ns'] == 5_000_000_000)
  want(five >= 0.8 * COLD, f'idle for 5 s: {five}')
  want(idle['bandwidth_bytes_per_sec'] >= HOT, f"{idle['bandwidth_bytes_per_sec']} bytes a second")
  want(0 < idle['working_set']['bytes'] < 4 * HOT, f"working set {idle['working_set']}")


# ---- Acting ----

def make_cgroups():
  root = '/sys/fs/cgroup'
  write(f'{root}/cgroup.subtree_control', '+memory')
  for name in ('a', 'b'):
    os.makedirs(f'{root}/{name}', exist_ok=True)


def of_cgroup(name):
  return page('memcg', False, matching=False, path=f'/{name}')


FAST = '50ms,500ms,2s'


def pageout_by_cgroup(server):
  """pageout: over physical memory, only pages of the cgroup that a filter names; those that come back are counted"""
  make_cgroups()
  swap(200 * MIB)
  with Puppet('a') as a, Puppet('b') as b, Puppet('a') as c:
    mine, hot, other, third = a.map('anon', AREA), a.map('anon', 8 * MIB), b.map('anon', AREA), c.map('anon', AREA)
    a.do('beat', hot, 20)
    with Physical(server, '--policy', 'directed', schemes=[cold('2s', filters=[of_cgroup('a')])], intervals=FAST) as m:
      m.until(lambda s: a.swapped() >= AREA / 2 and c.swapped() >= AREA / 2, 120)
      # what has gone is counted when its plan is settled
      m.until(lambda s: s['applied_bytes'] >= 0.85 * (a.swapped() + c.swapped()), 60)
      state = m.scheme()
      out = a.swapped() + c.swapped()
      want(out >= 0.85 * state['applied_bytes'], f'swapped {out}, by the processes; {brief(state)}')
      # to other frames, but to the same addresses
      gone = a.swapped()
      a.unharmed(mine)
      m.until(lambda s: s['refaulted_bytes'] >= 0.5 * gone, 60)
      after = m.scheme()
      want(after['refaulted_bytes'] <= after['applied_bytes'], brief(after))
    same(b.swapped(), 0, 'swapped of another cgroup')
    same(b.present(other), AREA, 'resident of another cgroup')
    want(state['outcomes'].get('filtered', 0) > 0, brief(state))
    # what is accessed stays, but for what a region has beside it
    want(a.present(hot) >= 0.75 * hot[1], f'resident of what is accessed: {a.present(hot)}')
    a.unharmed(mine)
    c.unharmed(third)
    tell(state)


def whole_machine(server):
  """pageout: over all physical memory: what cannot be reached has a name; the daemon and init are left alone"""
  swap(300 * MIB)
  write('/tmp/cache', 'x' * (8 * MIB))
  with Puppet() as p:
    p.map('anon', AREA)
    with Physical(server, '--policy', 'directed', schemes=[cold('2s', filters=[])], intervals=FAST) as m:
      m.until(lambda s: p.swapped() >= AREA / 2, 120)
      # what is swapped is seen before the plan has ended and is counted
      m.until(lambda s: all(s['outcomes'].get(name, 0) > 0 for name in ('nothing', 'no_mapping', 'protected', 'shared')), 60)
      state = m.scheme()
    same(status_of(server.process.pid, 'VmSwap'), 0, 'swapped of the daemon')
    same(status_of(1, 'VmSwap'), 0, 'swapped of init')
    server.alive()
    tell(state)


def on_node(pid, node):
  """Bytes of a process's arena that are on a node."""
  pages = 0
  for line in read(f'/proc/{pid}/numa_maps').splitlines():
    words = line.split()
    if int(words[0], 16) >= ARENA[0] and int(words[0], 16) < ARENA[1]:
      pages += sum(int(word.split('=')[1]) for word in words if word.startswith(f'N{node}='))
  return pages * PAGE


def migrate_by_cgroup(server):
  """migrate_cold: over physical memory, idle pages of a cgroup go to the other node"""
  make_cgroups()
  with Puppet('a') as p:
    area = p.map('anon', 16 * MIB)
    here = on_node(p.pid, 0)
    schemes = [cold('1s', action='migrate_cold', to=[1], filters=[of_cgroup('a')])]
    with Physical(server, '--policy', 'directed', schemes=schemes, intervals=FAST) as m:
      m.until(lambda s: on_node(p.pid, 1) >= area[1] / 2, 120)
      # what has moved is counted when its plan is settled
      m.until(lambda s: s['applied_bytes'] >= 0.25 * here, 60)
      state = m.scheme()
    p.unharmed(area)
    tell(state)


def churn(server):
  """pageout: over physical memory while processes come and go: nothing is harmed"""
  make_cgroups()
  swap(200 * MIB)
  with Puppet('a') as p:
    area = p.map('anon', 16 * MIB)
    with Physical(server, '--policy', 'directed', schemes=[cold('500ms', filters=[of_cgroup('a')])], intervals='50ms,200ms,1s') as m:
      p.do('burst', (60, MIB))
      m.until(lambda s: p.swapped() >= 0.5 * area[1], 120)
      same(p.ask('reap'), 0, 'children that were harmed')
      state = m.scheme()
    p.unharmed(area)
    print(f'     {brief(state)}', flush=True)


def refused(server):
  """schemes over physical memory: what is about addresses of processes is refused, with the reason"""
  for action in ('willneed', 'hugepage', 'collapse', 'nohugepage'):
    try:
      with Physical(server, schemes=[scheme(action, [])]):
        raise AssertionError(f'{action} was taken')
    except Refused as e:
      want('side by side in physical memory' in str(e), str(e))


def tell(state):
  print(f"     {state['applied_bytes'] / MIB:.1f} MiB applied of {state['tried_bytes'] / MIB:.1f}, {state['time_ns'] / 1e6:.0f} ms, "
        f"{state['outcomes']}", flush=True)


def status_of(pid, name):
  for line in read(f'/proc/{pid}/status').splitlines():
    if line.startswith(name + ':'):
      return int(line.split()[1])
  return 0


CHECKS = (nodes_are_targets, free_is_apart, working_set_directed, working_set_default, recordings, idle_system,
          pageout_by_cgroup, whole_machine, migrate_by_cgroup, churn, refused)

if __name__ == '__main__':
  import acting
  acting.main(CHECKS)
