#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Is the working set right, and as sure as it says? Workloads of the known zigzag and stairs, at intervals that fit their
phases, and of memory that is warm.

record DIR BUILD: within the guest, runs each workload reading, writing and doing both, and leaves recordings and truth
logs in DIR. score DIR --thp MODE --limit SHARE: on any machine, one line of result for each.
"""
import argparse
import math
import os
import shutil
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'bench'))
sys.dont_write_bytecode = True
import score  # noqa: E402
import truth as truth_log  # noqa: E402

INTERVALS = '25ms,500ms,10s'
INIT_MS, PHASE_MS, PHASES = 1000, 2500, 5
SHAPES = {'zigzag': (2, 100_000_000), 'stairs': (10, 10_000_000)}
MODES = ('ro', 'wo', 'rw')
RUNS = [(shape, mode) for shape in SHAPES for mode in MODES]
# Where huge pages may be had, khugepaged makes some of these while it runs: what a touch says is another thing then.
SMALL_ONLY = [('warm', 'wo')]
WARM = 'warm, 64MiB\n\ninit\n1s\nwarm, 0, 4096, 1\n\nwarm\n12s\nwarm, 1, 4096, 1, wo, rate=4\n'  # 10 % in 25 ms
Z_95 = 1.96
SLIGHT = 0.02  # averages have a few samples in them from before a change
SLACK, SURE = 0.05, 51  # idle for certain, as a scheme's confidence of 95 % has it: so many samples without an access
COVERED = 0.9  # of the bytes whose rate lies within its interval of 95 %
EXPECTED = 16  # of some 25 windows after the first phase, so many at least must be there


def configuration(shape):
  """The regions of zigzag_30secs or stairs_30secs, with fewer phases; or warm memory."""
  if shape == 'warm':
    return WARM
  count, size = SHAPES[shape]
  lines = [f'r{i}, {size}' for i in range(count)]
  lines += ['', 'init', str(INIT_MS), *(f'r{i}, 0, 4096, 1' for i in range(count))]
  for phase in range(PHASES):
    lines += ['', f'phase {phase}', str(PHASE_MS), f'r{phase % count}, 0, 4096, 1']
  return '\n'.join(lines) + '\n'


MORE = {'warm': 2}  # times the limit: few samples of a rate of 10 % say less than one of 100 %


def runs_for(thp):
  return RUNS + SMALL_ONLY if thp == 'never' else RUNS


def thp_mode():
  with open('/sys/kernel/mm/transparent_hugepage/enabled', encoding='ascii') as file:
    return file.read().split('[')[1].split(']')[0]


def load(programs):
  """By instruction count time jumps while the guest waits for a file, beyond any timeout: these are in memory then, with
  their libraries."""
  for program in programs:
    libraries = subprocess.run(['ldd', program], check=False, capture_output=True, text=True).stdout.split()
    for path in [program, *(word for word in libraries if word.startswith('/'))]:
      with open(path, 'rb') as file:
        file.read()


def record(directory, build):
  load([os.path.join(build, name) for name in ('daemon/udamond', 'daemon/ctl/udamonctl', 'tests/workload/workload')])
  for shape, mode in runs_for(thp_mode()):
    with open('/tmp/workload.cfg', 'w', encoding='ascii') as config:
      config.write(configuration(shape))
    subprocess.run([os.path.join(build, 'daemon/ctl/udamonctl'), 'run', '--record', '/tmp/x.db', '--force', '--seed', '1',
                    '--intervals', INTERVALS, '--cpu-limit', 'none', '--report', '/tmp/report', '--',
                    os.path.join(build, 'tests/workload/workload'), '-q', '--populate', '--rw', mode,
                    '--truth', '/tmp/truth', '/tmp/workload.cfg'], check=True)
    shutil.copy('/tmp/truth', os.path.join(directory, f'{shape}.{mode}.truth'))
    shutil.copy('/tmp/x.db', os.path.join(directory, f'{shape}.{mode}.db'))
    os.unlink('/tmp/truth')


def interval(rate, samples):
  """Wilson's, as udamonctl regions --json gives it."""
  if samples <= 0:
    return 0, 1
  square = Z_95 * Z_95
  middle = (rate + square / (2 * samples)) / (1 + square / samples)
  half = Z_95 / (1 + square / samples) * math.sqrt(rate * (1 - rate) / samples + square / (4 * samples * samples))
  return middle - half, middle + half


def calibrate(path, truth, thp):
  """Of the bytes of all steady windows, within the workload's regions: the share whose true rate lies within its interval,
  and of those that are truly accessed the share that is called idle, for certain."""
  db = sqlite3.connect(f'file:{path}.db?mode=ro', uri=True)
  regions = {}
  for number, *region in db.execute('SELECT snapshot, start_address, end_address, rate, rate_samples FROM region ORDER BY 1, 2'):
    regions.setdefault(number, []).append(tuple(region))
  total = covered = accessed = wrong = 0
  numbers = [n for (n,) in db.execute('SELECT id FROM snapshot ORDER BY id')]
  for number, snapshot in zip(numbers, score.read_recording(path + '.db', truth.real_offset), strict=True):
    if score.kind_of(snapshot, truth) != 'steady':
      continue
    rates = truth_log.rate_map(truth, snapshot.start, min(snapshot.end, truth.end), snapshot.sample, thp)
    for start, end, rate, samples in score.clip(regions.get(number, []), truth.mappings):
      true = sum((b - a) * p for a, b, p in score.clip(rates, [(start, end)])) / (end - start)
      low, high = interval(rate, samples)
      total += end - start
      covered += end - start if low - SLIGHT <= true <= high + SLIGHT else 0
      if true > SLACK:
        accessed += end - start
        wrong += end - start if rate == 0 and samples >= SURE else 0
  return covered / total, wrong / accessed if accessed else 0


def judge_certainty(path, thp):
  truth = truth_log.load(path + '.truth')
  covered, wrong = calibrate(path, truth, thp)
  return (covered >= COVERED and wrong <= 0.05,
          f'intervals of 95 % hold for {covered:.1%} of the bytes (at least {COVERED:.0%}), {wrong:.2%} of what is accessed is called surely idle')


def judge(path, thp, limit):
  """(whether it holds, what was seen)"""
  try:
    truth = truth_log.load(path + '.truth')
    values = score.score(score.read_recording(path + '.db', truth.real_offset), truth, thp)
  except OSError as e:
    return False, str(e)
  error = values.get('wss_error_estimate_p50')
  if error is None or values['snapshots'] < EXPECTED:
    return False, f'{values["snapshots"]} snapshots only'
  return error <= limit, (f'median {error:.1%} (at most {limit:.0%}), p75 {values["wss_error_estimate_p75"]:.1%}, '
                          f'p90 {values["wss_error_estimate_p90"]:.1%}, {values["snapshots"]} snapshots')


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('what', choices=['record', 'score'])
  parser.add_argument('directory')
  parser.add_argument('build', nargs='?', default='build/gcc')
  parser.add_argument('--thp', choices=['never', 'always'], default='never')
  parser.add_argument('--limit', type=float, default=0.1)
  args = parser.parse_args()
  if args.what == 'record':
    record(args.directory, args.build)
    return
  for shape, mode in runs_for(args.thp):
    good, seen = judge(os.path.join(args.directory, f'{shape}.{mode}'), args.thp, args.limit * MORE.get(shape, 1))
    print(f'{"ok  " if good else "FAIL"} working set of {shape}, {mode}, THP {args.thp}: {seen}')
  for shape, mode in runs_for(args.thp):
    good, seen = judge_certainty(os.path.join(args.directory, f'{shape}.{mode}'), args.thp)
    print(f'{"ok  " if good else "FAIL"} certainty of {shape}, {mode}, THP {args.thp}: {seen}')


main()
