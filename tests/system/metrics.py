#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""udamonctl metrics: OpenMetrics that strict parsers take, with the numbers that the daemon has."""
import json
import os
import re
import sys
import threading

import harness
from harness import SIM, Case, main, needs_root, read, wait_for, write

sys.path.append('/usr/lib/python3/dist-packages')  # where Debian's packages are, whichever python3 runs this
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics  # noqa: E402
from prometheus_client.parser import text_string_to_metric_families as older_text  # noqa: E402

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
SCHEMES = '''schemes:
  - name: cold
    action: pageout
    access_pattern: {access_rate: [0%, 0%], age: [100ms, max]}
    quotas: {sz: 64MiB, reset_interval: 1s, goals: [{metric: user_input, target: 10}]}
    watermarks: {metric: free_mem_rate, interval: 1s, high: 100%, mid: 100%, low: 0%}
  - name: look
    action: stat
    dry_run: true
'''
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)')


def strict(text):
  """Our own reading of the specification: the samples, by family."""
  assert text.endswith('\n# EOF\n'), text[-80:]
  families, current, seen = {}, None, set()
  for line in text.split('\n')[:-2]:
    kind = re.fullmatch(r'# (TYPE|UNIT|HELP) (udamon_[a-z_]+) (.+)', line)
    if kind and kind[1] == 'TYPE':
      assert kind[2] not in families, f'twice: {line}'
      assert kind[3] in ('gauge', 'counter'), line
      current = families[kind[2]] = {'type': kind[3], 'unit': None, 'help': None, 'samples': []}
      name = kind[2]
    elif kind:
      assert kind[2] == name and not current['samples'] and current[kind[1].lower()] is None, line
      current[kind[1].lower()] = kind[3]
    else:
      sample = SAMPLE.fullmatch(line)
      assert sample, f'no sample: {line!r}'
      assert sample[1] == name + ('_total' if current['type'] == 'counter' else ''), line
      assert (sample[1], sample[2]) not in seen, f'twice: {line}'
      seen.add((sample[1], sample[2]))
      labels = dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', sample[2] or ''))
      current['samples'].append((labels, float(sample[3])))
  for name, family in families.items():
    assert family['samples'], f'{name} is empty'
    assert re.fullmatch(r'[A-Z1].*\.', family['help']), f'{name}: {family["help"]}'
    unit = re.search(r'_(bytes|seconds|ratio)$', name)
    assert family['unit'] == (unit[1] if unit else None), name
  return families


class Metrics(Case):

  def setUp(self):
    super().setUp()
    self.server = self.daemon()

  def start(self, name='demo', **options):
    with self.server.connect() as link:
      link.start(name, **{**SIM, **options})
      return self.snapshot(link, name, lambda s: s['sequence'] >= 5)

  def metrics(self, *arguments):
    result = self.ctl(self.server, 'metrics', *arguments)
    self.assertEqual((result.returncode, result.stderr), (0, ''))
    return result.stdout

  def value(self, families, name, **labels):
    found = [v for got, v in families[f'udamon_{name}']['samples'] if got == labels]
    self.assertEqual(len(found), 1, f'{name} {labels}: {families[f"udamon_{name}"]["samples"]}')
    return found[0]

  def test_without_monitors(self):
    families = strict(self.metrics())
    self.assertEqual(self.value(families, 'daemon_monitors'), 0)
    self.assertFalse([name for name in families if 'scheme' in name or 'udamon_monitor_' in name])

  def test_parsers(self):
    self.start(schemes=SCHEMES)
    text = self.metrics()
    ours = strict(text)
    theirs = {family.name: family for family in open_metrics(text)}
    self.assertEqual(set(ours), set(theirs))
    for name, family in theirs.items():
      self.assertEqual((family.type, family.unit or None, family.documentation),
                       (ours[name]['type'], ours[name]['unit'], ours[name]['help']))
      self.assertEqual([(sample.labels, sample.value) for sample in family.samples], ours[name]['samples'])
    # the textfile collector reads the older format, to which the rest is comment
    samples = [(s.name, s.labels, s.value) for family in older_text(text) for s in family.samples]
    self.assertEqual(len(samples), sum(len(family['samples']) for family in ours.values()))

  def test_numbers(self):
    """They are the daemon's own; those that move lie between two looks."""
    self.start(schemes=SCHEMES)
    with self.server.connect() as link:
      wait_for(lambda: link.call('GetSchemes')['schemes'][0]['runtime']['would_bytes'] > 0, 'the scheme to act')
      before = link.monitor('demo')['runtime'], link.call('GetSchemes')['schemes']
      families = strict(self.metrics())
      after = link.monitor('demo')['runtime'], link.call('GetSchemes')['schemes']
    for metric, key in (('monitor_snapshots', 'snapshots'), ('monitor_ticks', 'ticks'), ('monitor_overruns', 'overruns')):
      self.assertLessEqual(before[0][key], self.value(families, metric, monitor='demo'))
      self.assertLessEqual(self.value(families, metric, monitor='demo'), after[0][key])
    samples = [v for _, v in families['udamon_monitor_samples']['samples']]
    self.assertEqual(len(samples), 4)
    self.assertLessEqual(before[0]['samples'], sum(samples))
    self.assertLessEqual(sum(samples), after[0]['samples'])
    self.assertEqual(self.value(families, 'monitor_sample_interval_seconds', monitor='demo'), 0.005)
    for index, scheme in enumerate(('cold', 'look')):
      labels = {'monitor': 'demo', 'scheme': scheme}
      for metric in 'tried_bytes', 'applied_bytes', 'would_bytes', 'passes', 'quota_exceeded':
        value = self.value(families, f'scheme_{metric}', **labels)
        self.assertLessEqual(before[1][index]['runtime'][metric], value)
        self.assertLessEqual(value, after[1][index]['runtime'][metric])
      self.assertEqual(self.value(families, 'scheme_dry_run', **labels), index)
      self.assertEqual(sum(v for got, v in families['udamon_scheme_state']['samples'] if got['scheme'] == scheme), 1)
    cold = {'monitor': 'demo', 'scheme': 'cold'}
    self.assertEqual(self.value(families, 'scheme_quota_configured_bytes', **cold), 64 << 20)
    self.assertEqual(self.value(families, 'scheme_goal_target', **cold, metric='user_input', goal='1'), 10)
    self.assertEqual(self.value(families, 'scheme_info', **cold, action='pageout'), 1)
    self.assertIn('udamon_scheme_watermark_ratio', families)
    # what is not known is no metric
    self.assertNotIn({'monitor': 'demo', 'scheme': 'look'},
                     [labels for labels, _ in families['udamon_scheme_quota_effective_bytes']['samples']])

  def test_idle_classes_add_up(self):
    self.start()
    families = strict(self.metrics())
    idle = families['udamon_monitor_idle_bytes']['samples']
    self.assertEqual(len({labels['idle'] for labels, _ in idle}), len(idle))
    self.assertEqual(sum(v for _, v in idle) + self.value(families, 'monitor_unchecked_bytes', monitor='demo'),
                     self.value(families, 'monitor_mapped_bytes', monitor='demo'))

  def test_before_the_first_window(self):
    with self.server.connect() as link:
      link.start('slow', **{**SIM, 'aggregate_ns': 3_600_000_000_000})
    families = strict(self.metrics())
    self.assertEqual(self.value(families, 'monitor_state', monitor='slow', state='waiting'), 1)
    self.assertFalse([name for name in families if 'working_set' in name or 'idle' in name])

  def test_a_snapshot_of_several_parts(self):
    if harness.sanitized:
      self.skipTest('thousands of regions take too long with a sanitizer')
    with self.server.connect() as link:
      link.start('large', **{**SIM, 'sample_ns': 4_000_000_000, 'aggregate_ns': 4_000_000_000, 'min_regions': 4100,
                             'max_regions': 10000})
      wait_for(lambda: link.monitor('large')['runtime']['snapshots'] >= 1, 'a snapshot')
    families = strict(self.metrics())
    self.assertGreater(self.value(families, 'monitor_regions', monitor='large'), 4000)
    self.assertGreater(self.value(families, 'monitor_mapped_bytes', monitor='large'), 0)

  def test_several_monitors(self):
    for name in 'one', 'two':
      self.start(name, schemes=SCHEMES)
    families = strict(self.metrics())
    self.assertEqual({labels['monitor'] for labels, _ in families['udamon_monitor_regions']['samples']}, {'one', 'two'})
    self.assertEqual(len(families['udamon_scheme_passes']['samples']), 4)

  def test_json(self):
    self.start(schemes=SCHEMES)
    document = json.loads(self.metrics('--json'))
    self.assertEqual(list(document), ['families'])
    text = strict(self.metrics())
    self.assertEqual([family['name'] for family in document['families']], list(text))
    for family in document['families']:
      self.assertEqual(sorted(family), ['help', 'name', 'samples', 'type', 'unit'])
      self.assertEqual([s['labels'] for s in family['samples']], [labels for labels, _ in text[family['name']]['samples']])
      self.assertEqual((family['type'], family['unit']), (text[family['name']]['type'], text[family['name']]['unit']))

  def test_file(self):
    """All at once, readable for the collector; where it cannot be written, the old one stays."""
    file = self.path('udamon.prom')
    for _ in range(2):
      self.assertEqual(self.metrics('-o', file), '')
      strict(read(file))
      self.assertEqual(os.stat(file).st_mode & 0o777, 0o644)
    before = read(file)
    self.assert_refused(self.ctl(self.server, 'metrics', '-o', self.path('no/such.prom')), 1, 'No such file')
    self.assert_refused(self.ctl(None, 'metrics', '-o', file), 3, 'no udamond')
    self.assertEqual(read(file), before)
    self.assertEqual([name for name in os.listdir(self.directory) if name.startswith('udamon.prom.')], [])

  def test_disk_full(self):
    file = write(self.path('udamon.prom'), 'old\n')
    script = 'ulimit -f 0; exec "$@"'
    result = self.ctl(self.server, 'metrics', '-o', file, prefix=['sh', '-c', script, 'sh'])
    self.assert_refused(result, 1, 'cannot write .*File too large')
    self.assertEqual(read(file), 'old\n')
    self.assertEqual([name for name in os.listdir(self.directory) if name.startswith('udamon.prom.')], [])

  def test_read_by_others_while_written(self):
    """Whoever reads meanwhile has a whole document each time."""
    self.start(schemes=SCHEMES)
    file = self.path('udamon.prom')
    self.metrics('-o', file)
    over, read_so_far = threading.Event(), []

    def reader():
      while not over.is_set() or not read_so_far:
        read_so_far.append(read(file))
    thread = threading.Thread(target=reader)
    thread.start()
    for _ in range(5):
      self.metrics('-o', file)
    over.set()
    thread.join()
    for text in set(read_so_far):
      strict(text)

  def test_dashboard(self):
    """It asks for nothing that is not exported; and what is exported is in the table that it is compared with."""
    table = re.findall(r'(GAUGE|COUNTER)\(\s*"([a-z_]+)"', read(f'{TOP}/daemon/ctl/metrics-print.c'))
    names = {f'udamon_{name}' + ('_total' if kind == 'COUNTER' else '') for kind, name in table}
    self.start(schemes=SCHEMES)
    families = strict(self.metrics())
    exported = {name + ('_total' if family['type'] == 'counter' else '') for name, family in families.items()}
    self.assertEqual(exported - names, set())
    self.assertGreater(len(exported), len(names) * 0.8)
    dashboard = json.loads(read(f'{TOP}/contrib/grafana/udamon.json'))
    queries = [target['expr'] for panel in dashboard['panels'] for target in panel.get('targets', [])]
    queries += [variable['definition'] for variable in dashboard['templating']['list'] if 'definition' in variable]
    asked = {name for query in queries for name in re.findall(r'udamon_[a-z_]+', query)}
    self.assertGreater(len(asked), 25)
    self.assertEqual(asked - names, set())
    # labels, too
    labels = {label for family in families.values() for got, _ in family['samples'] for label in got} | {'outcome', 'instance'}
    for query in queries:
      for word in re.findall(r'(\w+)=~?"', query) + re.findall(r'by \(([\w, ]+)\)', query):
        self.assertLessEqual(set(re.split(', ', word)), labels, query)

  @needs_root
  def test_not_permitted(self):
    nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    self.assert_refused(self.ctl(self.server, 'metrics', prefix=nobody), 4, 'udamon-read')


if __name__ == '__main__':
  main()
