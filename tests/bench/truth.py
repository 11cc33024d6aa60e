# SPDX-License-Identifier: GPL-2.0-or-later
"""The truth log of a workload, as functions of address and time.

An access map is a sorted list of disjoint (start, end, p): p is the probability that a page in [start, end) is
touched in a given span of time. It holds the workload's own regions only.
"""
import json
import math
from dataclasses import dataclass, field

PAGE = 4096
HUGE = 2 * 1024 * 1024


@dataclass
class Region:
  name: str
  addr: int
  length: int  # whole pages
  thp: str | None
  backing: str

  def is_huge(self, mode):
    """Whether it is mapped by huge pages, with the machine's THP mode."""
    if mode == 'never' or self.thp == 'never' or self.backing != 'anon':
      return False
    return mode == 'always' or self.thp == 'always'


@dataclass
class Phase:
  index: int
  repeat: int
  name: str
  start: int  # ns on CLOCK_MONOTONIC
  end: int
  patterns: list = field(default_factory=list)


@dataclass
class Truth:
  regions: list
  phases: list
  real_offset: int  # CLOCK_REALTIME minus CLOCK_MONOTONIC
  complete: bool

  @property
  def measured_from(self):
    """End of the first phase, which only makes the memory."""
    return self.phases[1].start if len(self.phases) > 1 else self.phases[0].start

  @property
  def end(self):
    return max(phase.end for phase in self.phases)

  @property
  def mappings(self):
    return sorted((r.addr, r.addr + r.length) for r in self.regions)


def parse(lines):
  regions, phases, offset, complete = [], {}, 0, False
  for line in lines:
    event = json.loads(line)
    offset = event['t_real_ns'] - event['t_mono_ns']
    kind = event['event']
    if kind == 'region':
      regions.append(Region(event['name'], event['addr'], event['mapped_len'], event['thp'], event['backing']))
    elif kind == 'phase':
      key = (event['pid'], event['repeat'], event['index'])
      phases[key] = Phase(event['index'], event['repeat'], event['name'], event['start_mono_ns'], 0,
                          [dict(p) for p in event['regions']])
    elif kind == 'phase_end':
      phase = phases[(event['pid'], event['repeat'], event['index'])]
      phase.end = phase.start + event['elapsed_ns']
      for pattern, measured in zip(phase.patterns, event['regions'], strict=True):
        pattern['accesses'] = measured['accesses']
        pattern['measured_hz'] = measured['measured_hz']
    elif kind == 'end':
      complete = True
  done = sorted((p for p in phases.values() if p.end), key=lambda p: p.start)
  return Truth(regions, done, offset, complete)


def load(path):
  with open(path, encoding='utf-8') as log:
    return parse(line for line in log if line.strip())


def probability(hz, span_ns, random):
  """That a page visited hz times a second is touched in a span: a Poisson process, or an even sweep."""
  expected = hz * span_ns / 1e9
  return 1 - math.exp(-expected) if random else min(1.0, expected)


def window_ranges(pattern, phase_start, start, end):
  """Where a moving window was, with the share of [start, end) for which it was there."""
  step_ns, size = pattern['step_ns'], -(-pattern['len'] // PAGE) * PAGE
  t = start
  while t < end:
    k = (t - phase_start) // step_ns
    until = min(end, phase_start + (k + 1) * step_ns)
    offset = k * pattern['step'] % size
    first = min(pattern['window'], size - offset)
    share = (until - t) / (end - start)
    yield pattern['addr'] + offset, pattern['addr'] + offset + first, share
    if first < pattern['window']:
      yield pattern['addr'], pattern['addr'] + pattern['window'] - first, share
    t = until


def pages_up(addr):
  return -(-addr // PAGE) * PAGE


def zipf_hz(pattern, hz):
  """Rates of ranges of pages whose rates are alike within a twentieth."""
  n = pages_up(pattern['len']) // PAGE
  total = sum((k + 1) ** -pattern['zipf'] for k in range(n))
  first = 0
  while first < n:
    last = min(n, max(first + 1, int((first + 1) * 1.05)))
    weight = sum((k + 1) ** -pattern['zipf'] for k in range(first, last)) / (last - first)
    yield first, last, hz * n * weight / total
    first = last


def pattern_rates(pattern, phase_start, start, end):
  """Ranges that one pattern visits between start and end: (start, end, visits a second of each page)."""
  addr, stop = pattern['addr'], pages_up(pattern['addr'] + pattern['len'])
  hz = pattern.get('measured_hz') or pattern.get('rate_hz') or 0
  if pattern.get('window'):
    for a, b, share in window_ranges(pattern, phase_start, start, end):
      yield a, pages_up(b), hz * share
  elif pattern.get('zipf'):
    for first, last, rate in zipf_hz(pattern, hz):
      yield addr + first * PAGE, addr + last * PAGE, rate
  elif pattern['stride'] > PAGE:
    for k in range(pattern['pages']):
      a = (addr + k * pattern['stride']) // PAGE * PAGE
      yield a, a + PAGE, hz
  else:
    yield addr, stop, hz


def huge_range(region):
  """The part of a region that consists of whole huge pages."""
  return -(-region.addr // HUGE) * HUGE, (region.addr + region.length) // HUGE * HUGE


def to_huge(ranges, low, high, random):
  """Ranges (start, end, hz), with those within [low, high) made up to whole huge pages. Random visits to the pages of
  a huge page add up; a sweep visits all of them in one go."""
  blocks = {}
  for a, b, hz in ranges:
    if a < low:
      yield a, min(b, low), hz
    if b > high:
      yield max(a, high), b, hz
    a, b = max(a, low), min(b, high)
    while a < b:
      block = a // HUGE * HUGE
      until = min(b, block + HUGE)
      if random:
        blocks[block] = blocks.get(block, 0) + hz * ((until - a) // PAGE)
      else:
        blocks[block] = max(blocks.get(block, 0), hz)
      a = until
  for block, hz in blocks.items():
    yield block, block + HUGE, hz


def merge(maps, combine):
  """Combines access maps [(weight, map)] point by point: combine is called with the (weight, p) of all that cover a
  stretch."""
  edges = []
  for i, (_, ranges) in enumerate(maps):
    for a, b, p in ranges:
      if a < b:
        edges.append((a, 1, i, p))
        edges.append((b, 0, i, p))
  edges.sort()
  active, result, before = [], [], None
  for addr, opens, i, p in edges:
    if active and before < addr:
      value = combine([(maps[k][0], q) for k, q in active])
      if result and result[-1][1] == before and result[-1][2] == value:
        result[-1] = (result[-1][0], addr, value)
      else:
        result.append((before, addr, value))
    if opens:
      active.append((i, p))
    else:
      active.remove((i, p))
    before = addr
  return result


def any_of(terms):
  missed = 1.0
  for _, p in terms:
    missed *= 1 - p
  return 1 - missed


def mean_of(terms):
  return min(1.0, sum(weight * p for weight, p in terms))


def phase_map(truth, phase, start, end, span, thp='never'):
  """Access map of one phase for any `span` ns between start and end, which lie within it."""
  regions = {r.name: r for r in truth.regions}
  maps = []
  for pattern in phase.patterns:
    ranges = pattern_rates(pattern, phase.start, start, end)
    region = regions[pattern['name']]
    if region.is_huge(thp):
      ranges = to_huge(ranges, *huge_range(region), pattern['random'])
    touched = [(a, b, probability(hz, span, pattern['random'])) for a, b, hz in ranges]
    maps.append((1, merge([(1, touched)], any_of)))
  return merge(maps, any_of)


def overlaps(truth, start, end):
  for phase in truth.phases:
    a, b = max(start, phase.start), min(end, phase.end)
    if a < b:
      yield phase, a, b


def rate_map(truth, start, end, sample, thp='never'):
  """Mean over [start, end) of the probability that a page is touched in one sampling interval."""
  return merge([((b - a) / (end - start), phase_map(truth, phase, a, b, sample, thp))
                for phase, a, b in overlaps(truth, start, end)], mean_of)


def touched_map(truth, start, end, thp='never'):
  """Probability that a page is touched at all between start and end."""
  return merge([(1, phase_map(truth, phase, a, b, b - a, thp)) for phase, a, b in overlaps(truth, start, end)], any_of)


def size(ranges):
  """Expected bytes of an access map."""
  return sum((b - a) * p for a, b, p in ranges)
