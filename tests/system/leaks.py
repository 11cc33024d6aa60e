#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing is leaked: descriptors and memory over 1,000 monitors and 1,000 connections; and what the daemon weighs."""
import re

import harness
from harness import REAL, SIM, Case, Error, descriptors, main, needs_root, read, status

GROWTH = 256  # KiB
CYCLES = 1000


def rss(daemon):
  return status(daemon.pid, 'VmRSS')


class Leaks(Case):

  def setUp(self):
    super().setUp()
    self.server = self.daemon('--log-level', 'error')
    self.link = self.link_to(self.server)

  def assert_nothing_leaks(self, what, cycle):
    # the first hundreds fill caches and arenas
    for _ in range(CYCLES // 2):
      cycle()
    self.wait_alone(self.link)
    fds, before = descriptors(self.server.pid), rss(self.server)
    for _ in range(CYCLES):
      cycle()
    self.assert_keeps_descriptors(self.server, fds)
    grown = rss(self.server) - before
    print(f'{what}: {CYCLES} cycles, {fds} descriptors, RSS {before} KiB and {grown:+d} KiB')
    if not harness.sanitized:
      self.assertLess(grown, GROWTH)

  def start_and_stop(self, **context):
    self.link.start('x', **context)
    self.link.call('StopMonitor', {'name': 'x'})

  def test_simulated_monitors(self):
    self.assert_nothing_leaks('monitors of source sim', lambda: self.start_and_stop(**SIM))

  @needs_root
  def test_monitors_of_a_process(self):
    process = self.target('hold', 1 << 20)
    self.assert_nothing_leaks('monitors of a process', lambda: self.start_and_stop(targets=[{'pid': process.pid}], **REAL))

  @needs_root
  def test_monitors_by_command(self):
    self.target('hold', 1 << 16, name='udt-leak')
    self.assert_nothing_leaks('monitors of a command',
                              lambda: self.start_and_stop(targets=[{'command': 'udt-leak'}], **REAL))

  def test_monitors_that_do_not_start(self):
    def cycle():
      for context in ({'targets': [{'pid': 4194303}], **REAL}, {'sim_pattern': '/nonexistent', **SIM}, {'sample_ns': 1}):
        try:
          self.link.start('x', **context)
        except Error:
          continue
        raise AssertionError(context)
    self.assert_nothing_leaks('refused monitors', cycle)

  def test_monitors_that_ran_and_were_streamed(self):
    """With windows, snapshots and a reader each; fewer, as each takes time."""
    def cycle():
      self.link.start('x', **{**SIM, 'sample_ns': 1_000_000, 'aggregate_ns': 2_000_000, 'min_regions': 100})
      with self.server.connect() as stream:
        stream.send('GetSnapshot', {'name': 'x'}, more=True)
        stream.receive()
        self.link.call('StopMonitor', {'name': 'x'})
        while stream.receive().get('continues'):
          pass
    for _ in range(400):  # so many that the ring of events is full
      cycle()
    self.wait_alone(self.link)
    fds, grown = descriptors(self.server.pid), []
    # what leaks grows each time; buffers and code that are needed for the first time do so once
    while len(grown) < 4 and (not grown or grown[-1] >= GROWTH // 4):
      before = rss(self.server)
      for _ in range(300):
        cycle()
      grown.append(rss(self.server) - before)
    self.assert_keeps_descriptors(self.server, fds)
    if not harness.sanitized:
      self.assertLess(grown[-1], GROWTH // 4, grown)

  def test_connections(self):
    def cycle():
      with self.server.connect() as link:
        link.send('org.varlink.service.GetInfo')
        link.receive()
    # more than 200 of them in a second wait for the next one
    for _ in range(300):
      cycle()
    self.wait_alone(self.link)
    fds, before = descriptors(self.server.pid), rss(self.server)
    for _ in range(CYCLES):
      cycle()
    self.assert_keeps_descriptors(self.server, fds)
    grown = rss(self.server) - before
    print(f'connections: {CYCLES}, RSS {before} KiB and {grown:+d} KiB')
    if not harness.sanitized:
      self.assertLess(grown, GROWTH)


class Weight(Case):
  """At most 6 MiB with 1,000 regions."""

  def test_resident_memory(self):
    server = self.daemon('--log-level', 'error')
    with server.connect() as link:
      idle = status(server.pid, 'VmRSS')
      link.start('demo', **{**SIM, 'policy': 'classic', 'min_regions': 700, 'max_regions': 1000, 'sample_ns': 1_000_000,
                            'aggregate_ns': 20_000_000})
      most = 0
      seen = self.snapshot(link, 'demo', lambda s: len(s['regions']) >= 500)
      for _ in range(50):
        following = self.snapshot(link, 'demo', lambda s, last=seen['sequence']: s['sequence'] > last)
        seen = following
        most = max(most, len(seen['regions']), link.monitor('demo')['runtime']['regions'])
        link.call('GetHistory', {'name': 'demo'})
      self.assertEqual(self.ctl(server, 'heatmap', 'demo').returncode, 0)
      weight = status(server.pid, 'VmRSS')
      rollup = {k: int(v) for k, v in re.findall(r'^(\w+):\s+(\d+) kB', read(f'/proc/{server.pid}/smaps_rollup'), re.M)}
    private = rollup['Private_Clean'] + rollup['Private_Dirty']
    print(f'RSS {idle} KiB without a monitor, {weight} KiB with up to {most} regions: Pss {rollup["Pss"]}, private {private}'
          f' (dirty {rollup["Private_Dirty"]}), anonymous {rollup["Anonymous"]} KiB')
    self.assertGreater(most, 800)
    if not harness.sanitized:
      self.assertLessEqual(weight, 6 * 1024)


if __name__ == '__main__':
  main()
