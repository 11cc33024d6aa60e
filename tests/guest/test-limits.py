#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Within the guest: what holds schemes back (quotas, swap, watermarks, what is hot or new), and what happens to them when
targets end or the daemon does; see acting.py. Wants zram swap and memory cgroups.
"""
import os
import signal
import subprocess
import threading
import time

import acting
from acting import (ARENA, KIB, MIB, OUTSIDE, PAGE, SOCKET, Daemon, Monitor, Puppet, Refused, between, brief, check_counts, cold, ctl, once,
                    read, same, scheme, swap, swap_device, wait_until, want, within, write)


class Trace:
  """What is in swap of a puppet, over time: (seconds, bytes), the time when that was read at the latest."""

  def __init__(self, target, value=None):
    self.points, self.stop, self.begin = [], threading.Event(), time.monotonic()
    self.value = value or target.swapped
    self.thread = threading.Thread(target=self.look)

  def look(self):
    while not self.stop.wait(0.04):
      value = self.value()
      self.points.append((time.monotonic(), value))

  def __enter__(self):
    self.thread.start()
    return self

  def __exit__(self, *_):
    self.stop.set()
    self.thread.join()

  def first(self):
    return next(t for t, value in self.points if value > 0)

  def excess(self, start, size, length):
    """The point that is most beyond `size` per window, if windows began at `start`: (bytes beyond, bytes, seconds)."""
    return max((value - (int((t - start) / length) + 1) * size, value, t - start) for t, value in self.points if t >= start)

  def check_windows(self, size, length):
    """No more than `size` in any window: there is a grid of windows, begun after the trace and before the first byte, for
    which that is so."""
    steps = int((self.first() - self.begin) / 0.01) + 1
    over, value, seconds = min(self.excess(self.begin + i * 0.01, size, length) for i in range(steps + 1))
    want(over <= 0, f'{value} bytes after {seconds:.2f} s, of {size} per {length} s')


def quota(**limits):
  return {'reset_interval': '1s', **limits}


# ---- Quotas ----

def size_quota(server):
  """size quota: exceeded in no window, also not in the first, and used up"""
  with Puppet() as p:
    area = p.map('anon', 48 * MIB)
    with Trace(p) as trace, Monitor(server, [p], scheme('pageout', apply_interval='200ms', quotas=quota(sz='6MiB'))) as m:
      def used_up(state):
        want(state['charged_bytes'] <= 6 * MIB, f'charged {state["charged_bytes"]}: {brief(state)}')
        return state['applied_bytes'] >= 30 * MIB and state['quota_exceeded'] >= 3

      state = m.until(used_up)
      want(state['applied_bytes'] <= p.absent(area), 'applied more than is in swap')
    trace.check_windows(6 * MIB, 1)


def size_quota_of_huge_pages(server):
  """size quota: holds for huge pages, and one that is smaller than a huge page splits none"""
  with Puppet() as p:
    area = p.map('huge', 32 * MIB)
    same(p.smaps('AnonHugePages', area), area[1], 'huge')
    with Trace(p) as trace, Monitor(server, [p], scheme('pageout', apply_interval='200ms', quotas=quota(sz='5MiB'))) as m:
      state = m.until(lambda s: s['tried_bytes'] >= 12 * MIB)
    trace.check_windows(5 * MIB, 1)
    same(p.smaps('AnonHugePages', area) + p.absent(area), area[1], 'huge and swapped')
    splits = acting.huge_splits()
    with Monitor(server, [p], scheme('cold', quotas=quota(sz='1MiB'), apply_interval='200ms')) as m:
      state = m.until(lambda s: s['passes'] >= 3)
      check_counts(state, tried=0)
    same(acting.huge_splits(), splits, 'huge pages split')


def time_quota(server):
  """time quota: exceeded by one batch at most"""
  with Puppet() as p:
    p.map('anon', 96 * MIB)
    with Monitor(server, [p], scheme('pageout', apply_interval='200ms', quotas=quota(time='4ms'))) as m:
      def used_up(state):
        want(state['charged_ns'] <= 4000000 + state['longest_batch_ns'] + state['longest_lookup_ns'],
             f'{state["charged_ns"]} ns charged, batches of up to {state["longest_batch_ns"]}, look-ups of up to {state["longest_lookup_ns"]}')
        return state['quota_exceeded'] >= 4

      state = m.until(used_up)
      want(state['applied_bytes'] > 0, brief(state))


def swap_out_rate(server):
  """max_swap_out_rate: holds without any quota"""
  with Puppet() as p:
    area = p.map('anon', 32 * MIB)
    with Trace(p) as trace, Monitor(server, [p], scheme('pageout', apply_interval='200ms', max_swap_out_rate='4MiB')) as m:
      state = m.until(lambda s: s['applied_bytes'] >= 12 * MIB and s['outcomes'].get('swap_rate', 0) > 0)
    for t, value in trace.points:
      # a second's worth may have been saved up when it began, which was after the trace did
      want(value <= 4 * MIB * (t - trace.begin + 1), f'{value} bytes after {t - trace.begin:.2f} s')
    want(state['applied_bytes'] <= p.absent(area), 'applied more than is in swap')


def stalled(cgroup='/sys/fs/cgroup/tight'):
  """Makes some memory pressure; returns the total stall in µs."""
  write('/sys/fs/cgroup/cgroup.subtree_control', '+memory')
  os.makedirs(cgroup, exist_ok=True)
  write(f'{cgroup}/memory.max', str(12 * MIB))
  with Puppet('tight') as p:
    area = p.map('anon', 24 * MIB)
    for _ in range(3):
      p.do('look', area)
  return int(read('/proc/pressure/memory').splitlines()[0].rpartition('=')[2])


def pressure_goal(server):
  """goal some_mem_psi_us: what was stalled before does not count"""
  total = stalled()
  want(total > 50000, f'only {total} us of pressure in all')
  with Puppet() as p:
    p.map('anon', 16 * MIB)
    goals = [{'metric': 'some_mem_psi_us', 'target': '10ms'}]
    with Monitor(server, [p], scheme('pageout', apply_interval='200ms', quotas=quota(sz='8MiB', goals=goals))) as m:
      for _ in range(15):
        goal = m.runtime()['goals'][0]
        want(goal.get('current') is None or goal['current'] < 40e6, f'{goal} with {total} us in all')
        time.sleep(0.1)
      state = m.until(lambda s: s['applied_bytes'] and s['goals'][0].get('current') is not None)
      # without pressure, it grows, within its limit
      state = m.until(lambda s: s['effective_bytes'] > 128 * KIB)
      want(state['effective_bytes'] <= 8 * MIB, brief(state))


def watermarks(server):
  """watermarks: on and off with the free memory"""
  info = acting.numbers('/proc/meminfo')
  free = info['MemFree'] / info['MemTotal']
  marks = {'metric': 'free_mem_rate', 'interval': '200ms', 'high': f'{(free - 0.1) * 100:.0f}%', 'mid': f'{(free - 0.12) * 100:.0f}%', 'low': '1%'}
  with Puppet() as p, Puppet() as q:
    p.map('anon', 8 * MIB)
    with Monitor(server, [p], scheme('stat', apply_interval='200ms', watermarks=marks)) as m:
      m.until(lambda s: s['state'] == 'inactive', 3)
      passes = m.runtime()['passes']
      time.sleep(0.8)
      want(m.runtime()['passes'] <= passes + 1, 'evaluated while off')
      load = q.map('anon', int(info['MemTotal'] * KIB * 0.2))
      state = m.until(lambda s: s['state'] == 'active' and s['passes'] > passes + 1, 5)
      between(state['watermark'], free - 0.35, free - 0.12, 'the metric')
      q.do('unmap', load)
      m.until(lambda s: s['state'] == 'inactive', 5)


# ---- Swap ----

def without_swap(server):
  """no swap: no anonymous memory is handed over; pages of files are"""
  swap(None)
  try:
    with Puppet() as p:
      area = p.map('anon', 8 * MIB)
      check_counts(once(server, p, 'pageout'), tried=0, no_swap=area[1])
      same((p.present(area), p.swapped()), (area[1], 0), 'resident, swapped')
      check_counts(once(server, p, 'cold'), tried=area[1])
  finally:
    swap(256 * MIB)


def cgroup_without_swap(server):
  """memory.swap.max: a cgroup that may not swap, or not much, is not asked to"""
  write('/sys/fs/cgroup/cgroup.subtree_control', '+memory')
  for limit in 0, 2 * MIB:
    os.makedirs('/sys/fs/cgroup/little', exist_ok=True)
    write('/sys/fs/cgroup/little/memory.swap.max', str(limit))
    with Puppet('little') as p, Puppet() as q:
      area, other = p.map('anon', 8 * MIB), q.map('anon', 4 * MIB)
      state = once(server, p, 'pageout')
      check_counts(state, tried=limit, no_swap=area[1] - limit)
      same(p.swapped(), limit, 'swapped')
      check_counts(once(server, q, 'pageout'), tried=other[1])


def swap_fills_up(server):
  """a swap that fills up: some room is left, the rest is counted, and the daemon goes on when there is room again"""
  swap(24 * MIB)
  try:
    with Puppet() as p, Puppet() as q:
      area, other = p.map('anon', 40 * MIB), q.map('anon', 16 * MIB)
      with Monitor(server, [p], scheme('pageout', apply_interval='200ms', max_swap_out_rate='max')) as m:
        state = m.until(lambda s: s['outcomes'].get('no_swap', 0) or s['outcomes'].get('swap_rate', 0))
        between(p.swapped(), 16 * MIB, 20 * MIB, 'swapped, of 24 MiB')
        q.ask('advise', *other, 21)  # MADV_PAGEOUT: the last of it
        state = m.until(lambda s: s['outcomes'].get('no_swap', 0))
        between(p.swapped(), 16 * MIB, 20 * MIB, 'swapped, of 24 MiB')
        same(state['errors'], [], 'errors')
        q.do('unmap', other)
        p.do('unmap', (area[0], 12 * MIB))
        m.until(lambda s: p.absent((area[0] + 12 * MIB, 28 * MIB)) >= 14 * MIB)
      server.alive()
      p.unharmed((area[0] + 12 * MIB, 28 * MIB))
  finally:
    swap(256 * MIB)


def swap_fills_within_a_plan(server):
  """a swap that others fill while the daemon acts: tried more than applied, and no more is tried"""
  swap(40 * MIB)
  try:
    with Puppet() as p, Puppet() as q:
      area, other = p.map('anon', 64 * MIB), q.map('anon', 32 * MIB)
      with Monitor(server, [p], scheme('pageout', max_swap_out_rate='max')) as m:
        wait_until(lambda: p.swapped() > 2 * MIB, 10, 'it begins')
        q.ask('advise', *other, 21)
        state = m.done()
        same(state['applied_bytes'], p.absent(area), 'applied')
        want(state['tried_bytes'] - state['applied_bytes'] <= 8 * MIB, brief(state))
        want(state['outcomes'].get('no_swap', 0) + state['outcomes'].get('swap_rate', 0) > 0, brief(state))
      p.unharmed(area)
  finally:
    swap(256 * MIB)


# ---- Hot, new and returning memory ----

def hot_and_new_memory(server):
  """what is hot stays, what is new is not old, what is cold goes"""
  with Puppet() as p:
    hot, idle = p.map('anon', 8 * MIB), p.map('anon', 24 * MIB)
    p.do('beat', hot, 30)
    faults = p.major_faults()
    with Monitor(server, [p], cold('3s')) as m:
      m.until(lambda s: s['passes'] >= 10)
      born = time.monotonic()
      new = p.map('anon', 8 * MIB)
      while time.monotonic() < born + 2.5:
        gone = p.absent(new)
        # looking takes its time, too
        want(gone == 0 or time.monotonic() > born + 2.8, f'{gone} bytes of new memory were paged out after {time.monotonic() - born:.1f} s')
        want(p.present(hot) >= hot[1] * 0.98, f'{hot[1] - p.present(hot)} bytes of hot memory were paged out')
        time.sleep(0.2)
      state = m.until(lambda s: p.absent(idle) >= idle[1] * 0.95 and p.absent(new) >= new[1] * 0.9, 20)
      want(time.monotonic() > born + 2.9, 'new memory went early')
      want(p.present(hot) >= hot[1] * 0.98, f'{hot[1] - p.present(hot)} bytes of hot memory were paged out')
    between(p.major_faults() - faults, 0, 100, 'major faults')
    want(state['refaulted_bytes'] <= MIB, brief(state))


def returning_memory(server):
  """memory that comes back is counted, and left alone for longer and longer"""
  with Puppet() as p:
    area = p.map('anon', 8 * MIB)
    p.do('beat', area, 3000)
    out = swap_device()[1]
    with Monitor(server, [p], cold('600ms')) as m:
      begin, backed_off = time.monotonic(), 0

      def came_back(state):
        nonlocal backed_off
        # what it is left alone for runs out again and again
        backed_off = max(backed_off, state['backed_off_bytes'])
        return time.monotonic() > begin + 12 and state['refaulted_bytes'] >= 8 * MIB and backed_off > 0

      state = m.until(came_back)
      early = (swap_device()[1] - out) * PAGE
      want(early >= area[1], f'{early} bytes written at first: {brief(state)}')
      want(state['refaulted_bytes'] <= state['applied_bytes'], brief(state))
      begin = time.monotonic()
      time.sleep(12)
      late, took = (swap_device()[1] - out) * PAGE - early, time.monotonic() - begin
    # it is idle for long enough once between two beats
    want(late <= took / 3 * area[1] / 2, f'{early} bytes written at first, {late} in the next {took:.1f} s')


# ---- Lives ----

def targets_end(server):
  """targets that exit, are killed, or become another program while a scheme acts"""
  for how in ('exit', 'kill', 'exec'):
    with Puppet() as p:
      area = p.map('anon', 48 * MIB)
      with Monitor(server, [p], scheme('pageout', apply_interval='200ms', quotas=quota(sz='4MiB', reset_interval='250ms'))) as m:
        wait_until(lambda: p.swapped() > 4 * MIB, 10, 'it begins')
        if how == 'kill':
          p.process.kill()
        else:
          p.tell(how)
        if how == 'exec':
          same(int(p.process.stdout.readline()), ARENA[0], 'the new program')
          p.map('anon', 16 * MIB)
          wait_until(lambda: p.swapped() == 16 * MIB, 15, 'the new program is acted on')
        else:
          p.process.wait()
          time.sleep(0.6)
        state = m.runtime()
        same(state['errors'], [], f'errors after {how}')
        between(state['applied_bytes'], 4 * MIB, area[1] + 20 * MIB, 'applied')
      server.alive()


def many_children(server):
  """20 short-lived children"""
  with Puppet() as p:
    p.map('anon', 4 * MIB)
    with Monitor(server, [p], scheme('pageout', apply_interval='200ms')) as m:
      p.tell('burst', 20, 2 * MIB)
      p.process.stdout.readline()
      same(p.ask('reap'), 0, 'children that were harmed')
      state = m.until(lambda s: s['applied_bytes'] >= 4 * MIB)
      same(state['errors'], [], 'errors')
    server.alive()


def none_of_our_business(server):
  """the daemon itself, process 1 and kernel threads are never acted on"""
  for pid in (server.process.pid, 1):
    before = read(f'/proc/{pid}/status')
    with Monitor(server, [pid], scheme('pageout', filters=(), apply_interval='200ms'), options=['--no-children']) as m:
      state = m.until(lambda s: s['passes'] >= 4)
      check_counts(state, tried=0)
    rss = [int(line.split()[1]) for text in (before, read(f'/proc/{pid}/status')) for line in text.splitlines() if line.startswith('VmRSS')]
    want(rss[1] >= rss[0] * 0.95, f'resident memory of {pid} went from {rss[0]} to {rss[1]} kB')
    want('VmSwap:\t       0 kB' in read(f'/proc/{pid}/status'), f'process {pid} is in swap')
  try:
    with Monitor(server, [2], scheme('pageout', filters=())):
      want(False, 'a kernel thread is a target')
  except Refused as e:
    want('kernel thread' in str(e), str(e))


def other_programs(server):
  """a scheme over two processes touches no third one"""
  with Puppet() as p, Puppet() as q, Puppet() as third:
    for puppet in (p, q, third):
      puppet.map('anon', 4 * MIB)
    with Monitor(server, [p, q], scheme('pageout')) as m:
      check_counts(m.done(), tried=8 * MIB)
    same([x.swapped() for x in (p, q, third)], [4 * MIB, 4 * MIB, 0], 'swapped')


def ends_at_once(_):
  """SIGTERM in the middle of a plan: the daemon ends at once, and leaves the rest of the plan"""
  socket = '/tmp/other.socket'
  process = subprocess.Popen([acting.daemon, '--config', 'none', '--socket', socket, '--log-level', 'error'])
  wait_until(lambda: os.path.exists(socket), 10, 'a socket')
  with Puppet() as p:
    area = p.map('anon', 200 * MIB)
    write('/tmp/schemes.yaml', f'schemes:\n  - {acting.flow(scheme("pageout", max_swap_out_rate="max"))}\n')
    subprocess.run([ctl, 'start', '--socket', socket, '--pid', str(p.pid), '--name', 'x', '--intervals', '20ms,200ms,500ms', '--scheme',
                    '/tmp/schemes.yaml'], check=True, stdout=subprocess.DEVNULL)
    wait_until(lambda: p.swapped() > 4 * MIB, 10, 'it begins')
    process.send_signal(signal.SIGTERM)
    same(process.wait(acting.PATIENCE), 0, 'exit status')
    gone = p.swapped()
    want(gone < area[1] * 0.9, f'it went on to the end of its plan: {gone} bytes')
    want(not os.path.exists(socket), 'the socket is still there')


# ---- Simulation ----

def simulation_agrees(server):
  """simulate: on a recording of the same time, about what the dry run counted"""
  with Puppet() as p:
    hot, _ = p.map('anon', 8 * MIB), p.map('anon', 24 * MIB)
    p.do('beat', hot, 30)
    plan = cold('1s', dry_run=True, filters=())
    with Monitor(server, [p], plan) as m:
      subprocess.run([ctl, 'record', m.name, '--socket', SOCKET, '-o', '/tmp/dry.db', '--duration', '6s'], check=True, stdout=subprocess.DEVNULL)
      would = m.runtime()['would_bytes']
    done = server.call('simulate', '--scheme', '/tmp/schemes.yaml', '-i', '/tmp/dry.db', socket=False)
    simulated = done['schemes'][0]['would_bytes']
    want(would >= 20 * MIB, f'would {would}')
    between(simulated, would * 0.5, would * 2, f'simulated, of {would} in the dry run')


acting.main([
  size_quota, size_quota_of_huge_pages, time_quota, swap_out_rate, pressure_goal, watermarks, without_swap, cgroup_without_swap,
  swap_fills_up, swap_fills_within_a_plan, hot_and_new_memory, returning_memory, targets_end, many_children,
  none_of_our_business, other_programs, ends_at_once, simulation_agrees,
])
