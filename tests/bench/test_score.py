#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the scoring: logs and recordings made by hand, whose figures are known."""
import json
import os
import sqlite3
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import score  # noqa: E402
import truth as truth_log  # noqa: E402

PAGE, HUGE, SECOND = truth_log.PAGE, truth_log.HUGE, score.SECOND
BASE = 0x7f0000000000
A, B = BASE, BASE + 16 * HUGE  # two regions of 8 MiB
SIZE = 4 * HUGE
OFFSET = 10**18


def line(event, t, **fields):
  return json.dumps({'event': event, 't_mono_ns': t, 't_real_ns': t + OFFSET, 'pid': 7, **fields})


def region(name, addr, length=SIZE, thp=None):
  return line('region', 0, name=name, addr=addr, len=length, mapped_len=-(-length // PAGE) * PAGE, backing='anon',
              thp=thp, node=None, lock=False)


def pattern(name, addr, length=SIZE, hz=1000.0, random=False, stride=PAGE, **more):
  pages = -(-length // max(stride, PAGE))
  return {'name': name, 'addr': addr, 'len': length, 'mode': 'wo', 'rate_hz': None, 'random': random, 'stride': stride,
          'probability': 1, 'pages': pages, 'hz': hz, **more}


def phase(index, start, seconds, *patterns):
  span = round(seconds * SECOND)
  visible = [{k: v for k, v in p.items() if k != 'hz'} for p in patterns]
  measured = [{'name': p['name'], 'accesses': 1000, 'pages': p['pages'], 'pages_per_sec': p['hz'] * p['pages'],
               'measured_hz': p['hz']} for p in patterns]
  return [line('phase', start, index=index, repeat=0, name=f'phase {index}', duration_ns=span, start_mono_ns=start,
               regions=visible),
          line('phase_end', start + span, index=index, repeat=0, name=f'phase {index}', elapsed_ns=span,
               regions=measured)]


def zigzag(phases=4, seconds=4):
  """Init of a and b for one second, then a and b in turn."""
  lines = [region('a', A), region('b', B), *phase(0, 0, 1, pattern('a', A), pattern('b', B))]
  for i in range(phases):
    lines += phase(i + 1, (1 + i * seconds) * SECOND, seconds, pattern('ab'[i % 2], (A, B)[i % 2]))
  return truth_log.parse(lines + [line('end', (1 + phases * seconds) * SECOND, interrupted=False)])


def one(*patterns, regions=(('a', A),), seconds=10, **more):
  lines = [region(name, addr, **more) for name, addr in regions]
  return truth_log.parse(lines + phase(0, 0, 1, *patterns) + phase(1, SECOND, seconds, *patterns))


def snapshot(start, end, *regions, sample=0.1, aggregate=1.0):
  """Regions (start, end, hits of 10); times in seconds."""
  return score.make_snapshot(round(start * SECOND), round(end * SECOND), round(sample * SECOND),
                             round(aggregate * SECOND), [(a, b, hits, 10) for a, b, hits in regions])


def perfect(truth, seconds=1):
  """What an ideal monitor would see."""
  result, t = [], 0
  while t + seconds <= truth.end // SECOND:
    rates = truth_log.rate_map(truth, t * SECOND, (t + seconds) * SECOND, SECOND // 10)
    result.append(snapshot(t, t + seconds, *((a, b, p * 10) for a, b, p in rates), aggregate=seconds))
    t += seconds
  return result


class Log(unittest.TestCase):
  def test_events(self):
    truth = zigzag()
    self.assertEqual(len(truth.phases), 5)
    self.assertEqual(truth.measured_from, SECOND)
    self.assertEqual(truth.end, 17 * SECOND)
    self.assertEqual(truth.real_offset, OFFSET)
    self.assertEqual(truth.mappings, [(A, A + SIZE), (B, B + SIZE)])
    self.assertTrue(truth.complete)

  def test_a_phase_that_never_ended_is_left_out(self):
    lines = [region('a', A), *phase(0, 0, 1, pattern('a', A)), phase(1, SECOND, 1, pattern('a', A))[0]]
    truth = truth_log.parse(lines)
    self.assertEqual(len(truth.phases), 1)
    self.assertFalse(truth.complete)


class Probabilities(unittest.TestCase):
  def test_sweep(self):
    self.assertEqual(truth_log.probability(2, SECOND // 10, False), 0.2)
    self.assertEqual(truth_log.probability(100, SECOND, False), 1)

  def test_random(self):
    self.assertAlmostEqual(truth_log.probability(3.5667, SECOND // 10, True), 0.3, places=4)

  def test_phases_are_averaged(self):
    rates = truth_log.rate_map(zigzag(), 4 * SECOND, 6 * SECOND, SECOND // 10)
    self.assertEqual(rates, [(A, A + SIZE, 0.5), (B, B + SIZE, 0.5)])

  def test_what_was_touched_adds_up(self):
    self.assertEqual(truth_log.size(truth_log.touched_map(zigzag(), 4 * SECOND, 6 * SECOND)), 2 * SIZE)
    self.assertEqual(truth_log.size(truth_log.touched_map(zigzag(), 2 * SECOND, 3 * SECOND)), SIZE)

  def test_patterns_on_the_same_memory(self):
    truth = one(pattern('a', A, hz=5), pattern('a', A, SIZE // 2, hz=5))
    rates = truth_log.rate_map(truth, 2 * SECOND, 3 * SECOND, SECOND // 10)
    self.assertEqual(rates, [(A, A + SIZE // 2, 0.75), (A + SIZE // 2, A + SIZE, 0.5)])

  def test_stride_beyond_pages(self):
    truth = one(pattern('a', A, stride=HUGE))
    rates = truth_log.rate_map(truth, 2 * SECOND, 3 * SECOND, SECOND // 10)
    self.assertEqual(truth_log.size(rates), 4 * PAGE)
    self.assertEqual(rates[1][0], A + HUGE)

  def test_huge_pages(self):
    truth = one(pattern('a', A, stride=HUGE))
    rates = truth_log.rate_map(truth, 2 * SECOND, 3 * SECOND, SECOND // 10, 'always')
    self.assertEqual(rates, [(A, A + SIZE, 1)])

  def test_huge_pages_only_where_whole(self):
    truth = one(pattern('a', A, HUGE + PAGE, stride=PAGE * 2), length=HUGE + 3 * PAGE)
    rates = truth_log.rate_map(truth, 2 * SECOND, 3 * SECOND, SECOND // 10, 'always')
    self.assertEqual(rates, [(A, A + HUGE + PAGE, 1)])

  def test_random_visits_to_a_huge_page_add_up(self):
    truth = one(pattern('a', A, hz=0.01, random=True))
    rates = truth_log.rate_map(truth, 2 * SECOND, 3 * SECOND, SECOND // 10, 'always')
    self.assertAlmostEqual(rates[0][2], truth_log.probability(5.12, SECOND // 10, True))

  def test_small_pages_by_request(self):
    truth = one(pattern('a', A, stride=HUGE), thp='never')
    self.assertEqual(truth_log.size(truth_log.rate_map(truth, 2 * SECOND, 3 * SECOND, SECOND // 10, 'always')),
                     4 * PAGE)

  def test_moving_window(self):
    truth = one(pattern('a', A, window=HUGE, step=HUGE, step_ns=SECOND))
    self.assertEqual(truth_log.rate_map(truth, 3 * SECOND, 4 * SECOND, SECOND // 10),
                     [(A + 2 * HUGE, A + 3 * HUGE, 1)])
    # two positions, half of the time each; it wraps around
    both = truth_log.window_ranges(truth.phases[1].patterns[0], 0, 3 * SECOND + SECOND // 2, 4 * SECOND + SECOND // 2)
    self.assertEqual(list(both), [(A + 3 * HUGE, A + 4 * HUGE, 0.5), (A, A + HUGE, 0.5)])

  def test_zipf_keeps_the_mean(self):
    ranges = list(truth_log.zipf_hz(pattern('a', A, zipf=1.0), 10.0))
    self.assertEqual(ranges[0][0], 0)
    self.assertEqual(ranges[-1][1], SIZE // PAGE)
    mean = sum((b - a) * hz for a, b, hz in ranges) / (SIZE // PAGE)
    self.assertAlmostEqual(mean, 10)
    self.assertGreater(ranges[0][2], 100 * ranges[-1][2])


class Readers(unittest.TestCase):
  def test_recording(self):
    with tempfile.TemporaryDirectory() as directory:
      path = os.path.join(directory, 'x.db')
      db = sqlite3.connect(path)
      db.execute('CREATE TABLE snapshot(id, time_ns, window_ns, sample_ns, aggregate_ns, ws_bytes)')
      db.execute('CREATE TABLE region(snapshot, start_address, end_address, hits, samples)')
      db.execute('INSERT INTO snapshot VALUES(1, ?, ?, 5, 100, 4096)', (OFFSET + 300, 110))
      db.executemany('INSERT INTO region VALUES(1, ?, ?, ?, ?)', [(A, A + PAGE, 3, 4), (B, B + PAGE, 0, 0)])
      db.commit()
      db.close()
      seen, = score.read_recording(path, OFFSET)
    self.assertEqual((seen.start, seen.end, seen.sample, seen.aggregate), (190, 300, 5, 100))
    self.assertEqual(seen.regions, [(A, A + PAGE, 0.75)])
    self.assertEqual((seen.estimate, seen.touched), (4096, PAGE))

  def test_trace(self):
    lines = ['# entries-in-buffer/entries-written: 3/3   #P:1',
             ' kdamond.0-83 [000] ..... 195.100000: damon_aggregated: target_id=0 nr_regions=2 4096-8192: 20 1',
             ' kdamond.0-83 [000] ..... 195.100002: damon_aggregated: target_id=0 nr_regions=2 8192-16384: 5 0',
             ' kdamond.0-83 [000] ..... 195.210000: damon_aggregated: target_id=0 nr_regions=1 4096-16384: 0 0']
    first, second = score.read_trace(lines, 5_000_000, 100_000_000)
    self.assertEqual((first.start, first.end), (195 * SECOND, 195 * SECOND + SECOND // 10))
    self.assertEqual(first.regions, [(4096, 8192, 1.0), (8192, 16384, 0.25)])
    self.assertEqual((first.estimate, first.touched), (4096 + 2048, 12288))
    self.assertEqual((second.start, second.touched), (first.end, 0))


class Arithmetic(unittest.TestCase):
  def test_percentile(self):
    self.assertIsNone(score.percentile([], 0.5))
    self.assertEqual(score.percentile([3], 0.9), 3)
    self.assertEqual(score.percentile([4, 1, 3, 2], 0.5), 2.5)
    self.assertEqual(score.percentile(list(range(11)), 0.9), 9)

  def test_clip(self):
    self.assertEqual(score.clip([(0, 10, 'x'), (10, 30, 'y')], [(5, 12), (20, 25), (40, 50)]),
                     [(5, 10, 'x'), (10, 12, 'y'), (20, 25, 'y')])
    self.assertEqual(score.clip([], [(0, 1)]), [])

  def test_f1(self):
    self.assertEqual(score.precision_recall([(0, 10)], [(5, 25)]), (0.5, 0.25))
    self.assertAlmostEqual(score.f1(0.5, 0.25), 1 / 3)
    self.assertEqual(score.f1(*score.precision_recall([], [(0, 1)])), 0)
    self.assertIsNone(score.f1(*score.precision_recall([(0, 1)], [])))

  def test_pearson(self):
    self.assertAlmostEqual(score.pearson([1, 2, 3], [2, 4, 6]), 1)
    self.assertAlmostEqual(score.pearson([1, 2, 3], [3, 2, 1]), -1)
    self.assertIsNone(score.pearson([1, 1], [1, 2]))


class Scores(unittest.TestCase):
  def test_kinds(self):
    truth = zigzag()
    kinds = [score.kind_of(s, truth) for s in perfect(truth)[:7]]
    self.assertEqual(kinds, [None, 'transition', 'transition', 'steady', 'steady', 'transition', 'transition'])
    self.assertIsNone(score.kind_of(snapshot(16.5, 17.5), truth))

  def test_an_ideal_monitor(self):
    values = score.score(perfect(zigzag()), zigzag())
    self.assertEqual(values['snapshots'], 16)
    self.assertEqual(values['snapshots_steady'], 8)
    for name in ('wss_error_estimate_p50', 'wss_error_damon_p90', 'steady_wss_error_estimate_p90'):
      self.assertEqual(values[name], 0)
    for name in ('hot_f1_page', 'transition_hot_f1_page', 'phases_detected'):
      self.assertEqual(values[name], 1)
    self.assertAlmostEqual(values['heatmap_correlation'], 1)
    self.assertEqual(values['detection_lag_p50'], 1)
    self.assertNotIn('hot_f1_huge', values)

  def test_a_monitor_that_sees_everything_hot(self):
    truth = zigzag()
    seen = [snapshot(t, t + 1, (A, A + SIZE, 10), (B, B + SIZE, 10)) for t in range(17)]
    values = score.score(seen, truth)
    self.assertEqual(values['wss_error_estimate_p50'], 1)
    self.assertEqual(values['wss_bias_estimate'], 1)
    self.assertEqual(values['hot_precision_page'], 0.5)
    self.assertEqual(values['hot_recall_page'], 1)
    self.assertEqual(values['phases_detected'], 0)
    self.assertNotIn('heatmap_correlation', values)

  def test_a_window_across_a_change(self):
    truth = zigzag()
    half = score.score_snapshot(snapshot(4, 6, (A, A + SIZE, 5), (B, B + SIZE, 5)), truth, 'never')
    self.assertEqual(half['error_estimate'], 0)
    self.assertEqual(half['error_damon'], 0)

  def test_memory_that_is_not_the_workloads(self):
    other = snapshot(2, 3, (0x400000, 0x400000 + SIZE // 4, 10), (A, A + SIZE, 10))
    values = score.score_snapshot(other, zigzag(), 'never')
    self.assertEqual(values['error_estimate'], 0.25)  # is in the working set
    self.assertEqual(values['precision_page'], 1)     # is not held against the regions

  def test_huge_pages_are_scored_at_both_sizes(self):
    truth = one(pattern('a', A, stride=HUGE))
    values = score.score_snapshot(snapshot(2, 3, (A, A + SIZE, 10)), truth, 'always')
    self.assertEqual(values['error_estimate'], 0)
    self.assertEqual(values['precision_huge'], 1)
    self.assertEqual(values['precision_page'], PAGE / HUGE)

  def test_nothing_hot(self):
    truth = one(pattern('a', A, hz=1, random=True))
    values = score.score([snapshot(t, t + 1, (A, A + SIZE, 1)) for t in range(10)], truth)
    self.assertNotIn('hot_f1_page', values)
    self.assertAlmostEqual(values['wss_error_estimate_p50'], 0.1 / (1 - 2.718281828 ** -0.1) - 1, places=6)

  def test_slow_detection(self):
    truth = zigzag()
    late = [snapshot(t, t + 1, *((A, A + SIZE, 10),) if (t - 3) % 8 < 4 else ((B, B + SIZE, 10),)) for t in range(17)]
    values = score.score(late, truth)
    self.assertEqual(values['detection_lag_p50'], 3)

  def test_no_snapshots(self):
    self.assertEqual(score.score([], zigzag()), {'snapshots': 0, 'snapshots_steady': 0})


if __name__ == '__main__':
  unittest.main()
