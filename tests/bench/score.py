#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Scores what a monitor saw against what a workload did: a recording of udamon, or a trace of kernel DAMON's
damon_aggregated events, and the truth log. README.md says what each metric means."""
import argparse
import json
import math
import re
import sqlite3
import sys
from dataclasses import dataclass

sys.dont_write_bytecode = True
import truth as truth_log  # noqa: E402

MIB = 1024 * 1024
SECOND = 1_000_000_000
HOT = 0.5
GOOD_F1 = 0.9
GOOD_FOR = 5  # snapshots


@dataclass
class Snapshot:
  start: int  # ns on CLOCK_MONOTONIC
  end: int
  sample: int
  aggregate: int
  regions: list  # (start, end, rate)
  estimate: float  # bytes touched in a sampling interval
  touched: float  # bytes of regions with any access: DAMON's definition of the working set


def make_snapshot(start, end, sample, aggregate, counted, estimate=None):
  """counted: (start, end, hits, samples)"""
  regions = [(a, b, hits / samples) for a, b, hits, samples in counted if samples > 0]
  return Snapshot(start, end, sample, aggregate, regions,
                  estimate if estimate is not None else sum((b - a) * r for a, b, r in regions),
                  sum(b - a for a, b, r in regions if r > 0))


def read_recording(path, real_offset):
  """Snapshots of a recording; address spaces of several targets are not told apart."""
  db = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
  regions = {}
  for number, *region in db.execute('SELECT snapshot, start_address, end_address, hits, samples FROM region'
                                    ' ORDER BY snapshot, start_address'):
    regions.setdefault(number, []).append(tuple(region))
  rows = db.execute('SELECT id, time_ns, window_ns, sample_ns, aggregate_ns, ws_bytes FROM snapshot ORDER BY id')
  return [make_snapshot(time - real_offset - window, time - real_offset, sample, aggregate, regions.get(number, []),
                        ws_bytes)
          for number, time, window, sample, aggregate, ws_bytes in rows.fetchall()]


EVENT = re.compile(r'\s(\d+)\.(\d+): damon_aggregated: target_id=(\d+) nr_regions=(\d+) (\d+)-(\d+): (\d+) (\d+)')


def read_trace(lines, sample, aggregate):
  """Snapshots of a kernel DAMON trace (trace_clock mono). The window of the first one is taken to be as long as was
  asked for; the others begin where the one before ended."""
  groups, left = [], 0
  for line in lines:
    match = EVENT.search(line)
    if not match:
      continue
    seconds, fraction, _, n, start, end, hits, _ = match.groups()
    if left == 0:
      time = int(seconds) * SECOND + int(fraction.ljust(9, '0'))
      groups.append((time, []))
      left = int(n)
    groups[-1][1].append((int(start), int(end), int(hits), aggregate // sample))
    left -= 1
  snapshots, before = [], None
  for time, counted in groups:
    snapshots.append(make_snapshot(before if before is not None else time - aggregate, time, sample, aggregate,
                                   counted))
    before = time
  return snapshots


def percentile(values, share):
  """Linear between the two nearest; None of nothing."""
  if not values:
    return None
  values = sorted(values)
  at = share * (len(values) - 1)
  low = math.floor(at)
  high = min(low + 1, len(values) - 1)
  return values[low] + (values[high] - values[low]) * (at - low)


def mean(values):
  values = [v for v in values if v is not None]
  return sum(values) / len(values) if values else None


def clip(ranges, mappings):
  """Those parts of sorted disjoint (start, end, …) that lie within sorted disjoint mappings."""
  result, k = [], 0
  for a, b, *rest in ranges:
    while k < len(mappings) and mappings[k][1] <= a:
      k += 1
    i = k
    while i < len(mappings) and mappings[i][0] < b:
      low, high = max(a, mappings[i][0]), min(b, mappings[i][1])
      if low < high:
        result.append((low, high, *rest))
      i += 1
  return result


def hot(ranges, threshold=HOT):
  return [(a, b) for a, b, rate in ranges if rate >= threshold]


def length(ranges):
  return sum(r[1] - r[0] for r in ranges)


def precision_recall(predicted, true):
  """Of bytes; either is None where its denominator is empty."""
  common = length(clip(predicted, true))
  return (common / length(predicted) if predicted else None, common / length(true) if true else None)


def f1(precision, recall):
  """None where nothing was hot. Hot bytes missed altogether score 0."""
  if recall is None:
    return None
  precision = precision or 0
  return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def pearson(xs, ys):
  """None where one of them does not vary."""
  n = len(xs)
  if n < 2:
    return None
  mx, my = sum(xs) / n, sum(ys) / n
  sxy = sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True))
  sxx, syy = sum((x - mx) ** 2 for x in xs), sum((y - my) ** 2 for y in ys)
  return sxy / math.sqrt(sxx * syy) if sxx > 1e-9 and syy > 1e-9 else None


def kind_of(snapshot, truth):
  """steady: within one phase, after two aggregations of it. transition: any other after the first phase. None: not
  to be scored, because memory is still being made, or the workload has ended."""
  slack = snapshot.sample
  if snapshot.start < truth.measured_from or snapshot.end > truth.end + slack:
    return None
  for phase in truth.phases:
    if phase.start + 2 * snapshot.aggregate <= snapshot.start and snapshot.end <= phase.end + slack:
      return 'steady'
  return 'transition'


def score_snapshot(snapshot, truth, thp):
  """Errors of one snapshot."""
  start, end = snapshot.start, min(snapshot.end, truth.end)
  rates = truth_log.rate_map(truth, start, end, snapshot.sample, thp)
  touched = truth_log.size(truth_log.touched_map(truth, start, end, thp))
  true = truth_log.size(rates)
  result = {
    'error_estimate': abs(snapshot.estimate - true) / true if true else None,
    'bias_estimate': (snapshot.estimate - true) / true if true else None,
    'error_damon': abs(snapshot.touched - touched) / touched if touched else None,
  }
  predicted = hot(clip(snapshot.regions, truth.mappings))
  levels = {'page': rates if thp == 'never' else truth_log.rate_map(truth, start, end, snapshot.sample)}
  if thp != 'never':
    levels['huge'] = rates
  for level, ranges in levels.items():
    precision, recall = precision_recall(predicted, hot(ranges))
    result[f'precision_{level}'], result[f'recall_{level}'] = precision, recall
    result[f'f1_{level}'] = f1(precision, recall)
  return result


def spread(ranges, mappings, into, weight):
  """Adds the access map's bytes x p to bins of 1 MiB of the mappings."""
  for a, b, p in clip(ranges, mappings):
    while a < b:
      until = min(b, (a // MIB + 1) * MIB)
      into[a // MIB] = into.get(a // MIB, 0) + (until - a) * p * weight
      a = until


def heat_bins(snapshots, truth, thp):
  """Pairs (estimated, true) of the mean rate in each 1 MiB x 1 s of the workload's regions, where there are
  snapshots for all of that second."""
  sizes = {}
  spread([(a, b, 1) for a, b in truth.mappings], truth.mappings, sizes, 1)
  sample = snapshots[0].sample
  pairs = []
  t = truth.measured_from
  while t + SECOND <= truth.end:
    seen, covered = {}, 0
    for snapshot in snapshots:
      overlap = min(snapshot.end, t + SECOND) - max(snapshot.start, t)
      if overlap > 0:
        covered += overlap
        spread(snapshot.regions, truth.mappings, seen, overlap)
    if covered >= 0.9 * SECOND:
      true = {}
      spread(truth_log.rate_map(truth, t, t + SECOND, sample, thp), truth.mappings, true, 1)
      pairs += [(seen.get(k, 0) / covered / n, true.get(k, 0) / n) for k, n in sizes.items()]
    t += SECOND
  return pairs


def detection_lags(snapshots, truth, thp):
  """For each phase that changes what is hot: ns until F1 is good and stays so for five snapshots (or to the end of
  the phase); None where it never does."""
  lags, before = [], None
  for phase in truth.phases:
    sample = snapshots[0].sample
    now = hot(truth_log.phase_map(truth, phase, phase.start, phase.end, sample, thp))
    changed, before = before is not None and now != before, now
    if not changed or not now or phase.start < truth.measured_from:
      continue
    within = [s for s in snapshots if phase.start < s.end <= phase.end + s.sample]
    good = [(f1(*precision_recall(hot(clip(s.regions, truth.mappings)), now)) or 0) >= GOOD_F1 for s in within]
    found = [i for i in range(len(within)) if all(good[i:i + GOOD_FOR])]
    lags.append(within[found[0]].end - phase.start if found else None)
  return lags


def summarize(scored, prefix):
  """Metrics of snapshots of one kind."""
  values = {}
  for name in ('error_estimate', 'error_damon'):
    errors = [s[name] for s in scored if s[name] is not None]
    for share in (50, 75, 90):
      values[f'{prefix}wss_{name}_p{share}'] = percentile(errors, share / 100)
  values[f'{prefix}wss_bias_estimate'] = mean([s['bias_estimate'] for s in scored])
  for level in ('page', 'huge'):
    for name in ('precision', 'recall', 'f1'):
      if scored and f'{name}_{level}' in scored[0]:
        values[f'{prefix}hot_{name}_{level}'] = mean([s[f'{name}_{level}'] for s in scored])
  return values


def score(snapshots, truth, thp='never'):
  """All metrics, name to value; those that do not apply are left out."""
  kinds = {'steady': [], 'transition': []}
  for snapshot in snapshots:
    kind = kind_of(snapshot, truth)
    if kind:
      kinds[kind].append(score_snapshot(snapshot, truth, thp))
  every = kinds['steady'] + kinds['transition']
  values = {'snapshots': len(every), 'snapshots_steady': len(kinds['steady'])}
  if not every:
    return values
  values['regions_mean'] = mean([len(s.regions) for s in snapshots if kind_of(s, truth)])
  values |= summarize(every, '') | summarize(kinds['steady'], 'steady_') | summarize(kinds['transition'], 'transition_')
  pairs = heat_bins(snapshots, truth, thp)
  values['heatmap_correlation'] = pearson([p[0] for p in pairs], [p[1] for p in pairs])
  lags = detection_lags(snapshots, truth, thp)
  detected = [lag for lag in lags if lag is not None]
  if lags:
    values['phases_detected'] = len(detected) / len(lags)
    values['detection_lag_p50'] = percentile(detected, 0.5) / SECOND if detected else None
  return {name: value for name, value in values.items() if value is not None}


def unit_of(metric):
  if metric.startswith('snapshots') or metric == 'regions_mean':
    return '1'
  if metric.startswith('detection_lag'):
    return 's'
  return 'ratio'


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--truth', required=True, help='log of the workload')
  source = parser.add_mutually_exclusive_group(required=True)
  source.add_argument('--recording', help='database of udamonctl record, or run --record')
  source.add_argument('--damon-trace', help="damon_aggregated events, trace_clock mono")
  parser.add_argument('--sample-us', type=int, default=5000, help='of kernel DAMON (default 5000)')
  parser.add_argument('--aggregate-us', type=int, default=100000, help='of kernel DAMON (default 100000)')
  parser.add_argument('--thp', choices=['never', 'madvise', 'always'], default='never', help='mode of the machine')
  parser.add_argument('--json', action='store_true')
  args = parser.parse_args()

  truth = truth_log.load(args.truth)
  if not truth.phases:
    sys.exit('score: the truth log has no complete phase')
  if args.recording:
    snapshots = read_recording(args.recording, truth.real_offset)
  else:
    with open(args.damon_trace, encoding='ascii') as trace:
      snapshots = read_trace(trace, args.sample_us * 1000, args.aggregate_us * 1000)
  values = score(snapshots, truth, args.thp)
  if args.json:
    json.dump(values, sys.stdout, indent=2)
    print()
  else:
    for name, value in values.items():
      print(f'{name:40} {value:10.4g} {unit_of(name)}')


if __name__ == '__main__':
  main()
