#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of what tests/bench/reclaim and psi compute from their runs, and of the schemes that they set."""
import argparse
import importlib.machinery
import importlib.util
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import reclaim_runs as runs  # noqa: E402
import truth as truth_log  # noqa: E402


def load(name, file):
  loader = importlib.machinery.SourceFileLoader(name, os.path.join(HERE, file))
  module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
  sys.modules[name] = module
  loader.exec_module(module)
  return module


reclaim = load('reclaim', 'reclaim')
psi = load('psi', 'psi')
inside_reclaim = load('inside_reclaim', 'inside-reclaim.py')
S = runs.SECOND
MIB = runs.MIB
COUNTERS = ('workingset_refault_anon', 'workingset_restore_anon', 'swap_out', 'swap_in')


def slow_row(t, some_us, **counters):
  return {'t': t, 'some_us': some_us} | dict.fromkeys(COUNTERS, 0) | counters


def truth():
  """1 s of making it, 9 s of using `hot`; `cold` is not used."""
  hot = {'name': 'hot', 'stride': 4096, 'rate_hz': None, 'accesses': 900}
  cold = hot | {'name': 'cold', 'accesses': 100}
  regions = [truth_log.Region('hot', 0, 64 * MIB, None, 'anon'), truth_log.Region('cold', 1 << 30, 256 * MIB, None, 'anon')]
  return truth_log.Truth(regions, [truth_log.Phase(0, 0, 'init', 0, S, [hot, cold]),
                                   truth_log.Phase(1, 0, 'run', S, 10 * S, [hot])], 0, True)


def figures(share=1.0):
  """Resident memory falls from 320 to 64 MiB in 10 s; the workload has `share` of the CPU, the monitor the rest."""
  fast = [(i * S, (320 - 256 * i // 10) * MIB, round(i * S * share), round(i * S * (1 - share))) for i in range(11)]
  slow = [slow_row(i * S, 100 * i, workingset_refault_anon=5 * i, swap_out=1024 * i) for i in range(12)]
  return {'fast': fast, 'slow': slow, 'maps': [], 'workload_cpu_ns': round(10 * S * share)}


class Series(unittest.TestCase):
  SERIES = [(0, 0), (10, 100), (20, 100)]

  def test_a_value_between_two_readings(self):
    self.assertEqual(runs.value_at(self.SERIES, 1, 5), 50)
    self.assertEqual(runs.value_at(self.SERIES, 1, 10), 100)

  def test_beyond_the_ends_it_is_the_last_one(self):
    self.assertEqual([runs.value_at(self.SERIES, 1, t) for t in (-5, 25)], [0, 100])

  def test_a_mean_is_by_time(self):
    self.assertEqual(runs.mean_over(self.SERIES, 1, 0, 20), 75)
    self.assertEqual(runs.mean_over(self.SERIES, 1, 5, 10), 75)
    self.assertEqual(runs.mean_over([(0, 10), (1, 10), (100, 10)], 1, 0, 100), 10)

  def test_windows_are_whole_and_on_their_own_grid(self):
    slow = [{'t': 7 * S + t, 'c': c} for t, c in ((0, 0), (S // 2, 50), (2 * S, 200), (3 * S + 1, 200))]
    self.assertEqual(runs.windows(slow, 'c', S, 0), [(1.0, 100), (2.0, 100), (3.0, 0)])
    self.assertEqual(runs.windows(slow, 'c', S, 2 * S), [(3.0, 0)])
    self.assertEqual(runs.windows(slow, 'c', 4 * S, 0), [])

  def test_share_within_has_both_bounds(self):
    self.assertEqual(runs.share_within([69, 70, 100, 130, 131], 100, 0.3), 3 / 5)
    self.assertIsNone(runs.share_within([], 100, 0.3))

  def test_percentiles_are_of_the_values(self):
    values = [5, 1, 4, 2, 3]
    self.assertEqual([runs.percentile(values, p) for p in (0, 0.1, 0.5, 0.9, 1)], [1, 1, 3, 5, 5])


class Dominance(unittest.TestCase):
  @staticmethod
  def point(saved, slowdown):
    return {'rss_saved': saved, 'slowdown': slowdown}

  def test_better_in_both_or_in_one(self):
    self.assertTrue(runs.dominates(self.point(0.5, 0.01), self.point(0.4, 0.02)))
    self.assertTrue(runs.dominates(self.point(0.5, 0.02), self.point(0.4, 0.02)))

  def test_not_where_it_pays_for_it_or_is_the_same(self):
    self.assertFalse(runs.dominates(self.point(0.5, 0.03), self.point(0.4, 0.02)))
    self.assertFalse(runs.dominates(self.point(0.3, 0.01), self.point(0.4, 0.02)))
    self.assertFalse(runs.dominates(self.point(0.4, 0.02), self.point(0.4, 0.02)))
    self.assertFalse(runs.dominates(self.point(0.4005, 0.0199), self.point(0.4, 0.02)))

  def test_rows_that_are_dominated_are_named(self):
    results = {('fft', 'udamon', 'quota'): self.point(0.1, 0.2), ('fft', 'udamon', 'goal'): self.point(0.05, 0.0),
               ('fft', 'kdamon', 'pageout'): self.point(0.3, 0.1), ('fft', 'udamon 5ms', 'goal'): self.point(0, 1)}
    found = dict(text.split(': ', 1) for text in [f'{good} {t}' for good, t in reclaim.dominance(results, 'fft')])
    self.assertEqual(sorted(found), ['False fft, quota', 'True fft, goal'])
    self.assertIn('pageout of kdamon saves 30.0%', found['False fft, quota'])


class Reclaim(unittest.TestCase):
  def test_a_workload_of_fixed_time(self):
    values = reclaim.metrics(reclaim.WORKLOADS['cold80_busy'], truth(), figures(0.8))
    self.assertAlmostEqual(values['accesses_per_sec'], 100)
    self.assertAlmostEqual(values['cpu_per_access'], 9 * S * 0.8 / 900)
    self.assertAlmostEqual(values['late_cpu_share'], 0.8)
    self.assertAlmostEqual(values['monitor_cpu_share'], 0.2)
    self.assertEqual(values['refaults'], 50)
    self.assertEqual(values['swapped_out'], 10 * 4 * MIB)
    self.assertNotIn('run_time', values)

  def test_a_workload_of_fixed_work(self):
    values = reclaim.metrics(reclaim.WORKLOADS['fft'], truth(), figures())
    self.assertEqual(values['run_time'], 10)
    self.assertAlmostEqual(values['stall'], 110)
    self.assertAlmostEqual(values['rss_avg'] / MIB, 192, delta=1)

  def test_comparison_of_time(self):
    values, baseline = ({'rss_avg': 60, 'run_time': 12, 'workload_cpu': 11}, {'rss_avg': 100, 'run_time': 10, 'workload_cpu': 10})
    reclaim.compare(reclaim.WORKLOADS['fft'], values, baseline)
    self.assertAlmostEqual(values['rss_saved'], 0.4)
    self.assertAlmostEqual(values['slowdown'], 0.2)
    self.assertAlmostEqual(values['interference'], 0.1)

  def test_comparison_of_pace(self):
    base = {'rss_avg': 100, 'accesses_per_sec': 100, 'cpu_per_access': 10, 'late_cpu_share': 0.9}
    values = {'rss_avg': 100, 'accesses_per_sec': 80, 'cpu_per_access': 11, 'late_cpu_share': 0.75}
    reclaim.compare(reclaim.WORKLOADS['cold80_busy'], values, base)
    self.assertAlmostEqual(values['slowdown'], 0.25)
    self.assertAlmostEqual(values['slowdown_late'], 0.2)
    self.assertAlmostEqual(values['interference'], 0.1)
    self.assertEqual(values['rss_saved'], 0)

  def test_cold_bytes_are_those_of_regions_that_the_last_phase_leaves_alone(self):
    self.assertEqual([r.name for r in reclaim.cold_regions(truth())], ['cold'])
    maps = [(t * S, [(0, 0, 64 * MIB), (1 << 30, 0, out * MIB)]) for t, out in ((2, 0), (5, 232), (8, 240), (11, 256))]
    values = reclaim.cold_metrics(truth(), maps)
    self.assertEqual(values, {'cold_out': 240 / 256, 'cold_out_after': 4})

  def test_cold_bytes_that_stay(self):
    self.assertEqual(reclaim.cold_metrics(truth(), [(2 * S, [(0, 64 * MIB, 0)])]), {'cold_out': 0})
    self.assertEqual(reclaim.cold_metrics(truth(), []), {})

  def test_schemes_are_to_scale(self):
    schemes = reclaim.WORKLOADS['fft'].schemes()
    self.assertEqual(list(schemes), list(reclaim.ROWS))
    self.assertEqual(schemes['pageout'], runs.Scheme(5000))
    self.assertEqual(schemes['quota'].bytes, 768 * MIB // 10 // 4096 * 4096)
    self.assertEqual((schemes['quota'].stall_us, schemes['goal'].stall_us), (0, 10_000))

  def test_jobs(self):
    args = argparse.Namespace(workload=['fft', 'cold80_busy'], tool=['udamon'], row=list(reclaim.ROWS), quick=True)
    self.assertEqual(list(reclaim.jobs_of(args)), [
      ('fft', 'none', 'baseline'), *(('fft', 'udamon', row) for row in reclaim.ROWS),
      ('cold80_busy', 'none', 'baseline'), ('cold80_busy', 'udamon', 'quota'), ('cold80_busy', 'udamon', 'goal')])

  def test_verdicts(self):
    cold = {'cold_out': 0.95, 'slowdown': 0.05, 'interference': 0.01, 'rss_saved': 0.5}
    results = {('cold80_busy', 'udamon', 'quota'): cold, ('cold80_busy', 'udamon', 'goal'): cold | {'interference': 0.016},
               ('fft', 'udamon', 'goal'): {'slowdown': 0.02, 'interference': 0, 'rss_saved': 0}}
    self.assertEqual([good for good, text in reclaim.verdicts(results) if 'least' in text or 'at most' in text],
                     [True, False, True])

  def test_rows(self):
    rows = reclaim.rows_of(argparse.Namespace(seed=3), {('fft', 'udamon', 'goal'): {'run_time': 5, 'slowdown': 0.1}})
    self.assertEqual(rows, [
      {'bench': 'reclaim', 'workload': 'fft', 'tool': 'udamon, goal', 'metric': m, 'value': v, 'unit': u, 'seed': 3}
      for m, v, u in (('run_time', 5, 's'), ('slowdown', 0.1, 'ratio'))])


class Psi(unittest.TestCase):
  @staticmethod
  def slow(stalls):
    total, rows = 0, [slow_row(0, 0)]
    for i, stall in enumerate(stalls):
      total += stall
      rows.append(slow_row((i + 1) * S, total, scheme={'effective_bytes': 4096}))
    return rows

  def test_only_windows_after_the_warm_up_count(self):
    values = psi.stall_metrics(self.slow([0] * 20 + [10_000] + [0] * 9 + [7_000, 13_000, 6_999, 10_000]))
    self.assertEqual((values['in_band'], values['windows']), (0.75, 4))
    self.assertEqual(values['reached_after'], 21)
    self.assertEqual((values['stall_p10'], values['stall_p90']), (6_999, 13_000))

  def test_a_run_that_is_too_short_says_nothing(self):
    self.assertEqual(psi.stall_metrics(self.slow([0] * 5)), {'in_band': None, 'windows': 0})

  def test_verdict(self):
    results = {('udamon', 'goal'): (psi.stall_metrics(self.slow([0] * 30 + [10_000] * 4 + [0])), [])}
    self.assertEqual([good for good, _ in psi.verdicts(results)], [True])
    results = {('udamon', 'goal'): (psi.stall_metrics(self.slow([0] * 30 + [10_000] * 3 + [0])), [])}
    self.assertEqual([good for good, _ in psi.verdicts(results)], [False])
    self.assertEqual(list(psi.verdicts({('kdamon', 'goal'): ({}, [])})), [])

  def test_series_have_times(self):
    series = list(psi.series_of({'slow': self.slow([5, 7]), 'fast': [(0, 100, 0, 0), (2 * S, 300, 0, 0)]}))
    self.assertEqual([(t, v) for m, t, v in series if m == 'stall_window'], [(1, 5), (2, 7)])
    self.assertEqual([(t, v) for m, t, v in series if m == 'resident'], [(0, 100), (1, 200), (2, 300)])
    self.assertEqual([(t, v) for m, t, v in series if m == 'allowed'], [(1, 4096), (2, 4096)])
    rows = list(psi.rows_of(argparse.Namespace(seed=1), {('udamon', 'goal'): ({'in_band': 1}, series)}))
    self.assertEqual(rows[0], {'bench': 'psi', 'workload': 'long_tail', 'tool': 'udamon, goal', 'metric': 'in_band',
                               'value': 1, 'unit': 'ratio', 'seed': 1})
    self.assertEqual(rows[1]['time'], 1)


class Inside(unittest.TestCase):
  SCHEME = {'idle_ms': 5000, 'time_ms': 100, 'bytes': 8192, 'reset_ms': 1000, 'stall_us': 10_000, 'rate_percent': 5}

  def test_yaml_of_all(self):
    self.assertEqual(
      inside_reclaim.scheme_yaml(self.SCHEME),
      'schemes: [{name: cold, action: pageout, access_pattern: {access_rate: [0%, 5%], age: [5000ms, max]}, '
      'quotas: {time: 100ms, sz: 8192B, reset_interval: 1000ms, weights: {access_rate: 0, age: 1}, '
      'goals: [{metric: some_mem_psi_us, target: 10000us}]}}]\n')

  def test_yaml_without_a_quota(self):
    bare = dict.fromkeys(self.SCHEME, 0) | {'idle_ms': 5000}
    self.assertEqual(inside_reclaim.scheme_yaml(bare), 'schemes: [{name: cold, action: pageout, '
                     'access_pattern: {access_rate: [0%, 0%], age: [5000ms, max]}}]\n')

  def test_cpu_clock_of_a_process(self):
    before = inside_reclaim.cpu_ns(os.getpid())
    sum(range(100_000))
    self.assertGreater(inside_reclaim.cpu_ns(os.getpid()), before)
    self.assertEqual(inside_reclaim.cpu_ns(0), 0)

  def test_own_mappings(self):
    memory = bytearray(b'x' * (8 * MIB))
    sizes = [resident for _, resident, _ in inside_reclaim.mappings(os.getpid())]
    self.assertGreaterEqual(max(sizes), len(memory))
    self.assertTrue(all(size >= MIB for size in sizes))


if __name__ == '__main__':
  unittest.main()
