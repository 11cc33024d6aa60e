# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benchmarks reclaim and psi share: tools, schemes, guests, and figures from the series of a run."""
import concurrent.futures
import json
import math
import os
import subprocess
import sys
import time
from bisect import bisect_left
from dataclasses import asdict, dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
TIMEOUT = 1800  # real seconds for one guest
SECOND = 1_000_000_000
MIB = 1 << 20


@dataclass
class Tool:
  kind: str  # none, udamon, kdamon
  intervals: str = ''
  about: str = ''


TOOLS = {
  'none': Tool('none', about='nobody reclaims'),
  'udamon': Tool('udamon', about='udamon at its defaults, 100 ms/2 s'),
  'kdamon': Tool('kdamon', '5000,100000,1000000', 'kernel DAMON at its defaults, 5 ms/100 ms'),
  'udamon 5ms': Tool('udamon', '5ms,100ms,1s', "udamon at kernel DAMON's intervals"),
  'kdamon 100ms': Tool('kdamon', '100000,2000000,10000000', "kernel DAMON at udamon's intervals"),
}


@dataclass
class Scheme:
  """Pageout of what was idle (or accessed at most so rarely) for so long, within a quota and up to a stall for each
  window. 0: no such limit."""
  idle_ms: int
  time_ms: int = 0
  bytes: int = 0
  reset_ms: int = 0
  stall_us: int = 0
  rate_percent: int = 0


def say(text):
  print(text, file=sys.stderr, flush=True)


def run_guest(args, share, name, tool, scheme, command, options):
  """One boot, one run. Its figures and series; the truth is left in share/name.truth."""
  kept = os.path.join(share, name + '.json')
  if args.resume and os.path.exists(kept):
    with open(kept, encoding='ascii') as file:
      return json.load(file)
  guest = [os.path.join(TOP, 'tests/guest/run'), '--icount', '--mem', str(options['mem']), '--zram',
           str(options['zram']), '--thp', 'never', '--timeout', str(TIMEOUT), '--share', share, '--']
  words = [sys.executable, os.path.join(HERE, 'inside-reclaim.py'), '--tool', tool.kind, '--build', args.build,
           '--seed', str(args.seed), '--out', f'/share/{name}', f'--intervals={tool.intervals}',
           f'--options={args.options}', f'--cpu-limit={args.cpu_limit}', '--page-cache', str(options['page_cache']),
           '--maps', str(options['maps']), '--scheme', json.dumps(asdict(scheme) if scheme else {}), '--', *command]
  done = subprocess.run(guest + words, cwd=TOP, stdin=subprocess.DEVNULL, capture_output=True, text=True)
  if done.returncode != 0:
    raise RuntimeError(f'{name}: exit status {done.returncode}\n{done.stderr}')
  figures = json.loads(done.stdout)
  with open(kept + '.new', 'w', encoding='ascii') as file:
    json.dump(figures, file)
  os.rename(kept + '.new', kept)
  return figures


def run_all(bench, jobs, measure, guests):
  """Job to what measure(*job) returns; and whether all succeeded."""
  results, started = {}, time.monotonic()
  with concurrent.futures.ThreadPoolExecutor(guests) as pool:
    futures = {pool.submit(measure, *job): job for job in jobs}
    for future in concurrent.futures.as_completed(futures):
      job = futures[future]
      try:
        results[job] = future.result()
        what = 'done'
      except RuntimeError as e:
        what = f'FAILED: {e}'
      say(f'{bench}: {time.monotonic() - started:4.0f} s, {len(results)} of {len(jobs)}: {", ".join(job)}: {what}')
  return results, len(results) == len(jobs)


def value_at(series, column, t):
  """A column at time t, between two readings by a straight line. Times are column 0, in ascending order."""
  i = bisect_left(series, t, key=lambda row: row[0])
  if i == 0:
    return series[0][column]
  if i == len(series):
    return series[-1][column]
  (a, b) = series[i - 1], series[i]
  return a[column] + (b[column] - a[column]) * (t - a[0]) / (b[0] - a[0])


def mean_over(series, column, start, end):
  """Mean of a column by time over [start, end]."""
  points = [(start, value_at(series, column, start))]
  points += [(row[0], row[column]) for row in series if start < row[0] < end]
  points.append((end, value_at(series, column, end)))
  return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(points, points[1:])) / (end - start)


def growth(series, column, start, end):
  return value_at(series, column, end) - value_at(series, column, start)


def column_of(slow, name):
  """The rows (t, value) of one counter of the slow series."""
  return [(row['t'], row[name]) for row in slow]


def slow_growth(slow, name, start, end):
  return growth(column_of(slow, name), 1, start, end)


def system_metrics(figures, start, end):
  """What the system and the monitor did between two times."""
  slow, fast = figures['slow'], figures['fast']
  seconds = (end - start) / SECOND
  return {
    'rss_avg': mean_over(fast, 1, start, end),
    'refaults': slow_growth(slow, 'workingset_refault_anon', start, slow[-1]['t']),
    'restored': slow_growth(slow, 'workingset_restore_anon', start, slow[-1]['t']),
    'swapped_out': slow_growth(slow, 'swap_out', start, slow[-1]['t']) * 4096,
    'swapped_in': slow_growth(slow, 'swap_in', start, slow[-1]['t']) * 4096,
    'stall': slow_growth(slow, 'some_us', start, slow[-1]['t']) / seconds,
    'monitor_cpu_share': growth(fast, 3, start, end) / (end - start),
    'workload_cpu': figures['workload_cpu_ns'] / SECOND,
  }


def windows(slow, name, reset_ns, start):
  """Growth of a counter per window: (end of the window in s since the first reading, growth), from `start` (ns since
  the first reading) on. Whole windows only."""
  series = column_of(slow, name)
  first, result = series[0][0], []
  t = first + start
  while t + reset_ns <= series[-1][0]:
    result.append(((t + reset_ns - first) / SECOND, growth(series, 1, t, t + reset_ns)))
    t += reset_ns
  return result


def share_within(values, target, tolerance):
  """Share of the values within target x (1 -/+ tolerance), bounds included; None of nothing."""
  if not values:
    return None
  low, high = target * (1 - tolerance), target * (1 + tolerance)
  return sum(low <= v <= high for v in values) / len(values)


def percentile(values, share):
  """Nearest rank."""
  ordered = sorted(values)
  return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def dominates(a, b, saved='rss_saved', slowdown='slowdown', tolerance=0.001):
  """Whether a saves as much as b at as little slowdown, and is better in one of them by more than the tolerance."""
  if a[saved] < b[saved] or a[slowdown] > b[slowdown]:
    return False
  return a[saved] > b[saved] + tolerance or a[slowdown] < b[slowdown] - tolerance


def print_columns(table):
  widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
  for row in table:
    print('  ' + row[0].ljust(widths[0]) + ''.join('  ' + c.rjust(w) for c, w in zip(row[1:], widths[1:])))


def cell(values, metric, factor, form):
  return format(values[metric] * factor, form) if values.get(metric) is not None else '-'


def add_arguments(parser):
  parser.add_argument('--json', action='store_true', help='rows of figures on standard output, no table')
  parser.add_argument('--quick', action='store_true', help='fewer, or shorter, runs')
  parser.add_argument('--options', default='', help='more options of udamonctl start, as one word')
  parser.add_argument('--cpu-limit', default='', metavar='SHARE', help='of udamond (default: its own)')
  parser.add_argument('--seed', type=int, default=1)
  parser.add_argument('--guests', type=int, default=min(2, os.cpu_count() or 1), help='at a time (default: 2)')
  parser.add_argument('--build', default='build/bench', help='build directory (default: build/bench)')
  parser.add_argument('--keep', metavar='DIR', help='leave truth logs and series there')
  parser.add_argument('--resume', action='store_true', help='do not repeat the runs that DIR of --keep has already')


def prepare():
  subprocess.run([os.path.join(TOP, 'tests/guest/build-kernel')], check=True, stdout=subprocess.DEVNULL)


def report_verdicts(verdicts):
  holds = True
  for good, text in verdicts:
    say(f'{"holds" if good else "DOES NOT HOLD"}: {text}')
    holds = holds and good
  return holds
