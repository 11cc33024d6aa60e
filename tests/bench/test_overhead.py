#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of what tests/bench/overhead computes from its runs."""
import argparse
import importlib.machinery
import importlib.util
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import truth as truth_log  # noqa: E402

LOADER = importlib.machinery.SourceFileLoader('overhead', os.path.join(HERE, 'overhead'))
overhead = importlib.util.module_from_spec(importlib.util.spec_from_loader('overhead', LOADER))
sys.modules['overhead'] = overhead
LOADER.exec_module(overhead)


def truth(accesses, seconds=10, stride=4096, rate_hz=None):
  pattern = {'stride': stride, 'rate_hz': rate_hz}
  second = 1_000_000_000
  return truth_log.Truth([], [
    truth_log.Phase(0, 0, 'init', 0, second, [pattern | {'accesses': 1000}]),
    truth_log.Phase(1, 0, 'run', second, (1 + seconds) * second, [pattern | {'accesses': accesses}])], 0, True)


class Pace(unittest.TestCase):
  def test_full_speed(self):
    values = overhead.pace(truth(9000), {'workload_cpu_ns': 50_000})
    self.assertEqual(values, {'cpu_per_access': 5.0, 'accesses_per_sec': 900.0})

  def test_fft_has_a_run_time(self):
    self.assertEqual(overhead.pace(truth(9000, stride=16), {'workload_cpu_ns': 1})['run_time'], 10)

  def test_a_paced_workload_has_no_slowdown(self):
    values = overhead.pace(truth(9000, rate_hz=3.0), {'workload_cpu_ns': 1})
    self.assertEqual(list(values), ['cpu_per_access'])
    self.assertIsNone(overhead.slowdown(values, values))

  def test_slowdowns(self):
    results = {('w', 'none'): {'accesses_per_sec': 100.0, 'cpu_per_access': 10.0},
               ('w', 'udamon'): {'accesses_per_sec': 80.0, 'cpu_per_access': 11.0},
               ('w', 'none again'): {'accesses_per_sec': 100.0, 'cpu_per_access': 10.0}}
    overhead.add_slowdowns(results)
    self.assertAlmostEqual(results['w', 'udamon']['slowdown'], 0.25)
    self.assertAlmostEqual(results['w', 'udamon']['interference'], 0.1)
    self.assertEqual(results['w', 'none again']['noise_floor'], 0)
    self.assertNotIn('slowdown', results['w', 'none'])


class Report(unittest.TestCase):
  def test_costs(self):
    figures = {'before': {'mono_ns': 0, 'cpu_ns': 1000, 'wakeups': 5}, 'rss_kib': 4096,
               'after': {'mono_ns': 10_000_000_000, 'cpu_ns': 100_001_000, 'wakeups': 105},
               'status': {'runtime': {'monitors': [{'runtime': {'samples': 2000, 'syscalls': 7000, 'overruns': 0}}]}}}
    values = overhead.cost_metrics(figures, overhead.TOOLS['udamon'], [])
    self.assertEqual(values, {'cpu_share': 0.01, 'wakeups_per_sec': 10, 'syscalls_per_sample': 3.5, 'overruns': 0,
                              'daemon_rss': 4 << 20, 'samples_per_sec': 200, 'cpu_us_per_sample': 50})

  def test_rows(self):
    rows = overhead.rows(argparse.Namespace(seed=3), {('w', 'udamon'): {'cpu_share': 0.5, 'hot_f1_page': 1}})
    self.assertEqual(rows[0], {'bench': 'overhead', 'workload': 'w', 'tool': 'udamon', 'metric': 'cpu_share',
                               'value': 0.5, 'unit': 'ratio', 'seed': 3})
    self.assertEqual(rows[1]['unit'], 'ratio')

  def test_verdicts(self):
    results = {('fft', 'udamon'): {'cpu_share': 0.02, 'slowdown': 0.004, 'interference': 0.006},
               ('fft', 'kdamon'): {'cpu_share': 0.05},
               ('zigzag_30secs', 'udamon'): {'cpu_share': 0.01, 'interference': 0.001, 'wss_error_estimate_p50': 0.015,
                                             'wss_error_estimate_p90': 0.03},
               ('zigzag_30secs', 'kdamon'): {'cpu_share': 0.01, 'wss_error_estimate_p50': 0.02,
                                             'wss_error_estimate_p90': 0.09}}
    self.assertEqual([good for good, _ in overhead.verdicts(results)],
                     [False, True, True, False, True, True, True, False])


if __name__ == '__main__':
  unittest.main()
