#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Within a guest of three NUMA nodes, each a tier of its own and only the first with CPUs: what migration does, seen from
outside. Wants huge pages set aside, and memory that can go offline.
"""
import glob
import os
import socket
import subprocess
import time

import acting
from acting import (BLOCK, KIB, MIB, OUTSIDE, PAGE, Monitor, Puppet, Refused, between, brief, check_counts, read, same, scheme, want, wait_until,
                    within, write)

NODES = '/sys/devices/system/node'


def move(area, to, action='migrate_cold', **more):
  return scheme(action, [within(area)], to=to, **more)


def moved(server, target, area, to, **more):
  """One pass over an area: what came of it."""
  with Monitor(server, [target], move(area, to, **more)) as m:
    return m.done(60)


def memory(node):
  """Total and free bytes of a node."""
  words = {line.split()[2]: int(line.split()[3]) * KIB for line in read(f'{NODES}/node{node}/meminfo').splitlines()}
  return words['MemTotal:'], words['MemFree:']


def share_on(target, area, node):
  found = target.nodes(area)
  return found.get(node, 0) / max(sum(found.values()), 1)


# ---- What moves ----

def migrate_cold_moves(server):
  """migrate_cold: memory goes to the node that is named, page for page as counted, unharmed, and back again"""
  with Puppet() as p:
    area = p.map('anon', 16 * MIB)
    same(p.nodes(area), {0: area[1]}, 'where it was')
    check_counts(moved(server, p, area, [1]), tried=area[1], there=0)
    same(p.nodes(area), {1: area[1]}, 'where it is')
    check_counts(moved(server, p, area, [1]), tried=0, there=area[1])
    check_counts(moved(server, p, area, [0], action='migrate_hot'), tried=area[1])
    same(p.nodes(area), {0: area[1]}, 'where it is again')
    p.unharmed(area)


def huge_pages_move_whole(server):
  """Transparent huge pages move whole, and stay huge; their edges stay where they are"""
  write('/sys/kernel/mm/transparent_hugepage/enabled', 'madvise')
  with Puppet() as p:
    area = p.map('huge', 8 * BLOCK)
    if p.smaps('AnonHugePages', area) < area[1]:
      raise acting.Skip('no huge pages to be had')
    part = (area[0] + 16 * PAGE, 2 * BLOCK)
    check_counts(moved(server, p, part, [1]), tried=BLOCK, edge=BLOCK)
    check_counts(moved(server, p, area, [1]), tried=7 * BLOCK, there=BLOCK)
    same(p.smaps('AnonHugePages', area), area[1], 'still huge')
    same(p.nodes(area), {1: area[1]}, 'where it is')
    p.unharmed(area)


def locked_and_pool(server):
  """Locked memory moves; huge pages of hugetlbfs are unevictable"""
  with Puppet() as p:
    locked = p.map('anon', 4 * MIB)
    p.do('lock', locked)
    check_counts(moved(server, p, locked, [1]), tried=locked[1])
    same(p.nodes(locked), {1: locked[1]}, 'where it is')
    pool = p.map('pool', 4 * BLOCK)
    check_counts(moved(server, p, pool, [1]), tried=0, unevictable=pool[1])


def shared_memory_moves(server):
  """What several processes map moves, too"""
  with Puppet() as p:
    area = p.map('shmem', 4 * MIB)
    private = p.map('anon', 4 * MIB)
    p.ask('fork')
    check_counts(moved(server, p, area, [1]), tried=area[1])
    check_counts(moved(server, p, private, [1]), tried=private[1])
    same((p.nodes(area), p.nodes(private)), ({1: area[1]}, {1: private[1]}), 'where they are')


def weights(server):
  """Several nodes share memory by weight, and each page has its place"""
  to = [{'node': 0, 'weight': 1}, {'node': 1, 'weight': 3}]
  with Puppet() as p:
    area = p.map('anon', 16 * MIB)
    check_counts(moved(server, p, area, to), tried=12 * MIB, there=4 * MIB)
    same(p.nodes(area), {0: 4 * MIB, 1: 12 * MIB}, 'where it is')
    check_counts(moved(server, p, area, to), tried=0, there=16 * MIB)


def tiers(server):
  """fast, slow, lower and upper are the tiers that the kernel tells apart; 'nodes' shows them and what moved"""
  with Puppet() as p:
    area = p.map('anon', 8 * MIB)
    for word, node in (('lower', 1), ('lower', 2), ('upper', 1), ('slow', 2), ('upper', 1), ('fast', 0)):
      with Monitor(server, [p], move(area, word)) as m:
        check_counts(m.done(), tried=area[1])
        nodes = {n['node']: n for n in server.call('nodes')['nodes']}
        same(p.nodes(area), {node: area[1]}, f'to: {word}')
        same(nodes[node]['moved_in_bytes'], area[1], 'moved in')
    check_counts(moved(server, p, area, 'fast'), tried=0, there=area[1])
    reply = server.call('nodes')
    same((reply['tiers'], reply['tiers_by']), (3, 'kernel'), 'tiers')
    same([(n['tier'], n['cpus'], n['distances'][0]) for n in reply['nodes']], [(0, True, 10), (1, False, 20), (2, False, 30)], 'nodes')


def nodes_shows_where(server):
  """nodes: hot and cold memory by node, about as it is"""
  with Puppet() as p:
    hot, idle = p.map('anon', 32 * MIB), p.map('anon', 64 * MIB)
    p.do('beat', hot, 40)
    moved(server, p, idle, [2])
    with Monitor(server, [p], scheme('stat')):

      def near():
        nodes = {n['node']: n for n in server.call('nodes')['nodes']}
        return 24 * MIB <= nodes[0]['hot_bytes'] <= 56 * MIB and 56 * MIB <= nodes[2]['cold_bytes'] <= 72 * MIB

      wait_until(near, 30, lambda: server.call('nodes')['nodes'])
    text = server.call('nodes', parse=False)
    want('DISTANCES' in text and 'as the kernel ranks them' in text, text)


# ---- What does not ----

def no_such_node(server):
  """A destination that does not exist, or has no tier, is refused when it is configured"""
  with Puppet() as p:
    area = p.map('anon', MIB)
    try:
      moved(server, p, area, [7])
      want(False, 'node 7 was taken')
    except Refused as e:
      want('node 7 does not exist' in str(e), str(e))


def cpusets_hold(server):
  """A cpuset is respected, and reported"""
  cgroup = '/sys/fs/cgroup/cpuset-test'
  write('/sys/fs/cgroup/cgroup.subtree_control', '+cpuset')
  os.makedirs(cgroup, exist_ok=True)
  write(f'{cgroup}/cpuset.mems', '0-1')
  with Puppet('cpuset-test') as p:
    area = p.map('anon', 4 * MIB)
    check_counts(moved(server, p, area, [2]), tried=0, policy=area[1])
    check_counts(moved(server, p, area, 'slow'), tried=0, policy=area[1])
    check_counts(moved(server, p, area, [1]), tried=area[1])
    same(p.nodes(area), {1: area[1]}, 'where it is')


def bindings_hold(server):
  """Memory that a program has bound to a node stays there, and is counted"""
  with Puppet() as p:
    bound, free = p.map('anon', 4 * MIB), p.map('anon', 4 * MIB)
    p.do('bind', bound, 0)
    check_counts(moved(server, p, bound, [1]), tried=0, policy=bound[1])
    check_counts(moved(server, p, free, [1]), tried=free[1])
    same((p.nodes(bound), p.nodes(free)), ({0: bound[1]}, {1: free[1]}), 'where they are')


def a_node_fills_up(server):
  """A node that fills up keeps its reserve; the rest stays where it is, and is counted"""
  with Puppet() as p:
    total = memory(1)[0]
    area = p.map('anon', total // MIB * MIB)
    same(p.present(area), area[1], 'present')
    with Monitor(server, [p], move(area, [1])) as m:
      state = m.done(90)
    same(state['tried_bytes'], state['applied_bytes'], 'tried')
    between(memory(1)[1], total // 100 - MIB, total // 10, 'left free')
    same(state['tried_bytes'] + sum(state['outcomes'].values()), area[1], 'accounted for')
    want(state['outcomes']['no_room'] > 0, brief(state))
    same(p.nodes(area).get(1, 0), state['applied_bytes'] + state['outcomes'].get('there', 0), 'there')


def node_blocks(node):
  return sorted(glob.glob(f'{NODES}/node{node}/memory[0-9]*'))


def set_blocks(node, state):
  """Blocks of memory go offline, as far as the kernel lets them, or online."""
  for block in node_blocks(node):
    if read(f'{block}/state').strip() != state:
      # the kernel tries for as long as nobody interrupts it
      subprocess.run(['timeout', '10', 'sh', '-c', 'echo "$1" >"$2"', 'sh', state, f'{block}/state'], stderr=subprocess.DEVNULL, check=False)


def a_node_goes(server):
  """Memory of the destination that goes offline takes nothing with it, and nothing is lost from sight"""
  with Puppet() as p:
    area = p.map('anon', 32 * MIB)
    with Monitor(server, [p], move(area, [2], apply_interval='auto', quotas={'sz': '4MiB', 'reset_interval': '1s'})) as m:
      m.until(lambda s: s['applied_bytes'] >= 8 * MIB)
      before = memory(2)[0]
      try:
        set_blocks(2, 'offline')
        after = memory(2)[0] if os.path.exists(f'{NODES}/node2') else 0
        want(after < before, 'nothing went offline')
        state = m.until(lambda s: s['passes'] > 12, 30)
        p.unharmed(area)
        if after == 0:
          want(state['outcomes'].get('no_node', 0) > 0, brief(state))
        outcomes = set(state['outcomes']) - {'there', 'no_room', 'no_node', 'unreached', 'busy', 'unmoved', 'nothing'}
        same(outcomes, set(), 'outcomes')
        same(state['errors'], [], 'errors')
      finally:
        set_blocks(2, 'online')


SPARE = 2  # with 'run --nodes 2 --spare MIB': a node that can go as a whole


def has_spare():
  blocks = node_blocks(SPARE)
  return bool(blocks) and all('Movable' in read(f'{block}/valid_zones').split()[:1] for block in blocks)


def a_whole_node_goes(server):
  """A destination that goes offline as a whole while memory moves there: named, and resumed when it is back"""
  with Puppet() as p:
    area = p.map('anon', 48 * MIB)
    limit = {'sz': '4MiB', 'reset_interval': '1s'}
    with Monitor(server, [p], move(area, [SPARE], apply_interval='auto', quotas=limit)) as m:
      m.until(lambda s: s['applied_bytes'] >= 8 * MIB)
      same('no_node' in m.runtime()['outcomes'], False, 'no_node while it is there')
      set_blocks(SPARE, 'offline')
      # gone from sysfs, or there without memory
      same(memory(SPARE)[0] if os.path.exists(f'{NODES}/node{SPARE}') else 0, 0, 'memory of the node')
      same(p.nodes(area).get(SPARE, 0), 0, 'what was there')
      gone = m.until(lambda s: s['outcomes'].get('no_node', 0) > 0, 60)
      p.unharmed(area)
      # not a byte is said to move there any more
      passes, applied = gone['passes'], m.runtime()['applied_bytes']
      state = m.until(lambda s: s['passes'] >= passes + 5, 60)
      same(state['applied_bytes'], applied, 'moved to a node without memory')
      same(state['errors'], [], 'errors')

      set_blocks(SPARE, 'online_movable')
      want(memory(SPARE)[0] > 0, 'memory is back')
      m.until(lambda s: s['applied_bytes'] >= applied + 8 * MIB, 120)
      want(p.nodes(area).get(SPARE, 0) >= 4 * MIB, f'where it is: {p.nodes(area)}')
      p.unharmed(area)


# ---- Over time ----

def flip(server, balancing):
  write('/proc/sys/kernel/numa_balancing', balancing)
  hot = {'access_rate': ['20%', 'max']}
  idle = {'access_rate': ['0%', '0%'], 'age': ['2s', 'max']}
  limit = {'sz': '32MiB', 'reset_interval': '1s'}
  with Puppet() as p:
    halves = [p.map('anon', 48 * MIB), p.map('anon', 48 * MIB)]
    both = (halves[0][0], halves[1][0] + halves[1][1] - halves[0][0])
    schemes = [move(both, [0], 'migrate_hot', name='up', apply_interval='auto', access_pattern=hot, quotas=limit),
               move(both, [1], 'migrate_cold', name='down', apply_interval='auto', access_pattern=idle, quotas=limit)]
    with Monitor(server, [p], *schemes, intervals='20ms,400ms,2s') as m:
      for turn in (0, 1):
        p.ask('rest')
        p.do('beat', halves[turn], 15)
        wait_until(lambda: share_on(p, halves[turn], 0) >= 0.95 and share_on(p, halves[1 - turn], 1) >= 0.95, 60,
                   lambda: (turn, p.nodes(halves[0]), p.nodes(halves[1]), brief(m.runtime('up')), brief(m.runtime('down'))))
      counts = []

      def settled():
        counts.append(sum(m.runtime(name)['applied_bytes'] for name in ('up', 'down')))
        time.sleep(1.5)
        return len(counts) > 2 and counts[-1] - counts[-3] <= MIB

      wait_until(settled, 40, lambda: counts)
      up, down = m.runtime('up'), m.runtime('down')
    for half in halves:
      p.unharmed(half)
    # up: the half that became hot; down: one half, then the other
    want(up['applied_bytes'] <= 1.5 * halves[0][1], f'promoted {up["applied_bytes"]}')
    want(down['applied_bytes'] <= 1.5 * 2 * halves[0][1], f'demoted {down["applied_bytes"]}')
    same(sum(n['bytes'] for n in up['moves'] if (n['from'], n['to']) == (1, 0)), up['applied_bytes'], 'moves up')
    want(up['ping_pong_bytes'] > 0, 'what came back is no ping-pong')


def a_hot_half_flips(server):
  """A program whose hot half flips: it is on the fast node again, the other one is not, and then nothing moves any more"""
  flip(server, '0')


def a_hot_half_flips_with_balancing(server):
  """... also with the kernel's NUMA balancing"""
  try:
    flip(server, '1')
  finally:
    write('/proc/sys/kernel/numa_balancing', '0')


# ---- A real application ----

class Redis:
  """A redis-server of its own, and its keys. Debian has the server under this name, too, in a package that starts nothing."""
  BINARY, SOCKET, KEYS, HOT, SIZE = '/usr/bin/redis-check-rdb', '/tmp/redis.socket', 16000, 1600, 2000

  def __enter__(self):
    if not os.path.exists(self.BINARY):
      raise acting.Skip('no redis-tools installed')
    self.process = subprocess.Popen(['redis-server', '--port', '0', '--unixsocket', self.SOCKET, '--save', '', '--appendonly', 'no'],
                                    executable=self.BINARY, stdout=subprocess.DEVNULL, cwd='/tmp')
    wait_until(lambda: os.path.exists(self.SOCKET), 20, 'a socket of redis')
    self.peer = socket.socket(socket.AF_UNIX)
    self.peer.connect(self.SOCKET)
    self.answers = self.peer.makefile('rb')
    return self

  def __exit__(self, *_):
    self.peer.close()
    self.process.kill()
    self.process.wait()

  def send(self, *words):
    self.peer.sendall(b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(w), w) for w in words))

  def value(self, key):
    return (b'%d:' % key).ljust(self.SIZE, b'%d' % (key % 10))

  def fill(self):
    for first in range(0, self.KEYS, 100):
      for key in range(first, first + 100):
        self.send(b'SET', b'%d' % key, self.value(key))
      for _ in range(100):
        same(self.answers.readline(), b'+OK\r\n', 'answer to SET')

  def get(self, keys):
    """Reads them all, and what they are must be right."""
    for key in keys:
      self.send(b'GET', b'%d' % key)
      same(self.answers.readline(), b'$%d\r\n' % self.SIZE, 'answer to GET')
      same(self.answers.read(self.SIZE + 2), self.value(key) + b'\r\n', f'value of key {key}')


def redis_with_skewed_keys(server):
  """redis: keys that are not asked for leave the fast node; those that are asked for come back to it; all values stay right"""
  with Redis() as r:
    r.fill()
    total = r.KEYS * r.SIZE
    # on a busy machine a round of requests takes half a second
    schemes = [scheme('migrate_hot', (), 'up', to='fast', apply_interval='auto', access_pattern={'access_rate': ['4%', 'max']}),
               scheme('migrate_cold', (), 'down', to=[1], apply_interval='auto', access_pattern={'access_rate': ['0%', '0%'], 'age': ['2s', 'max']})]
    with Monitor(server, [r.process], *schemes, intervals='20ms,400ms,2s') as m:
      nodes = lambda: acting.node_bytes(r.process.pid, (0, 1 << 47))

      def skewed(keys, ready):
        r.get(keys)
        return ready()

      wait_until(lambda: skewed(range(r.HOT), lambda: nodes().get(1, 0) >= 0.7 * total), 90, lambda: (nodes(), brief(m.runtime('down'))))
      before = m.runtime('up')['applied_bytes']
      # keys that were not asked for until now
      wait_until(lambda: skewed(range(r.KEYS - r.HOT, r.KEYS), lambda: m.runtime('up')['applied_bytes'] - before >= 0.6 * r.HOT * r.SIZE), 90,
                 lambda: (nodes(), brief(m.runtime('up'))))
      want(nodes().get(1, 0) >= 0.6 * total, f'the rest did not stay: {nodes()}')
    r.get(range(0, r.KEYS, 7))


def goals_of_nodes(server):
  """node_mem_free_bp: memory leaves a node until so much of it is free, and no more"""
  with Puppet() as p:
    total, free = memory(0)
    area = p.map('anon', (free // 2) // MIB * MIB)
    target = (memory(0)[1] + area[1] / 3) / total
    quota = {'sz': '16MiB', 'reset_interval': '500ms', 'goals': [{'metric': 'node_mem_free_bp', 'nid': 0, 'target': f'{target * 100:.1f}%'}]}
    with Monitor(server, [p], move(area, [1], apply_interval='auto', quotas=quota)) as m:
      wait_until(lambda: memory(0)[1] / total >= 0.97 * target, 60, lambda: (memory(0), target, m.runtime()))
      state = m.runtime()
      current = state['goals'][0]['current']
      between(current, 0.5 * target, 1.3 * target, 'as the scheme has it')
      time.sleep(3)
      between(memory(0)[1] / total, 0.9 * target, 1.25 * target, 'free share of node 0')
      want(p.nodes(area).get(0, 0) > area[1] // 4, f'all of it went: {p.nodes(area)}')


def metrics_of_goals(server):
  """All metrics of nodes, cgroups and LRU lists are what the kernel says"""
  write('/sys/fs/cgroup/cgroup.subtree_control', '+memory')
  os.makedirs('/sys/fs/cgroup/goals', exist_ok=True)
  goals = [{'metric': metric, 'nid': 0, 'target': '50%'} for metric in ('node_mem_used_bp', 'node_mem_free_bp')]
  goals += [{'metric': metric, 'nid': 0, 'cgroup': '/goals', 'target': '50%'} for metric in ('node_memcg_used_bp', 'node_memcg_free_bp')]
  goals += [{'metric': metric, 'target': '50%'} for metric in ('active_mem_bp', 'inactive_mem_bp')]
  with Puppet('goals') as p:
    area = p.map('anon', 64 * MIB)
    quota = {'sz': '1MiB', 'reset_interval': '500ms', 'goals': goals}
    with Monitor(server, [p], scheme('migrate_cold', [OUTSIDE], to=[1], dry_run=True, apply_interval='auto', quotas=quota)) as m:
      state = m.until(lambda s: len(s['goals']) == 6 and all('current' in g for g in s['goals']))
    total, free = memory(0)
    now = {g['metric']: g['current'] for g in state['goals']}
    for name, wanted in (('node_mem_free_bp', free / total), ('node_mem_used_bp', 1 - free / total),
                         ('node_memcg_used_bp', area[1] / total), ('node_memcg_free_bp', 1 - area[1] / total)):
      between(now[name], wanted - 0.05, wanted + 0.05, name)
    between(now['active_mem_bp'] + now['inactive_mem_bp'], 0.999, 1.001, 'active and inactive')


CHECKS = [migrate_cold_moves, huge_pages_move_whole, locked_and_pool, shared_memory_moves, weights, tiers, nodes_shows_where,
          no_such_node, cpusets_hold, bindings_hold, a_node_fills_up, a_node_goes, goals_of_nodes, metrics_of_goals,
          a_hot_half_flips, a_hot_half_flips_with_balancing, redis_with_skewed_keys]

if __name__ == '__main__':
  acting.main([a_whole_node_goes] if has_spare() else CHECKS)
