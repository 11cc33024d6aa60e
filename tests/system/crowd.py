#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Crowds: what thousands of processes that are no targets cost, and more targets than there may be open files."""
import os
import re
import shutil
import signal
import subprocess
import time

import harness
from harness import Case, descriptors, die_with_us, main, needs_root, read, wait_for

PACE = {'source': 'referenced', 'sample_ns': 1_000_000_000, 'aggregate_ns': 10_000_000_000, 'update_ns': 20_000_000_000}
CALLS = 1000  # system calls a second that a monitor may make to follow, whatever the number of processes
CALLS_PER_FORK = 20  # … and for each process that others start meanwhile
WINDOW = 3  # seconds


def forks():
  return int(re.search(r'^processes (\d+)', read('/proc/stat'), re.M)[1])


def memory_available():
  return int(re.search(r'^MemAvailable:\s+(\d+)', read('/proc/meminfo'), re.M)[1]) << 10


class Crowd(Case):

  def setUp(self):
    super().setUp()
    self.herd_program = os.path.join(os.path.dirname(harness.mapper), 'herd')

  def herd(self, name, count):
    """So many processes of that name beside their parent; the pids of all."""
    process = subprocess.Popen([self.herd_program, name, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, preexec_fn=die_with_us)
    self.targets.append(process)
    self.addCleanup(process.stdin.close)
    pids = process.stdout.readline().split()
    return process, [process.pid, *map(int, pids)] if len(pids) == count else None

  def crowd(self):
    """As large as this machine allows, up to 10,000: each takes some 130 KiB."""
    for count in (10_000, 2000):
      if memory_available() < count << 18:
        continue
      process, pids = self.herd('udt-idlers', count)
      if pids:
        return process, count
      self.end(process)
    self.skipTest('no room for 2000 processes')

  def calls(self, server):
    """System calls of the daemon per second, and how many it may make, for others start processes meanwhile."""
    counts = self.path('calls')
    before, begin = forks(), time.monotonic()
    with subprocess.Popen(['strace', '-c', '-f', '-qq', '-o', counts, '-p', str(server.pid)], stderr=subprocess.PIPE) as process:
      time.sleep(WINDOW)
      process.send_signal(signal.SIGINT)
      error = process.stderr.read().decode(errors='replace')
      process.wait()
    if 'attach: ' in error:
      self.skipTest(f'strace: {error.strip()}')
    seconds, others = time.monotonic() - begin, forks() - before
    total = sum(int(m[1]) for m in re.finditer(r'^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(?!total)\w+$', read(counts), re.M))
    return total / seconds, CALLS + CALLS_PER_FORK * others / seconds

  def assert_costs_nothing(self, what, targets):
    if not shutil.which('strace'):
      self.skipTest('no strace')
    server = self.daemon('--log-level', 'error')
    with server.connect() as link:
      link.start('m', targets=targets, **PACE)
      seen = []

      def is_quiet():
        seen.append(self.calls(server))
        return seen[-1][0] < seen[-1][1]

      wait_for(is_quiet, 'the first look at what there was')
      without = seen[-1][0]
      process, count = self.crowd()
      wait_for(is_quiet, f'few system calls in spite of {count} processes', 60)
      print(f'{what}: {without:.0f} system calls a second, and with {count} processes more {seen[-1][0]:.0f}')
      self.end(process)

  @needs_root
  def test_by_pid(self):
    _, pids = self.herd('udt-target', 1)
    self.assert_costs_nothing('a monitor by pid', [{'pid': pids[0]}])

  @needs_root
  def test_by_command(self):
    self.assert_costs_nothing('a monitor by command', [{'command': 'udt-nobod*'}])

  @needs_root
  def test_by_user(self):
    self.assert_costs_nothing('a monitor by user', [{'user': '4294967'}])

  @needs_root
  def test_more_targets_than_open_files(self):
    server = self.daemon('--log-level', 'warning', prefix=('prlimit', '--nofile=120'))
    with server.connect() as link:
      herd, _ = self.herd('udt-many', 60)
      link.start('m', targets=[{'command': 'udt-many'}], **PACE)
      told = wait_for(lambda: (t := link.call('GetTargets')['monitors'][0])['refused'] > 0 and t, 'targets that find no room')
      self.assertGreater(len(told['targets']), 10)
      self.assertLess(len(told['targets']), 40)
      self.assertLess(descriptors(server.pid), 110)
      # who comes now is served, and told
      with server.connect() as other:
        other.call('GetStatus')
      wait_for(lambda: server.said('the limit on open files has room for'), 'a word on that')
      parameters = self.assert_error('TargetInvalid', link.start, 'n', targets=[{'pid': herd.pid}], **PACE)
      self.assertIn('the limit on open files is reached', parameters['reason'])
      # those that go make room for the others
      before = {t['pid'] for t in told['targets']}
      for pid in before - {herd.pid}:
        os.kill(pid, signal.SIGKILL)
      wait_for(lambda: len({t['pid'] for t in link.call('GetTargets')['monitors'][0]['targets'] if t['state'] == 'running'} - before) > 10,
               'others in their room')

  @needs_root
  def test_the_dead_make_room_for_the_living(self):
    """Within one window that is far longer than the test."""
    server = self.daemon('--log-level', 'warning')
    with server.connect() as link:
      pace = {**PACE, 'aggregate_ns': 600_000_000_000, 'update_ns': 600_000_000_000}
      link.start('m', targets=[{'command': 'udt-turn'}], max_regions=60, min_regions=3, **pace)

      def watched():
        return {t['pid'] for t in link.call('GetTargets')['monitors'][0]['targets'] if t['state'] == 'running'}

      for _ in range(5):
        herd, pids = self.herd('udt-turn', 14)
        wait_for(lambda pids=pids: watched() == set(pids), 'a herd to be watched')
        wait_for(lambda: link.monitor('m')['runtime']['ticks'] > 0, 'a look at its memory')
        self.end(herd)
      self.assertEqual(server.said('room for'), 0)


if __name__ == '__main__':
  main()
