#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One measured run of a workload whose hot half flips, within a guest of a fast and a slow node.

Every second of CLOCK_MONOTONIC it reads on which node each half is, the CPU times, and what was moved. Before, it takes
away from the fast node all but --room, so that not all of the workload fits there. Figures as JSON on standard output.
"""
import argparse
import ctypes
import json
import mmap
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import inside  # noqa: E402
from inside import ADMIN, get, put  # noqa: E402

MIB = 1 << 20
NODES = '/sys/devices/system/node'
U64_MAX = (1 << 64) - 1


def cpu_ns(pid):
  return time.clock_gettime_ns((~pid << 3) | 2) if pid else 0


def node_memory(node, field):
  return next(int(line.split()[3]) for line in get(f'{NODES}/node{node}/meminfo').splitlines() if field in line) << 10


def node_free(node):
  return node_memory(node, 'MemFree')


def take_room(room):
  """Locked, so that nobody moves it away."""
  libc = ctypes.CDLL(None, use_errno=True)
  kept = []
  while node_free(0) > room + MIB:
    piece = mmap.mmap(-1, min(16 * MIB, (node_free(0) - room) // 4096 * 4096))
    address = ctypes.addressof(ctypes.c_char.from_buffer(piece))
    if libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(len(piece))) != 0:
      sys.exit(f'inside-tiering: mlock: {os.strerror(ctypes.get_errno())}')
    kept.append(piece)
  return kept


class Nobody:
  pid = 0

  def __init__(self, args):
    self.args = args

  def begin(self):
    pass

  def start(self, target):
    pass

  def moved(self):
    """Bytes to the fast node and from it, since it began."""
    return 0, 0

  def end(self):
    return {}


class Balancing(Nobody):
  """The kernel's NUMA balancing in its mode for tiers, and demotion by reclaim."""

  def counters(self):
    values = dict(line.split() for line in get('/proc/vmstat').splitlines())
    down = sum(int(v) for k, v in values.items() if k.startswith('pgdemote_'))
    return int(values['pgpromote_success']) * 4096, down * 4096

  def begin(self):
    put('/sys/kernel/mm/numa/demotion_enabled', 'true')
    put('/proc/sys/kernel/numa_balancing', 2)

  def start(self, target):
    self.before = self.counters()
    self.pid = next(int(p) for p in os.listdir('/proc') if p.isdigit() and get(f'/proc/{p}/comm').strip() == 'kswapd0')

  def moved(self):
    return tuple(now - then for now, then in zip(self.counters(), self.before))


class Udamon(inside.Udamon):
  def start(self, target):
    with open('/tmp/tiering.yaml', 'w', encoding='ascii') as file:
      file.write(self.args.schemes)
    words = ['--pid', str(target), '--name', 'bench', '--seed', str(self.args.seed), '--scheme', '/tmp/tiering.yaml']
    words += ['--intervals', self.args.intervals] if self.args.intervals else []
    self.call('start', *words)

  def schemes(self):
    return {s['name']: s['runtime'] for s in self.call('schemes', 'bench')['monitors'][0]['schemes']}

  def moved(self):
    schemes = self.schemes()
    return schemes['promote']['applied_bytes'], schemes['demote']['applied_bytes']

  def end(self):
    figures = {'schemes': self.schemes(), 'nodes': self.call('nodes')['nodes']}
    self.daemon.terminate()
    return figures | {'daemon': self.daemon.wait()}


class KernelDamon(Nobody):
  """Two kdamonds of the guest's own kernel, each over the physical memory of a node."""

  def ranges(self, node):
    size = int(get('/sys/devices/system/memory/block_size_bytes'), 16)
    blocks = sorted(int(m[1]) for m in (re.fullmatch(r'memory(\d+)', name) for name in os.listdir(f'{NODES}/node{node}')) if m)
    return blocks[0] * size, (blocks[-1] + 1) * size

  def set_up(self, index, action, to, pattern):
    context = f'{ADMIN}/{index}/contexts/0'
    put(f'{ADMIN}/{index}/contexts/nr_contexts', 1)
    put(f'{context}/operations', 'paddr')
    for name, value in zip(('sample_us', 'aggr_us', 'update_us'), (5000, 100000, 1000000)):
      put(f'{context}/monitoring_attrs/intervals/{name}', value)
    put(f'{context}/targets/nr_targets', 1)
    put(f'{context}/targets/0/regions/nr_regions', 1)
    start, end = self.ranges(index)
    put(f'{context}/targets/0/regions/0/start', start)
    put(f'{context}/targets/0/regions/0/end', end)
    put(f'{context}/schemes/nr_schemes', 1)
    scheme = f'{context}/schemes/0'
    values = {'action': action, 'target_nid': to, 'access_pattern/sz/min': 4096, 'access_pattern/sz/max': U64_MAX, **pattern,
              'quotas/bytes': self.args.quota, 'quotas/reset_interval_ms': 1000, 'quotas/weights/nr_accesses_permil': 1,
              'quotas/weights/age_permil': 1}
    for name, value in values.items():
      put(f'{scheme}/{name}', value)

  def start(self, target):
    put(f'{ADMIN}/nr_kdamonds', 2)
    self.set_up(0, 'migrate_cold', 1, {'access_pattern/nr_accesses/min': 0, 'access_pattern/nr_accesses/max': 0,
                                       'access_pattern/age/min': self.args.idle * 10, 'access_pattern/age/max': (1 << 32) - 1})
    self.set_up(1, 'migrate_hot', 0, {'access_pattern/nr_accesses/min': 1, 'access_pattern/nr_accesses/max': 20,
                                      'access_pattern/age/min': 0, 'access_pattern/age/max': (1 << 32) - 1})
    for index in (0, 1):
      put(f'{ADMIN}/{index}/state', 'on')
    self.pid = int(get(f'{ADMIN}/0/pid'))
    self.other = int(get(f'{ADMIN}/1/pid'))

  def moved(self):
    found = []
    for index in (1, 0):
      put(f'{ADMIN}/{index}/state', 'update_schemes_stats')
      found.append(int(get(f'{ADMIN}/{index}/contexts/0/schemes/0/stats/sz_applied')))
    return tuple(found)


def truth_events(path):
  return [json.loads(line) for line in get(path).splitlines()]


def where(pid, regions):
  """Of each region, bytes by node."""
  found = {name: [0, 0] for name in regions}
  for line in get(f'/proc/{pid}/numa_maps').splitlines():
    words = line.split()
    name = next((n for n, (start, length) in regions.items() if start <= int(words[0], 16) < start + length), None)
    for word in words if name else ():
      m = re.fullmatch(r'N([01])=(\d+)', word)
      if m:
        found[name][int(m[1])] += int(m[2]) * 4096
  return found


def run(args):
  monitor = {'none': Nobody, 'balancing': Balancing, 'udamon': Udamon, 'kdamon': KernelDamon}[args.tool](args)
  kept = take_room(args.room)
  monitor.begin()
  process = subprocess.Popen(args.command + ['-t', args.truth], stdout=subprocess.DEVNULL)
  inside.wait_for_phase(args.truth, process)
  monitor.start(process.pid)
  regions = {e['name']: (e['addr'], e['mapped_len']) for e in truth_events(args.truth) if e['event'] == 'region'}
  series, due = [], time.monotonic()
  while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
    try:
      on = where(process.pid, regions)
    except OSError:
      break
    cpu = cpu_ns(monitor.pid) + cpu_ns(getattr(monitor, 'other', 0))
    series.append({'t': time.monotonic_ns(), 'on': on, 'cpu': cpu, 'moved': monitor.moved(), 'free': node_free(0)})
    due += 1
    time.sleep(max(0, due - time.monotonic()))
  figures = monitor.end()
  _, status, resources = os.wait4(process.pid, 0)
  if status:
    sys.exit(f'inside-tiering: the workload ended with status {status}')
  phases = {e['name']: e['start_mono_ns'] for e in truth_events(args.truth) if e['event'] == 'phase'}
  shutil.copy(args.truth, args.out + '.truth')
  del kept
  return {'tool': args.tool, 'series': series, 'phases': phases, 'sizes': {n: length for n, (_, length) in regions.items()},
          'fast_total': node_memory(0, 'MemTotal'),
          'workload_cpu_ns': round((resources.ru_utime + resources.ru_stime) * 1e9), **figures}


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--tool', choices=['none', 'balancing', 'udamon', 'kdamon'], default='none')
  parser.add_argument('--build', default='build/bench')
  parser.add_argument('--intervals', default='')
  parser.add_argument('--cpu-limit', default='')
  parser.add_argument('--seed', type=int, default=1)
  parser.add_argument('--schemes', default='', help='YAML')
  parser.add_argument('--quota', type=int, default=0, help='bytes per second and direction, of kernel DAMON')
  parser.add_argument('--idle', type=int, default=10, help='seconds after which memory is cold, for kernel DAMON')
  parser.add_argument('--room', type=int, required=True, help='bytes of the fast node that stay free')
  parser.add_argument('--truth', default='/tmp/truth.jsonl')
  parser.add_argument('--out', required=True)
  parser.add_argument('command', nargs='+')
  json.dump(run(parser.parse_args()), sys.stdout)
  print()


if __name__ == '__main__':
  main()
