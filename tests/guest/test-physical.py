#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Within the guest, which has two NUMA nodes: monitors of physical memory, against programs whose memory is known.

Wants zram swap and memory cgroups.
"""
import json
import os
import statistics
import time

from acting import MIB, PAGE, PFN, PRESENT, Puppet, between, numbers, read, same, wait_until, want

BUDDY, HUGE = 1 << 10, 1 << 17
HOT = COLD = 64 * MIB
WINDOWS = 8


class Physical:
  """A monitor of all memory."""
  last = 0

  def __init__(self, server, *options):
    Physical.last += 1
    self.server, self.name = server, f'p{Physical.last}'
    server.call('start', '--physical', '--name', self.name, '--seed', '1', *options)

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.server.call('stop', self.name, parse=False)

  def points(self):
    return self.server.call('wss', self.name)['points']

  def after(self, windows, seconds=60):
    """The working sets of so many windows from now on."""
    first = len(self.points()) if self.started() else 0
    wait_until(lambda: self.started() and len(self.points()) >= first + windows, seconds, f'{windows} windows more')
    return [p['working_set'] for p in self.points()[first:]]

  def started(self):
    monitor = next(m for m in self.server.call('status')['runtime']['monitors'] if m['name'] == self.name)
    return monitor['runtime']['snapshots'] > 0

  def runtime(self):
    return next(m for m in self.server.call('status')['runtime']['monitors'] if m['name'] == self.name)['runtime']

  def regions(self):
    return self.server.call('regions', self.name)


def frames_of(area_owner, area):
  return {entry & PFN for entry in area_owner.entries(area) if entry & PRESENT}


def flags_of_all():
  with open('/proc/kpageflags', 'rb') as file:
    data = file.read()
  return memoryview(data).cast('Q')


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


# ---- Monitoring ----

def nodes_are_targets(server):
  """physical memory: each NUMA node is a target, and all of its memory is watched"""
  with Physical(server) as m:
    m.after(1)
    regions = m.regions()
    sizes, _ = node_sizes()
    same([t['command'] for t in regions['targets']], sorted(sizes), 'the targets')
    total = regions['working_set']['total_bytes']
    # what the kernel took for itself before it counted is no part of MemTotal
    between(total, sum(sizes.values()), sum(sizes.values()) + 96 * MIB, 'bytes watched')
    for target in regions['targets']:
      between(target['resident_bytes'], 1, sizes[target['command']], f"in use on {target['command']}")


def working_set(server, policy):
  """The median error of the working set of a program that comes on top of what the machine does anyway."""
  with Physical(server, '--policy', policy) as m, Puppet() as p:
    hot, cold = p.map('anon', HOT), p.map('anon', COLD)
    before = statistics.median(w['bytes'] for w in m.after(WINDOWS)[2:])
    p.do('beat', hot, 30)
    m.after(2)
    found = [w['bytes'] - before for w in m.after(WINDOWS)]
    error = statistics.median(abs(bytes - HOT) / HOT for bytes in found)
    want(error <= 0.10, f'{error:.1%} beside {HOT // MIB} MiB ({before / MIB:.1f} MiB before): {[round(b / MIB, 1) for b in found]}')
    want(p.present(cold) == COLD, 'the cold memory is resident')
    print(f'     {policy}: median error {error:.1%}, {before / MIB:.1f} MiB of the rest', flush=True)


def working_set_directed(server):
  """physical memory: the working set of a known program, within 10 % at the median (policy directed)"""
  working_set(server, 'directed')


def working_set_default(server):
  """physical memory: the working set of a known program, within 10 % at the median (defaults)"""
  working_set(server, 'classic')


def free_is_apart(server):
  """physical memory: what is free, the kernel's or hugetlb's is apart, by what the kernel says of each page"""
  with Physical(server, '--policy', 'directed') as m, Puppet() as p:
    p.map('anon', COLD)
    sets = m.after(6)
    flags = flags_of_all()
    free = sum(1 for f in flags if f & BUDDY) * PAGE
    huge = sum(1 for f in flags if f & HUGE) * PAGE
    total = sets[-1]['total_bytes']
    between(statistics.median(w['free_bytes'] for w in sets[-3:]), free - 0.05 * total, free + 0.05 * total, f'free, {free} in truth')
    between(sets[-1]['hugetlb_bytes'], huge - 0.03 * total, huge + 0.03 * total, f'hugetlb, {huge} in truth')
    want(sets[-1]['kernel_bytes'] > 0, 'the kernel has memory')

    # idle memory is less than what could ever be
    idle = server.call('idle', m.name)
    lru = sum(v for k, v in numbers('/proc/meminfo').items() if k in ('Active', 'Inactive', 'Unevictable')) * 1024
    between(idle['checked_bytes'], 0.85 * lru, 1.15 * lru, f'memory that is hot or cold, {lru} on the lists')
    counters = m.runtime()
    reasons = {u['reason']: u['samples'] for u in counters['untrackable']}
    want(reasons.get('free', 0) > 0 and reasons.get('kernel', 0) > 0, f'samples by reason: {reasons}')
    want(counters['syscalls_max_cold'] <= 3, f"{counters['syscalls_max_cold']} calls for a cold sample")


def idle_system(server):
  """idle --system: from the running monitor, and from one of its own"""
  with Puppet() as p:
    hot, _ = p.map('anon', HOT), p.map('anon', COLD)
    p.do('beat', hot, 30)
    with Physical(server, '--policy', 'directed') as m:
      m.after(6)
      idle = server.call('idle', '--system')
      same(idle['monitor'], m.name, 'the monitor that was asked')
      check_idle(idle)
    # now there is none
    idle = server.call('idle', '--system', '--duration', '12s', '--cpu-limit', 'none')
    same(idle['monitor'], 'system', 'the monitor that was asked')
    check_idle(idle)
    text = server.call('idle', '--system', '--duration', '2s', parse=False)
    want('apart, neither accessed nor idle: free' in text, text)
    want('a second read or written' in text, text)


def check_idle(idle):
  percentiles = [p['idle_ns'] for p in idle['percentiles']]
  same(len(percentiles), 101, 'percentiles')
  want(percentiles == sorted(percentiles), 'percentiles ascend')
  want(percentiles[100] <= idle['observed_ns'] * 1.5 + 4e9, f"idle for {percentiles[100]} ns, observed {idle['observed_ns']}")
  five = next(i['bytes'] for i in idle['idle_at_least'] if i['idle_ns'] == 5_000_000_000)
  want(five >= 0.8 * COLD, f'idle for 5 s: {five}')
  want(idle['bandwidth_bytes_per_sec'] >= HOT, f"{idle['bandwidth_bytes_per_sec']} bytes a second")
  want(0 < idle['working_set']['bytes'] < 4 * HOT, f"working set {idle['working_set']}")


CHECKS = (nodes_are_targets, free_is_apart, working_set_directed, working_set_default, idle_system)

if __name__ == '__main__':
  import acting
  acting.main(CHECKS)
