#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""udamond --simulate: what schemes would have done over snapshots that come as lines of JSON."""
import json
import subprocess
import textwrap

import harness
from harness import PATIENCE, Case, main, write

MIB = 1 << 20
FAILED, WRONG_CONFIG = 1, 3


def line(sequence, places, aggregate=1_000_000_000, **more):
  """A snapshot as recordings have it; places: [start, end, hits, idle seconds] in MiB."""
  return json.dumps({
      'monitor': 'm', 'sequence': sequence, 'time_ns': 1_700_000_000_000_000_000 + sequence * aggregate,
      'window_ns': aggregate, 'sample_ns': aggregate // 20, 'aggregate_ns': aggregate,
      'targets': [{'id': 1, 'pid': 42, 'command': 'x', 'state': 'running', 'address_space': 1, 'resident_bytes': 64 * MIB}],
      'regions': [{'target': 1, 'start': s * MIB, 'end': e * MIB, 'hits': h, 'samples': 20, 'untrackable': 0, 'rate': h / 20,
                   'age_ns': int(a * 1e9)} for s, e, h, a in places], **more}) + '\n'


class Simulations(Case):

  SCHEMES = textwrap.dedent('''
    schemes:
      - name: cold
        action: pageout
        access_pattern: {access_rate: [0%, 0%], age: [10s, max]}
        quotas: {sz: 4MiB, reset_interval: 1s}
        watermarks: {metric: free_mem_rate, interval: 1s, high: 0.3%, mid: 0.2%, low: 0.1%}
      - {name: count, action: stat}
  ''')

  def simulate(self, text, schemes=None):
    file = write(self.path('schemes.yaml'), schemes or self.SCHEMES)
    result = subprocess.run([harness.udamond, '--simulate', file], input=text.encode() if isinstance(text, str) else text,
                            capture_output=True, timeout=3 * PATIENCE, check=False)
    self.assertIsNone(harness.SANITIZER.search(result.stderr), result.stderr.decode())
    return result, [json.loads(l) for l in result.stdout.splitlines()]

  def test_what_would_have_been_done(self):
    cold, hot = [0, 10, 0, 20], [16, 32, 20, 20]
    result, lines = self.simulate(''.join(line(i, [cold, hot]) for i in range(1, 6)))
    self.assertEqual((result.returncode, result.stderr), (0, b''))
    self.assertEqual(len(lines), 6)
    would = [step['schemes'][0]['would_bytes'] for step in lines[:5]]
    # 4 MiB a second until all of it rests
    self.assertEqual(would, [4 * MIB, 4 * MIB, 2 * MIB, 0, 0])
    self.assertEqual([step['sequence'] for step in lines[:5]], [1, 2, 3, 4, 5])
    self.assertEqual([s['name'] for s in lines[0]['schemes']], ['cold', 'count'])
    self.assertEqual(lines[0]['schemes'][0]['matched_bytes'], 10 * MIB)
    self.assertEqual(lines[0]['schemes'][1]['matched_bytes'], 26 * MIB)
    end = lines[5]
    self.assertEqual((end['end'], end['monitor']), (True, 'm'))
    runtime = end['schemes'][0]['runtime']
    self.assertEqual((runtime['would_bytes'], runtime['tried_bytes'], runtime['passes'] > 0), (10 * MIB, 0, True))

  def test_windows_between_snapshots(self):
    schemes = self.SCHEMES.replace('reset_interval: 1s', 'reset_interval: 100ms')
    _, lines = self.simulate(line(1, [[0, 100, 0, 20]]), schemes)
    self.assertEqual(lines[0]['schemes'][0]['would_bytes'], 40 * MIB)

  def test_returns(self):
    _, lines = self.simulate(line(1, [[0, 4, 0, 20]]) + line(2, [[0, 4, 0, 21]]) + line(3, [[0, 4, 10, 0]]))
    self.assertEqual([step['schemes'][0]['returned_bytes'] for step in lines[:3]], [0, 0, 2 * MIB])

  def test_repeatable(self):
    text = ''.join(line(i, [[0, 10, 0, 20], [12, 40, i % 20, 3]]) for i in range(1, 30))
    self.assertEqual(self.simulate(text)[1][:-1], self.simulate(text)[1][:-1])

  def test_nothing(self):
    result, lines = self.simulate('')
    self.assertEqual(result.returncode, 0)
    self.assertEqual(len(lines), 1)
    self.assertEqual(lines[0]['schemes'][0]['runtime']['passes'], 0)

  def test_wrong_streams(self):
    good = line(1, [[0, 10, 0, 20]])
    for text in ('nonsense\n', '{}\n', '[]\n', '5\n', '\n', good[:-5], line(1, [[10, 0, 0, 20]]), line(1, [[0, 10, 30, 20]]),
                 line(1, [], targets=5), line(1, [], regions=[5]), line(1, [], regions=[{'target': 9, 'start': 0, 'end': 1}]),
                 line(1, [], time_ns=-1), good + good, line(2, []) + good, '{"a":1,"a":2}\n', b'\xff\xfe\n', b'\0\n',
                 '[' * 100000 + '\n', line(1, [], targets=[5, None])):
      with self.subTest(text=text[:60]):
        result, _ = self.simulate(text)
        if text == line(1, [], targets=[5, None]): # targets without regions harm nobody
          continue
        self.assertEqual(result.returncode, FAILED, result)
        self.assertRegex(result.stderr.decode(), r'line \d is no snapshot')

  def test_wrong_schemes(self):
    for schemes in 'schemes: 5\n', 'nonsense', self.SCHEMES.replace('stat', 'start'):
      result, lines = self.simulate('', schemes)
      self.assertEqual((result.returncode, lines), (WRONG_CONFIG, []))
      self.assertTrue(result.stderr)
    result = subprocess.run([harness.udamond, '--simulate', self.path('none')], capture_output=True, timeout=PATIENCE,
                            stdin=subprocess.DEVNULL, check=False)
    self.assertEqual(result.returncode, WRONG_CONFIG)

  def test_intervals_that_cannot_be(self):
    """A stream is input: it may not make us compute for ever."""
    schemes = self.SCHEMES.replace('reset_interval: 1s', 'reset_interval: 1ms')
    for aggregate, expected in (0, 0), (10**9, 0), (10**18, FAILED), (2**63 - 1, FAILED):
      result, _ = self.simulate(line(1, [[0, 1 << 20, 0, 20]], time_ns=10**18, aggregate_ns=aggregate), schemes)
      self.assertEqual(result.returncode, expected, result)


if __name__ == '__main__':
  main()
