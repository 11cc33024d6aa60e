#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Events: what the daemon decided, did and refused, kept, streamed, and shown."""
import json
import os
import signal
import subprocess

import harness
from harness import REAL, SIM, Case, main, needs_root, wait_for, write

SCHEMES = '''schemes:
  - name: cold
    action: pageout
    access_pattern: {access_rate: [0%, 0%], age: [100ms, max]}
    quotas: {sz: 64MiB, reset_interval: 1s}
'''
CONFIG = '''monitors:
  - name: demo
    source: sim
    intervals: {sample: 5ms, aggregate: 50ms, update: 1s}
'''
KEYS = {'sequence', 'time_ns', 'kind', 'level', 'monitor', 'scheme', 'pid', 'uid', 'method', 'outcome', 'text', 'numbers'}


class Events(Case):

  def events(self, link, **parameters):
    return link.call('GetEvents', parameters)['events']

  def of_kind(self, link, kind, **parameters):
    return [event for event in self.events(link, **parameters) if event['kind'] == kind]

  def wait_for_kind(self, link, kind, **parameters):
    return wait_for(lambda: self.of_kind(link, kind, **parameters), kind)

  def numbers(self, event):
    return {number['name']: number['value'] for number in event['numbers']}

  def check(self, events):
    """What every list of events is like."""
    sequences = [event['sequence'] for event in events]
    self.assertEqual(sequences, sorted(set(sequences)))
    for event in events:
      self.assertLessEqual(set(event), KEYS)
      self.assertIn(event['level'], ('error', 'warning', 'notice', 'info', 'debug'))
      self.assertTrue(event['text'])
      for number in event['numbers']:
        self.assertIn(number['unit'], ('bytes', 'ns', 'share', 'count'))

  def test_life_of_a_monitor(self):
    process = self.target('hold', 1 << 20)
    with self.daemon().connect() as link:
      self.assertEqual([event['kind'] for event in self.events(link)][-1], 'daemon_started')
      link.start('real', targets=[{'pid': process.pid}], **REAL)
      self.end(process)
      self.wait_for_kind(link, 'monitor_ended')
      link.start('sim', **SIM)
      link.call('StopMonitor', {'name': 'sim'})
      events = self.events(link, monitor='real')
      self.check(events)
      self.assertEqual([event['kind'] for event in events],
                       ['target_found', 'monitor_started', 'target_ended', 'monitor_ended'])
      self.assertEqual([event.get('pid') for event in events], [process.pid, None, process.pid, None])
      self.assertEqual([event['kind'] for event in self.events(link, monitor='sim')], ['monitor_started', 'monitor_stopped'])
      # who did it is an event of the daemon
      called = self.of_kind(link, 'client_called')
      self.assertEqual({event['uid'] for event in called}, {os.getuid()})
      self.check(self.events(link))

  def test_schemes(self):
    with self.daemon().connect() as link:
      link.start('demo', schemes=SCHEMES, **SIM)
      acted = self.wait_for_kind(link, 'scheme_acted')[0]
      self.assertEqual((acted['monitor'], acted['scheme']), ('demo', 'cold'))
      self.assertGreater(self.numbers(acted)['would'], 0)
      self.assertRegex(acted['text'], r'^pageout: would have tried \S+')
      link.call('SetScheme', {'scheme': 'cold', 'settings': '{quotas: {sz: 16MiB}}'})
      changed = self.of_kind(link, 'scheme_changed')[0]
      self.assertIn('16MiB', changed['text'])
      self.assertEqual(changed['uid'], os.getuid())
      # what was done up to the end is told, and all of it adds up
      tried = link.call('GetSchemes')['schemes'][0]['runtime']['would_bytes']
      link.call('StopMonitor', {'name': 'demo'})
      told = self.of_kind(link, 'scheme_acted')
      self.assertGreaterEqual(sum(self.numbers(event)['would'] for event in told), tried)

  def test_watermarks(self):
    """The machine's free memory is what it is; the marks are moved instead."""
    marks = 'watermarks: {metric: free_mem_rate, interval: 100ms, high: %s, mid: %s, low: 0%%}'
    schemes = SCHEMES + '    ' + marks % ('100%', '100%') + '\n'
    with self.daemon().connect() as link:
      link.start('demo', schemes=schemes, **SIM)
      self.snapshot(link, 'demo', lambda s: s['sequence'] >= 5)
      low = '{' + marks % ('0.01%', '0.01%') + '}'
      link.call('SetScheme', {'scheme': 'cold', 'settings': low})
      rests = self.wait_for_kind(link, 'scheme_deactivated')[0]
      self.assertRegex(rests['text'], 'of the memory is free, more than')
      self.assertGreater(self.numbers(rests)['free'], self.numbers(rests)['high'])
      link.call('SetScheme', {'scheme': 'cold', 'settings': '{' + marks % ('100%', '100%') + '}'})
      acts = self.wait_for_kind(link, 'scheme_activated')[0]
      self.assertGreater(self.numbers(acts)['mid'], self.numbers(acts)['free'])
      self.assertGreater(acts['sequence'], rests['sequence'])

  def test_configuration(self):
    file = write(self.path('c.yaml'), CONFIG)
    server = self.daemon('--config', file)
    with server.connect() as link:
      link.call('Reload')
      self.assertEqual(self.numbers(self.of_kind(link, 'config_loaded')[0])['unchanged'], 1)
      write(file, CONFIG + 'nonsense: 1\n')
      self.assert_error('ConfigInvalid', link.call, 'Reload')
      refused = self.of_kind(link, 'config_refused')[0]
      self.assertRegex(refused['text'], r'1 problem, the first at .*:5:1: .*nonsense')
      self.assertEqual(refused['level'], 'error')
      # the other way
      server.process.send_signal(signal.SIGHUP)
      wait_for(lambda: len(self.of_kind(link, 'config_refused')) == 2, 'the second refusal')
      os.unlink(file)
      server.process.send_signal(signal.SIGHUP)
      wait_for(lambda: len(self.of_kind(link, 'config_refused')) == 3, 'the third refusal')
      self.assertIn('No such file', self.of_kind(link, 'config_refused')[2]['text'])

  def test_a_monitor_that_cannot_start(self):
    server = self.daemon('--config', write(self.path('c.yaml'), CONFIG.replace('source: sim', 'targets: [{pid: 4194303}]')))
    with server.connect() as link:
      refused = self.of_kind(link, 'monitor_refused')[0]
    self.assertEqual((refused['monitor'], refused['level']), ('demo', 'error'))
    self.assertIn('4194303', refused['text'])

  def test_clients_and_limits(self):
    with self.daemon().connect() as link:
      with self.daemons[0].connect() as bad:
        bad.send_raw(b'nonsense\0')
        self.assertIsNone(bad.receive())
      dropped = self.wait_for_kind(link, 'client_dropped')[0]
      self.assertEqual((dropped['pid'], dropped['uid']), (os.getpid(), os.getuid()))
      for i in range(32):
        link.start(f'm{i}', **SIM)
      self.assert_error('TooManyMonitors', link.start, 'm32', **SIM)
      self.assertEqual(self.numbers(self.of_kind(link, 'limit_hit')[0]), {'limit': 32})

  def test_history_is_bounded(self):
    with self.daemon('--log-level', 'error').connect() as link:
      for i in range(700):
        link.start('x', **SIM)
        link.call('StopMonitor', {'name': 'x'})
      last = link.call('GetStatus')['runtime']['events']
      self.assertGreaterEqual(last, 1400)
      events = self.events(link)
      self.assertEqual([event['sequence'] for event in events], list(range(last - 255, last + 1)))
      self.assertEqual(self.events(link, limit=5), events[-5:])
      self.assertEqual(self.events(link, limit=0), [])
      self.assertEqual(self.events(link, monitor='y'), [])
      self.assertEqual(len(self.events(link, limit=1 << 40)), 256)
      with self.assertRaises(harness.Error):
        self.events(link, limit=-1)
      # all that is kept comes with a stream
      link.send('GetEvents', {}, more=True)
      streamed = []
      while len(streamed) < 1024:
        message = link.receive()
        self.assertTrue(message['continues'])
        self.assertEqual(message['parameters']['missed'], 0)
        streamed += message['parameters']['events']
      self.check(streamed)
      self.assertEqual([event['sequence'] for event in streamed], list(range(last - 1023, last + 1)))

  def test_stream(self):
    server = self.daemon()
    with server.connect() as link, server.connect() as other:
      link.send('GetEvents', {'monitor': 'web', 'limit': 1}, more=True)
      self.assertEqual(link.receive(), {'parameters': {'events': [], 'missed': 0}, 'continues': True})
      other.start('else', **SIM)
      other.start('web', **SIM)
      other.call('StopMonitor', {'name': 'web'})
      seen = []
      while len(seen) < 2:
        seen += link.reply()['events']
      self.assertEqual([event['kind'] for event in seen], ['monitor_started', 'monitor_stopped'])
      # the end of the daemon ends the stream properly
      server.process.terminate()
      message = link.receive()
      while message and message.get('continues'):
        message = link.receive()
      self.assertIsNotNone(message)

  def test_slow_reader(self):
    """It costs no memory, misses the oldest, and learns how many; others do not wait."""
    server = self.daemon('--log-level', 'error')
    with server.connect() as slow, server.connect() as link:
      slow.send('GetEvents', {}, more=True)
      before = harness.status(server.pid, 'VmRSS')
      for i in range(4000):
        link.start('x', **SIM)
        link.call('StopMonitor', {'name': 'x'})
      # what is freed stays with a sanitizer for a while
      if not harness.sanitized:
        self.assertLess(harness.status(server.pid, 'VmRSS') - before, 16 << 10)
      last = link.call('GetStatus')['runtime']['events']
      got = missed = 0
      while not got or sequence < last:
        message = slow.reply()
        missed += message['missed']
        got += len(message['events'])
        for event in message['events']:
          sequence = event['sequence']
          self.assertEqual(sequence, got + missed - len(message['events']) + message['events'].index(event) + 1)
      self.assertEqual(got + missed, sequence)
      self.assertGreater(missed, 0)

  @needs_root
  def test_denied_and_not_shown(self):
    server = self.daemon()
    os.chmod(server.socket, 0o666)
    nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    self.assert_refused(self.ctl(server, 'events', prefix=nobody), 4, 'udamon-read')
    with server.connect() as link:
      denied = self.of_kind(link, 'client_denied')[0]
    self.assertEqual((denied['uid'], denied['method']), (65534, 'io.udamon.monitor.GetEvents'))

  def test_client(self):
    server = self.daemon()
    shown = self.ctl(server, 'events', 'nobody')
    self.assertEqual((shown.returncode, shown.stdout), (0, 'nothing has happened to it yet\n'))
    with server.connect() as link:
      link.start('web', **SIM)
    for arguments in ['events'], ['events', 'web'], ['events', '--monitor', 'web']:
      shown = self.ctl(server, *arguments)
      self.assertEqual((shown.returncode, shown.stderr), (0, ''))
      self.assertRegex(shown.stdout, r'(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  web monitor_started: source sim')
    self.assertIn('udamond daemon_started', self.ctl(server, 'events').stdout)
    self.assertNotIn('daemon_started', self.ctl(server, 'events', 'web').stdout)
    document = json.loads(self.ctl(server, 'events', '--json', '--limit', 1).stdout)
    self.assertEqual(set(document), {'events', 'missed'})
    self.assertEqual(len(document['events']), 1)

  def test_following(self):
    server = self.daemon()
    with server.connect() as link:
      for _ in range(10):
        link.start('old', **SIM)
        link.call('StopMonitor', {'name': 'old'})
      command = [harness.udamonctl, 'events', '--follow', '--json', '--socket', server.socket]
      with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        lines = [json.loads(follower.stdout.readline()) for _ in range(10)]
        self.check(lines)
        link.start('new', **SIM)
        while (event := json.loads(follower.stdout.readline())) and event.get('monitor') != 'new':
          pass
        self.assertEqual(event['kind'], 'monitor_started')
        server.process.terminate()
        _, said = follower.communicate(timeout=harness.PATIENCE)
      self.assertEqual((follower.returncode, said), (3, 'udamonctl: the daemon has ended\n'))


if __name__ == '__main__':
  main()
