#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Is the working set right? Workloads of the known zigzag and stairs, at intervals that fit their phases.

record DIR BUILD: within the guest, runs each workload reading, writing and doing both, and leaves recordings and truth
logs in DIR. score DIR --thp MODE --limit SHARE: on any machine, one line of result for each.
"""
import argparse
import os
import shutil
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
EXPECTED = 16  # of some 25 windows after the first phase, so many at least must be there


def configuration(shape):
  """The regions of zigzag_30secs or stairs_30secs, with fewer phases."""
  count, size = SHAPES[shape]
  lines = [f'r{i}, {size}' for i in range(count)]
  lines += ['', 'init', str(INIT_MS), *(f'r{i}, 0, 4096, 1' for i in range(count))]
  for phase in range(PHASES):
    lines += ['', f'phase {phase}', str(PHASE_MS), f'r{phase % count}, 0, 4096, 1']
  return '\n'.join(lines) + '\n'


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
  for shape, mode in RUNS:
    with open('/tmp/workload.cfg', 'w', encoding='ascii') as config:
      config.write(configuration(shape))
    subprocess.run([os.path.join(build, 'daemon/ctl/udamonctl'), 'run', '--record', '/tmp/x.db', '--force', '--seed', '1',
                    '--intervals', INTERVALS, '--cpu-limit', 'none', '--report', '/tmp/report', '--',
                    os.path.join(build, 'tests/workload/workload'), '-q', '--populate', '--rw', mode,
                    '--truth', '/tmp/truth', '/tmp/workload.cfg'], check=True)
    shutil.copy('/tmp/truth', os.path.join(directory, f'{shape}.{mode}.truth'))
    shutil.copy('/tmp/x.db', os.path.join(directory, f'{shape}.{mode}.db'))
    os.unlink('/tmp/truth')


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
  for shape, mode in RUNS:
    good, seen = judge(os.path.join(args.directory, f'{shape}.{mode}'), args.thp, args.limit)
    print(f'{"ok  " if good else "FAIL"} working set of {shape}, {mode}, THP {args.thp}: {seen}')


main()
