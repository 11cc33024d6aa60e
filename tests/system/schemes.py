#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Schemes: what they report, how they are changed while they run, and what a reload keeps, changes and refuses."""
import os
import re
import signal
import subprocess
import textwrap
import threading
import time

import harness
from harness import PATIENCE, REAL, SIM, Case, Error, descriptors, main, needs_root, status, wait_for, write

MIB = 1 << 20
GROWTH = 384  # KiB

PAGEOUT = '''
- name: cold
  action: pageout
  access_pattern: {access_rate: [0%, 0%], age: [100ms, max]}
  quotas: {sz: 1MiB, reset_interval: 100ms}
'''
COUNT = '- {name: count, action: stat}'


def monitor(name, *schemes, **keys):
  """A monitor of a simulation, as YAML."""
  keys = {'source': 'sim', 'seed': 1, 'intervals': '{sample: 5ms, aggregate: 50ms, update: 1s}', **keys}
  lines = [f'  - name: {name}', *(f'    {key}: {value}' for key, value in keys.items() if value is not None)]
  if schemes:
    lines.append('    schemes:')
    lines += [textwrap.indent(textwrap.dedent(s).strip(), '      ') for s in schemes]
  return '\n'.join(lines) + '\n'


def config(*monitors):
  return 'monitors:\n' + ''.join(monitors)


class SchemesCase(Case):

  def begin(self, *monitors, **options):
    self.file = write(self.path('config.yaml'), config(*monitors))
    self.server = self.daemon('--config', self.file, **options)
    self.link = self.link_to(self.server)

  def schemes(self, name=None):
    reply = self.link.call('GetSchemes', {'name': name} if name else {})
    return {s['name']: s for s in reply['schemes']}

  def runtime(self, scheme, name=None):
    return self.schemes(name)[scheme]['runtime']

  def wait_runtime(self, scheme, accept, what, name=None):
    def look():
      runtime = self.runtime(scheme, name)
      return runtime if accept(runtime) else None
    return wait_for(look, what)

  def reload(self, *monitors):
    write(self.file, config(*monitors))
    reply = self.link.call('Reload')
    return {key: sorted(names) for key, names in reply.items() if names}

  def reload_fails(self, text):
    write(self.file, text)
    parameters = self.assert_error('ConfigInvalid', self.link.call, 'Reload')
    self.assertEqual(parameters['file'], self.file)
    return parameters['problems']


class Reports(SchemesCase):

  def test_what_schemes_report(self):
    self.begin(monitor('one', PAGEOUT, COUNT))
    cold = self.wait_runtime('cold', lambda r: r['would_bytes'] >= 3 * MIB, 'three windows')
    self.assertEqual(list(self.schemes()), ['cold', 'count'])
    # nobody can act on a simulation
    for key in 'tried_bytes', 'tried_regions', 'applied_bytes', 'applied_regions', 'calls', 'refaulted_bytes':
      self.assertEqual(cold[key], 0, key)
    self.assertEqual(cold['state'], 'active')
    self.assertEqual(cold['effective_bytes'], MIB)
    self.assertLessEqual(cold['charged_bytes'], MIB)
    self.assertGreater(cold['quota_exceeded'], 0)
    self.assertGreater(cold['matched_bytes'], 0)
    self.assertEqual(cold['errors'], [])
    context = self.schemes()['cold']['context']
    self.assertEqual((context['action'], context['enabled'], context['dry_run']), ('pageout', True, False))
    self.assertEqual((context['quota_bytes'], context['reset_interval_ns']), (MIB, 100_000_000))
    self.assertIn('access_rate: [0%, 0%]', context['yaml'])

    count = self.runtime('count')
    self.assertGreater(count['matched_bytes'], cold['matched_bytes'])
    self.assertEqual((count['would_bytes'], count['charged_bytes']), (0, 0))
    self.assertNotIn('effective_bytes', count)
    self.assertNotIn('quota_bytes', self.schemes()['count']['context'])

  def test_quota_holds(self):
    """Bytes per window, over some windows and whatever the snapshots do."""
    self.begin(monitor('one', PAGEOUT))
    first, began = self.runtime('cold'), time.monotonic()
    time.sleep(1.5)
    last, took = self.runtime('cold'), time.monotonic() - began
    done = last['would_bytes'] - first['would_bytes']
    self.assertLessEqual(done, (took / 0.1 + 2) * MIB)
    self.assertGreater(done, 0)

  def test_log(self):
    self.begin(monitor('one', PAGEOUT, COUNT))
    self.wait_runtime('cold', lambda r: r['would_regions'] >= 3, 'three acts')
    acts = self.link.call('GetSchemeLog', {})['acts']
    self.assertGreaterEqual(len(acts), 3)
    times = [act['time_ns'] for act in acts]
    self.assertEqual(times, sorted(times, reverse=True))
    self.assertLess(abs(times[0] - time.time_ns()), 60e9)
    for act in acts:
      self.assertEqual((act['scheme'], act['action'], act['dry_run'], act['pid']), ('cold', 'pageout', True, 0))
      self.assertLess(act['start'], act['end'])
      self.assertGreater(act['tried_bytes'], 0)
    self.assertEqual(len(self.link.call('GetSchemeLog', {'limit': 2})['acts']), 2)
    self.assertEqual(self.link.call('GetSchemeLog', {'limit': 0})['acts'], [])
    for limit in -1, 'two', 1.5:
      with self.assertRaises(Error):
        self.link.call('GetSchemeLog', {'limit': limit})

  def test_confidence(self):
    """Acts on no region whose rate may be another; the same pattern without it does."""
    sure = PAGEOUT.replace('age: [100ms, max]}', 'confidence: 95%}').replace('name: cold', 'name: sure')
    guess = PAGEOUT.replace('age: [100ms, max]}', 'age: [0s, max]}').replace('name: cold', 'name: guess')
    self.begin(monitor('one', sure, guess, policy='directed', samples_per_sec='500'))
    snapshots = {}

    def look():
      snapshot = self.link.call('GetSnapshot', {'name': 'one'})['snapshot']
      snapshots[snapshot['sequence']] = snapshot
      return self.runtime('sure')['would_regions'] >= 20 and len(snapshots) >= 30
    wait_for(lambda: self.link.call('GetStatus')['runtime']['monitors'][0]['runtime']['snapshots'], 'a snapshot')
    wait_for(look, 'twenty acts')
    ordered = sorted(snapshots.values(), key=lambda s: s['time_ns'])
    judged = {'sure': 0, 'guess': 0}
    unsure = 0
    for act in self.link.call('GetSchemeLog')['acts']:
      before = [s for s in ordered if s['time_ns'] <= act['time_ns'] < s['time_ns'] + s['window_ns'] // 2]
      regions = [r for s in before for r in s['regions'] if r['start'] <= act['start'] and act['end'] <= r['end']]
      if not regions:
        continue  # of a snapshot that was not seen
      judged[act['scheme']] += 1
      enough = regions[-1]['rate'] == 0 and regions[-1]['rate_samples'] >= 51
      if act['scheme'] == 'sure':
        self.assertTrue(enough, (act, regions[-1]))
      unsure += not enough
    self.assertGreater(judged['sure'], 0)
    self.assertGreater(unsure, 0, f'nothing was uncertain in {judged}')

  def test_a_monitor_without_schemes(self):
    self.begin(monitor('one'))
    self.assertEqual(self.link.call('GetSchemes'), {'monitor': 'one', 'schemes': []})
    self.assertEqual(self.link.call('GetSchemeLog'), {'monitor': 'one', 'acts': []})

  def test_which_monitor(self):
    self.begin(monitor('one', COUNT), monitor('two', PAGEOUT))
    for method, more in (('GetSchemes', {}), ('GetSchemeLog', {}), ('SetScheme', {'scheme': 'a', 'settings': '{}'}),
                         ('SetGoalInput', {'scheme': 'a', 'value': 1})):
      self.assertEqual(sorted(self.assert_error('NameNeeded', self.link.call, method, more)['monitors']), ['one', 'two'])
      self.assert_error('NoSuchMonitor', self.link.call, method, {'name': 'three', **more})
    self.assertEqual(list(self.schemes('two')), ['cold'])

  def test_watermarks(self):
    marks = 'watermarks: {metric: free_mem_rate, interval: 100ms, high: 0.3%, mid: 0.2%, low: 0.1%}'
    self.begin(monitor('one', f'{PAGEOUT}  {marks}\n'))
    cold = self.wait_runtime('cold', lambda r: r['state'] == 'inactive', 'the state inactive')
    self.assertEqual((cold['passes'], cold['would_bytes']), (0, 0))
    self.assertRegex(cold['message'], r'^\d.*% of the memory is free, (more|less) than 0\.\d%')
    self.assertGreater(cold['watermark'], 0)

  def test_goal_input(self):
    goal = 'goals: [{metric: user_input, target: 100, current: 1}]'
    self.begin(monitor('one', PAGEOUT.replace('100ms}', f'100ms, {goal}}}'), COUNT))
    self.wait_runtime('cold', lambda r: r.get('score') == 0.01, 'the first score')
    self.link.call('SetGoalInput', {'scheme': 'cold', 'value': 50})
    cold = self.wait_runtime('cold', lambda r: r.get('score') == 0.5, 'the score of what was fed in')
    self.assertEqual(cold['goals'], [{'metric': 'user_input', 'unit': 'number', 'target': 100, 'current': 50, 'score': 0.5}])
    self.link.call('SetGoalInput', {'scheme': 'cold', 'value': 1000})
    few = self.wait_runtime('cold', lambda r: r.get('score') == 10, 'the score of too much')['effective_bytes']
    self.wait_runtime('cold', lambda r: r['effective_bytes'] < few or few <= 4096, 'a smaller quota')

    self.assert_error('NoSuchScheme', self.link.call, 'SetGoalInput', {'scheme': 'none', 'value': 1})
    self.assert_error('RequestInvalid', self.link.call, 'SetGoalInput', {'scheme': 'count', 'value': 1})
    for value in -1, 'much', None:
      with self.assertRaises(Error):
        self.link.call('SetGoalInput', {'scheme': 'cold', 'value': value})
    with self.server.connect() as link: # no number of JSON's
      link.send_raw(b'{"method":"io.udamon.monitor.SetGoalInput","parameters":{"scheme":"cold","value":1e999}}\0')
      with self.assertRaises((Error, ConnectionError)):
        link.reply()
    self.assertEqual(self.runtime('cold')['goals'][0]['current'], 1000)


class Changes(SchemesCase):

  def setUp(self):
    super().setUp()
    self.begin(monitor('one', PAGEOUT, COUNT))

  def set(self, settings, scheme='cold'):
    return self.link.call('SetScheme', {'scheme': scheme, 'settings': settings})

  def test_settings(self):
    before = self.wait_runtime('cold', lambda r: r['would_bytes'] > 0, 'something')
    reply = self.set('{quotas: {sz: 2MiB}}')
    self.assertEqual((reply['monitor'], reply['scheme']['name']), ('one', 'cold'))
    context = reply['scheme']['context']
    self.assertEqual((context['quota_bytes'], context['reset_interval_ns']), (2 * MIB, 100_000_000))
    self.assertIn('age: [100ms, max]', context['yaml'])
    self.assertGreaterEqual(reply['scheme']['runtime']['would_bytes'], before['would_bytes'])
    self.assertIn('sz: 2MiB', self.link.call('GetConfig')['yaml'])
    self.assertEqual(self.set('enabled: false')['scheme']['runtime']['state'], 'disabled')
    stopped = self.runtime('cold')['would_bytes']
    time.sleep(0.4)
    self.assertEqual(self.runtime('cold')['would_bytes'], stopped)
    self.set('{enabled: true, dry_run: true}')
    self.wait_runtime('cold', lambda r: r['would_bytes'] > stopped, 'more')
    self.assertEqual(self.server.said(r"scheme 'cold': changed by user \d+"), 3)

    # it lasts until the file is loaded again
    self.assertEqual(self.link.call('Reload')['changed'], ['one'])
    self.assertEqual(self.schemes()['cold']['context']['quota_bytes'], MIB)
    self.assertGreater(self.runtime('cold')['would_bytes'], stopped)
    self.assertEqual(self.link.call('Reload')['unchanged'], ['one'])

  def test_wrong_settings(self):
    before = self.schemes()['cold']['context']
    for settings, places in (
        ('{quota: {sz: 2MiB}, enabled: maybe}', [(1, 2), (1, 30)]),
        ('{quotas: {sz: 5}}', [(1, 15)]),
        ('quotas:\n  sz: 1GiB\n  time: 3\n', [(3, 9)]),
        ('{name: other}', [(1, 2)]),
        ('{action: cold}', [(1, 2)]),
        ('{quotas: {reset_interval: none}}', None),
        ('[enabled, true]', None),
        ('', None), ('{', None), ('enabled', None), ('--- {}\n--- {}', None), ('\t', None),
        ('{enabled: false, enabled: true}', None),
        ('a: &a [*a]', None)):
      with self.subTest(settings=settings):
        problems = self.assert_error('ConfigInvalid', self.set, settings)['problems']
        self.assertTrue(problems)
        for problem in problems:
          self.assertTrue(problem['text'].strip())
          self.assertNotIn('\n', problem['text'])
        if places:
          self.assertEqual([(p['line'], p['column']) for p in problems], places)
    self.assertEqual(self.schemes()['cold']['context'], before)
    parameters = self.assert_error('NoSuchScheme', self.set, '{}', 'none')
    self.assertEqual((parameters['scheme'], parameters['schemes']), ('none', ['cold', 'count']))
    for wrong in {}, {'scheme': 'cold'}, {'scheme': 1, 'settings': '{}'}, {'scheme': 'cold', 'settings': {}}:
      with self.assertRaises(Error):
        self.link.call('SetScheme', wrong)

  def test_dry_run_and_back_many_times(self):
    for i in range(100):
      self.set(f'{{dry_run: {"true" if i % 2 else "false"}}}')
    self.assertEqual(self.schemes()['cold']['context']['dry_run'], True)


class Access(SchemesCase):

  @needs_root
  def test_peers_without_rights(self):
    self.begin(monitor('one', PAGEOUT))
    os.chmod(self.server.socket, 0o666)
    script = textwrap.dedent('''
      import json, os, socket, sys
      os.setgroups([]); os.setgid(65534); os.setuid(65534)
      s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
      for method, parameters in (("GetSchemes", {}), ("GetSchemeLog", {}), ("GetConfig", {}), ("Reload", {}),
                                 ("SetScheme", {"scheme": "cold", "settings": "{enabled: false}"}),
                                 ("SetGoalInput", {"scheme": "cold", "value": 1})):
        s.sendall(json.dumps({"method": "io.udamon.monitor." + method, "parameters": parameters}).encode() + b"\\0")
        reply = b""
        while not reply.endswith(b"\\0"):
          reply += s.recv(65536)
        print(json.loads(reply[:-1]).get("error").rpartition(".")[2])
    ''')
    result = subprocess.run(['python3', '-c', script, self.server.socket], capture_output=True, text=True, timeout=PATIENCE,
                            check=False)
    self.assertEqual(result.stderr, '')
    # a monitor of others' processes is none to him
    self.assertEqual(result.stdout.split(), ['NoSuchMonitor'] * 2 + ['PermissionDenied'] * 4)
    self.assertEqual(self.runtime('cold')['state'], 'active')

  def test_no_file_to_load(self):
    server = self.daemon()
    with server.connect() as link:
      self.assert_error('NoConfigFile', link.call, 'Reload')
      self.assertIn('monitors', link.call('GetConfig')['yaml'])
    os.kill(server.pid, signal.SIGHUP)
    wait_for(lambda: server.said('nothing to load again'), 'a word about SIGHUP')


class Reloads(SchemesCase):

  def test_one_of_two_schemes_changes(self):
    self.begin(monitor('one', PAGEOUT, COUNT))
    before = self.wait_runtime('cold', lambda r: r['would_bytes'] > 0, 'something')
    passes = self.runtime('count')['passes']
    self.assertEqual(self.reload(monitor('one', PAGEOUT, COUNT.replace('}', ', access_pattern: {sz: [8KiB, max]}}'))),
                     {'changed': ['one']})
    after = self.runtime('cold')
    for key in 'would_bytes', 'would_regions', 'passes', 'quota_exceeded':
      self.assertGreaterEqual(after[key], before[key], key)
    self.assertGreaterEqual(self.runtime('count')['passes'], passes)
    snapshots = self.link.monitor('one')['runtime']['snapshots']
    self.assertGreater(snapshots, 0, 'the monitor began anew')

  def test_schemes_come_and_go(self):
    self.begin(monitor('one', COUNT))
    self.snapshot(self.link, 'one')
    self.assertEqual(self.reload(monitor('one', COUNT, PAGEOUT)), {'changed': ['one']})
    self.wait_runtime('cold', lambda r: r['would_bytes'] > 0, 'the new scheme')
    self.assertEqual(self.reload(monitor('one', PAGEOUT, COUNT)), {'changed': ['one']})
    self.assertEqual(list(self.schemes()), ['cold', 'count'])
    self.assertGreater(self.runtime('cold')['would_bytes'], 0)
    # the same name with another action is another scheme
    self.assertEqual(self.reload(monitor('one', PAGEOUT.replace('pageout', 'lru_deprio'))), {'changed': ['one']})
    self.assertEqual(list(self.schemes()), ['cold'])
    self.assertEqual(self.schemes()['cold']['context']['action'], 'lru_deprio')
    self.assertEqual(self.reload(monitor('one')), {'changed': ['one']})
    self.assertEqual(self.schemes(), {})
    # what schemes that are gone did is not told under another's name
    for act in self.link.call('GetSchemeLog')['acts']:
      self.fail(act)

  def test_monitors_come_go_and_restart(self):
    self.begin(monitor('stays', COUNT), monitor('goes', COUNT), monitor('changes', COUNT))
    self.link.start('hand', **SIM)
    self.wait_runtime('count', lambda r: r['passes'] >= 3, 'passes', 'stays')
    passes = self.runtime('count', 'stays')['passes']
    self.assertEqual(self.reload(monitor('new', PAGEOUT), monitor('stays', COUNT), monitor('changes', COUNT, seed=2)),
                     {'started': ['new'], 'stopped': ['goes'], 'changed': ['changes'], 'unchanged': ['stays']})
    self.assertGreaterEqual(self.runtime('count', 'stays')['passes'], passes)
    self.assertEqual(self.link.monitor('changes')['context']['seed'], 2)
    names = sorted(m['name'] for m in self.link.call('GetStatus')['runtime']['monitors'])
    self.assertEqual(names, ['changes', 'hand', 'new', 'stays'])
    self.wait_runtime('cold', lambda r: r['would_bytes'] > 0, 'the new monitor', 'new')

    # intervals and bounds change in place
    ticks = self.link.monitor('stays')['runtime']['snapshots']
    self.assertEqual(self.reload(monitor('stays', COUNT, intervals='{sample: 5ms, aggregate: 100ms, update: 1s}'))['changed'],
                     ['stays'])
    wait_for(lambda: self.link.monitor('stays')['runtime']['aggregate_ns'] == 100_000_000, 'the new interval')
    self.assertGreaterEqual(self.link.monitor('stays')['runtime']['snapshots'], ticks)
    self.assertGreaterEqual(self.runtime('count', 'stays')['passes'], passes)

  def test_a_stopped_monitor_comes_back(self):
    self.begin(monitor('one', COUNT))
    self.link.call('StopMonitor', {'name': 'one'})
    self.assertEqual(self.reload(monitor('one', COUNT)), {'started': ['one']})

  def test_errors_leave_everything(self):
    self.begin(monitor('one', PAGEOUT, COUNT), monitor('two', COUNT))
    self.wait_runtime('cold', lambda r: r['would_bytes'] > 0, 'something', 'one')
    before, yaml, fds = self.runtime('cold', 'one'), self.link.call('GetConfig')['yaml'], descriptors(self.server.pid)
    good = config(monitor('one', COUNT), monitor('three', COUNT))
    for text, line, pattern in (
        (good.replace('action: stat', 'action: stats', 1), 7, 'stat'),
        (good + '    sorce: sim\n', None, "did you mean 'source'"),
        (good + '  - name: one\n', None, 'one'),
        (good + '\tx', None, 'tab|syntax|character'),
        ('', None, 'empty'),
        ('monitors: []\nmonitors: []\n', None, 'uplicate'),
        (b'\xff\xfe\x00', None, '.'),
        (config(monitor('three', COUNT, sim_pattern='/nonexistent/pattern')), None, 'pattern'),
        (config(monitor('one', PAGEOUT.replace(', reset_interval: 100ms', ''))), None, 'reset_interval')):
      with self.subTest(text=text):
        problems = self.reload_fails(text)
        self.assertTrue(any(re.search(pattern, p['text']) for p in problems), problems)
        if line:
          self.assertEqual(problems[0]['line'], line)
    os.unlink(self.file)
    self.assert_error('ConfigInvalid', self.link.call, 'Reload')
    os.mkdir(self.file)
    self.assert_error('ConfigInvalid', self.link.call, 'Reload')
    os.rmdir(self.file)

    self.assertEqual(self.link.call('GetConfig')['yaml'], yaml)
    self.assertEqual(descriptors(self.server.pid), fds)
    self.assertGreaterEqual(self.runtime('cold', 'one')['would_bytes'], before['would_bytes'])

  @needs_root
  def test_actions_that_cannot_be_done(self):
    """Writes are all that this source sees: it is not there on every kernel, and refused where it is."""
    process = self.target('hold', MIB)
    self.begin(monitor('one', COUNT))
    scheme = PAGEOUT.replace('pageout', 'migrate_cold') + '  to: [{node: 0, weight: 1}]\n'
    text = config(monitor('one', COUNT, PAGEOUT), monitor('two', scheme, source='referenced', seed=None,
                                                            targets=f'[{{pid: {process.pid}}}]'))
    problems = self.reload_fails(text)
    self.assertTrue(any('migrate_cold' in p['text'] or 'to' in p['text'] for p in problems), problems)
    self.assertEqual(list(self.schemes()), ['count'])

  @needs_root
  def test_rates_of_whole_mappings(self):
    """With this source a mapping of which little is used is not to be paged out as a whole."""
    process = self.target('hold', MIB)
    self.begin(monitor('one', COUNT))
    rare = PAGEOUT.replace('[0%, 0%]', '[0%, 5%]')
    real = {'source': 'referenced', 'seed': None, 'targets': f'[{{pid: {process.pid}}}]'}
    for action in 'pageout', 'cold', 'lru_deprio':
      problems = self.reload_fails(config(monitor('one', COUNT), monitor('two', rare.replace('pageout', action), **real)))
      self.assertTrue(any(re.search(r'cannot tell which pages of a mapping.*dry_run', p['text']) for p in problems), problems)
    self.assertEqual(list(self.schemes()), ['count'])
    self.reload(monitor('one', COUNT), monitor('two', rare + '  dry_run: true\n', **real))
    self.assertEqual(list(self.schemes('two')), ['cold'])
    problems = self.assert_error('ActionUnavailable', self.link.call, 'SetScheme', {'name': 'two', 'scheme': 'cold', 'settings': '{dry_run: false}'})
    self.assertIn('cannot tell which pages', str(problems))

  def test_a_name_that_was_taken_by_hand(self):
    self.begin(monitor('one', COUNT))
    self.link.start('two', **SIM)
    problems = self.reload_fails(config(monitor('one', COUNT), monitor('two', COUNT)))
    self.assertIn("'two'", problems[0]['text'])
    self.assertEqual(self.schemes('two'), {})

  def test_hangup(self):
    self.begin(monitor('one', COUNT))
    write(self.file, config(monitor('one', COUNT, PAGEOUT), monitor('two')))
    os.kill(self.server.pid, signal.SIGHUP)
    wait_for(lambda: self.server.said('1 monitors started, 1 changed, 0 stopped, 0 unchanged'), 'the reload')
    self.assertEqual(list(self.schemes('one')), ['count', 'cold'])
    write(self.file, config(monitor('one', COUNT.replace('stat', 'start'))))
    os.kill(self.server.pid, signal.SIGHUP)
    wait_for(lambda: self.server.said('everything stays as it was'), 'the refusal')
    self.assertEqual(self.server.said(r'udamond: \S+config\.yaml:7:\d+: '), 1, self.server.log())
    self.assertEqual(list(self.schemes('one')), ['count', 'cold'])
    # many at once are one, or some; and the daemon is there
    for _ in range(50):
      os.kill(self.server.pid, signal.SIGHUP)
    self.link.call('GetStatus')


class Load(SchemesCase):
  """1,000 reloads, and a client that keeps asking."""

  def poll(self):
    with self.server.connect() as link:
      while not self.stop.is_set():
        for method in 'GetStatus', 'GetSchemes', 'GetSchemeLog', 'GetConfig':
          link.call(method, {'name': 'one'} if method.startswith('GetScheme') else {})
        self.polls += 1

  def test_a_thousand_reloads(self):
    versions = [config(monitor('one', PAGEOUT, COUNT.replace('}', f', access_pattern: {{sz: [{4 * (1 + i)}KiB, max]}}}}')),
                       monitor(f'other{i}', COUNT)) for i in range(2)]
    self.begin(monitor('one', PAGEOUT, COUNT))
    self.stop, self.polls = threading.Event(), 0
    last = self.wait_runtime('cold', lambda r: r['would_bytes'] > 0, 'something', 'one')

    def cycle(i):
      nonlocal last
      write(self.file, versions[i % 2])
      self.link.call('Reload')
      now = self.runtime('cold', 'one')
      for key in 'passes', 'would_bytes', 'would_regions', 'quota_exceeded':
        self.assertGreaterEqual(now[key], last[key], key)
      last = now

    thread = threading.Thread(target=self.poll)
    thread.start()
    try:
      for i in range(300):
        cycle(i)
      fds, before = descriptors(self.server.pid), status(self.server.pid, 'VmRSS')
      for i in range(1000):
        cycle(i)
      grown = status(self.server.pid, 'VmRSS') - before
      self.assert_keeps_descriptors(self.server, fds)
    finally:
      self.stop.set()
      thread.join()
    print(f'1000 reloads beside {self.polls} rounds of a client: {fds} descriptors, RSS {before} KiB and {grown:+d} KiB')
    self.assertGreater(self.polls, 10)
    if not harness.sanitized:
      self.assertLess(grown, GROWTH)


@needs_root
class Processes(SchemesCase):
  """On a process of our own; cold memory is made so by stopping the process."""

  def begin_on(self, process, *schemes):
    self.begin(monitor('one', *schemes, source='referenced', seed=None, targets=f'[{{pid: {process.pid}}}]',
                       intervals='{sample: 100ms, aggregate: 200ms, update: 200ms}'))

  def scheme(self, action, *more):
    return '\n'.join([f'- name: it\n  action: {action}', '  access_pattern: {access_rate: [0%, 0%], age: [300ms, max]}',
                      *(f'  {line}' for line in more)])

  def test_dry_run(self):
    process = self.target('hold', 16 * MIB)
    process.send_signal(signal.SIGSTOP)
    self.begin_on(process, self.scheme('cold', 'dry_run: true'))
    it = self.wait_runtime('it', lambda r: r['would_bytes'] >= 8 * MIB, 'cold memory')
    self.assertEqual((it['tried_bytes'], it['applied_bytes'], it['calls']), (0, 0, 0))
    self.assertGreaterEqual(status(process.pid, 'VmRSS'), 16 * 1024)
    act = self.link.call('GetSchemeLog')['acts'][0]
    self.assertEqual((act['pid'], act['dry_run'], act['scheme']), (process.pid, True, 'it'))
    process.send_signal(signal.SIGCONT)

  def test_pageout_without_swap(self):
    if len(harness.read('/proc/swaps').splitlines()) > 1:
      self.skipTest('this machine has swap')
    process = self.target('hold', 16 * MIB)
    process.send_signal(signal.SIGSTOP)
    self.begin_on(process, self.scheme('pageout', 'dry_run: true'))
    it = self.wait_runtime('it', lambda r: r['outcomes'], 'outcomes')
    self.assertIn('no_swap', [o['outcome'] for o in it['outcomes']])
    self.assertLess(it['would_bytes'], 8 * MIB)
    process.send_signal(signal.SIGCONT)

  def test_cold(self):
    process = self.target('hold', 16 * MIB)
    process.send_signal(signal.SIGSTOP)
    try:
      self.begin_on(process, self.scheme('cold', 'quotas: {sz: 4MiB, reset_interval: 400ms}'))
    except AssertionError as error:
      self.skipTest(f'cold cannot be done here: {error}')
    if not self.link.monitor('one'):
      self.server.expected_status = self.server.process.poll() or 0
      self.skipTest(f'cold cannot be done here: {self.server.log()}')
    it = self.wait_runtime('it', lambda r: r['tried_bytes'] >= 8 * MIB, 'memory that was acted on')
    self.assertGreater(it['calls'], 0)
    self.assertEqual(it['would_bytes'], 0)
    self.assertLessEqual(it['charged_bytes'], 4 * MIB)
    self.assertFalse(self.link.call('GetSchemeLog')['acts'][0]['dry_run'])
    # nothing of it is lost
    self.assertGreaterEqual(status(process.pid, 'VmRSS'), 16 * 1024)
    process.send_signal(signal.SIGCONT)

  def test_the_process_ends(self):
    process = self.target('hold', 16 * MIB)
    self.begin_on(process, self.scheme('cold', 'dry_run: true'))
    self.snapshot(self.link, 'one')
    self.end(process)
    wait_for(lambda: self.link.monitor('one')['runtime']['state'] == 'ended', 'the end of the monitor')
    passes = self.runtime('it')['passes']
    time.sleep(0.6)
    self.assertEqual(self.runtime('it')['passes'], passes)
    # it cannot begin again, which is no reason not to load the rest
    target = f'[{{pid: {process.pid}}}]'
    same = monitor('one', self.scheme('cold', 'dry_run: true'), source='referenced', seed=None, targets=target,
                   intervals='{sample: 100ms, aggregate: 200ms, update: 200ms}')
    self.assertEqual(self.reload(same, monitor('two', COUNT)), {'unchanged': ['one'], 'started': ['two']})
    problems = self.reload_fails(config(same.replace('age: [300ms', 'age: [400ms')))
    self.assertIn('there is no process', problems[0]['text'])

  def test_end_while_schemes_act(self):
    for number in signal.SIGTERM, signal.SIGINT:
      process = self.target('hold', 64 * MIB, name=f'acted{number}')
      process.send_signal(signal.SIGSTOP)
      self.begin_on(process, self.scheme('cold'))
      if self.link.monitor('one'):
        self.wait_runtime('it', lambda r: r['passes'] > 0, 'a pass')
      began = time.monotonic()
      self.server.process.send_signal(number)
      self.server.process.wait(PATIENCE)
      self.assertLess(time.monotonic() - began, PATIENCE / 2)
      process.send_signal(signal.SIGCONT)

  def test_started_by_hand_with_schemes(self):
    process = self.target('hold', 8 * MIB)
    self.begin(monitor('one'))
    schemes = 'schemes:\n' + textwrap.indent(self.scheme('pageout', 'dry_run: true'), '  ')
    name = self.link.start('hand', targets=[{'pid': process.pid}], schemes=schemes, **REAL)
    self.wait_runtime('it', lambda r: r['passes'] > 0, 'a pass', name)
    self.assertIn('name: hand', self.link.call('GetConfig')['yaml'])


class ByHand(SchemesCase):

  def setUp(self):
    super().setUp()
    self.server = self.daemon()
    self.link = self.link_to(self.server)

  def test_schemes(self):
    self.link.start('demo', schemes='schemes:\n' + textwrap.indent(PAGEOUT + COUNT, '  '), **SIM)
    self.wait_runtime('cold', lambda r: r['would_bytes'] > 0, 'something')
    self.assertEqual(list(self.schemes()), ['cold', 'count'])
    # what GetSchemes tells can be said again
    text = self.schemes()['cold']['context']['yaml']
    self.link.start('again', schemes=text, **SIM)
    self.assertEqual(self.schemes('again')['cold']['context'], self.schemes('demo')['cold']['context'])

  def test_wrong_schemes(self):
    before = descriptors(self.server.pid)
    for text in ('schemes: 5', 'nonsense', 'schemes:\n  - name: a\n    action: fly\n', 'schemes: [{name: a}]', '',
                 'schemes: [{name: a, action: stat}, {name: a, action: stat}]', '{', 'monitors: []',
                 'schemes:\n' + ''.join(f'  - {{name: s{i}, action: stat}}\n' for i in range(33))):
      with self.subTest(text=text):
        problems = self.assert_error('ConfigInvalid', self.link.start, 'x', schemes=text, **SIM)['problems']
        self.assertTrue(problems and all(p['text'] for p in problems))
    self.assertEqual(self.link.call('GetStatus')['runtime']['monitors'], [])
    self.assertEqual(descriptors(self.server.pid), before)


if __name__ == '__main__':
  main()
