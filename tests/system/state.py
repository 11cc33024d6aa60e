#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What survives a restart, a crash at any moment, and a state directory in any state."""
import json
import os
import random
import re
import shutil
import subprocess
import time

import harness
from harness import Case, main, needs_root, read, wait_for, write

MIB = 1 << 20
INTERVAL = '50ms'

CONFIG = '''
monitors:
  - name: one
    source: sim
    seed: 1
    intervals: {sample: 5ms, aggregate: 50ms, update: 1s}
    schemes:
      - name: cold
        action: pageout
        access_pattern: {access_rate: [0%, 0%], age: [100ms, max]}
        quotas: {sz: 1MiB, reset_interval: 100ms}
      - {name: count, action: stat}
      - name: daily
        action: pageout
        access_pattern: {access_rate: [0%, 0%]}
        quotas: {sz: 3MiB, reset_interval: 24h}
      - name: tuned
        action: pageout
        access_pattern: {access_rate: [0%, 0%]}
        quotas:
          sz: 1GiB
          reset_interval: 100ms
          goals: [{metric: user_input, target: 100, current: 1}]
  - {name: two, source: sim, seed: 2, intervals: {sample: 5ms, aggregate: 50ms, update: 1s},
     schemes: [{name: count, action: stat}]}
'''


class State(Case):

  def setUp(self):
    super().setUp()
    self.states = self.path('states')
    self.file = write(self.path('config.yaml'), CONFIG)

  def begin(self, *arguments, **options):
    server = self.daemon('--config', self.file, '--state-directory', self.states, '--state-interval', INTERVAL,
                         *arguments, **options)
    return server, server.connect()

  def runtimes(self, link, name='one'):
    return {s['name']: s['runtime'] for s in link.call('GetSchemes', {'name': name})['schemes']}

  def saved_path(self):
    return os.path.join(self.states, 'state')

  def inode(self):
    try:
      return os.stat(self.saved_path()).st_ino, os.stat(self.saved_path()).st_mtime_ns
    except FileNotFoundError:
      return None

  def wait_saved(self):
    """Until a save has ended that began after this was called: the second one that ends."""
    for _ in range(2):
      before = self.inode()
      wait_for(lambda last=before: self.inode() not in (None, last), 'the state to be saved')

  def saved(self, monitor='one'):
    body = read(self.saved_path()).split('\n', 1)[1]
    return {s['name']: s for m in json.loads(body)['monitors'] if m['name'] == monitor for s in m['schemes']}

  def kill(self, server):
    server.process.kill()
    server.process.wait()
    self.daemons.remove(server)

  def stop(self, server, link):
    link.close()
    self.assertEqual(server.stop(), 0, server.log())
    self.daemons.remove(server)

  def test_statistics_survive_a_restart(self):
    server, link = self.begin()
    wait_for(lambda: self.runtimes(link)['cold']['would_bytes'] >= 5 * MIB, 'some windows')
    wait_for(lambda: self.runtimes(link)['tuned'].get('effective_bytes', 0) > 100 * MIB, 'a goal to tune')
    wait_for(lambda: self.runtimes(link)['daily']['would_bytes'] == 3 * MIB, 'the quota of a day')
    before = self.runtimes(link)
    self.stop(server, link)
    self.assertEqual(os.stat(self.states).st_mode & 0o777, 0o700)

    server, link = self.begin()
    after = self.runtimes(link)
    for scheme in 'cold', 'count', 'daily', 'tuned':
      for key in 'passes', 'would_bytes', 'would_regions', 'quota_exceeded':
        self.assertGreaterEqual(after[scheme][key], before[scheme][key], (scheme, key))
    self.assertGreaterEqual(after['tuned']['effective_bytes'], before['tuned']['effective_bytes'] // 2)
    # a restart buys no second helping
    self.assertEqual(after['daily']['charged_bytes'], 3 * MIB)
    wait_for(lambda: self.runtimes(link)['daily']['passes'] > before['daily']['passes'] + 5, 'passes')
    self.assertEqual(self.runtimes(link)['daily']['would_bytes'], 3 * MIB)
    self.assertGreaterEqual(self.runtimes(link, 'two')['count']['passes'], 1)
    link.close()

  def test_what_has_changed_begins_anew(self):
    server, link = self.begin()
    wait_for(lambda: self.runtimes(link)['tuned'].get('effective_bytes', 0) > 100 * MIB, 'a goal to tune')
    wait_for(lambda: self.runtimes(link)['count']['passes'] > 10, 'passes')
    self.stop(server, link)
    before = self.saved()
    write(self.file, CONFIG.replace('target: 100', 'target: 50').replace('name: count, action: stat', 'name: count, action: cold')
          .replace('name: cold\n', 'name: colder\n').replace('aggregate: 50ms', 'aggregate: 1h'))
    server, link = self.begin()
    after = self.runtimes(link)
    self.assertEqual(after['count']['passes'], 0)
    self.assertEqual(after['colder']['passes'], 0)
    self.assertEqual(after['tuned']['passes'], before['tuned']['stats']['passes'])
    self.wait_saved_idle()
    self.assertLess(self.saved()['tuned']['quota']['tuned']['bytes'], 100 * MIB)
    link.close()

  def wait_saved_idle(self):
    wait_for(lambda: os.path.exists(self.saved_path()) and 'colder' in self.saved(), 'the state to be saved')

  def test_by_hand_is_not_kept_and_stopped_is_forgotten(self):
    server, link = self.begin()
    link.start('hand', **harness.SIM, schemes='schemes: [{name: count, action: stat}]')
    self.wait_saved()
    self.assertEqual(self.saved('hand'), {})
    self.assertTrue(self.saved('two'))
    link.call('StopMonitor', {'name': 'two'})
    self.wait_saved()
    self.assertEqual(self.saved('two'), {})
    self.stop(server, link)
    self.assertEqual(self.saved('two'), {})

  def test_what_has_not_started_yet_is_kept(self):
    server, link = self.begin()
    wait_for(lambda: self.runtimes(link, 'two')['count']['passes'] > 10, 'passes')
    self.stop(server, link)
    write(self.file, CONFIG[:CONFIG.index('  - {name: two')])
    server, link = self.begin()
    self.wait_saved()
    self.assertGreater(self.saved('two')['count']['stats']['passes'], 10)
    write(self.file, CONFIG)
    self.assertEqual(link.call('Reload')['started'], ['two'])
    self.assertGreater(self.runtimes(link, 'two')['count']['passes'], 10)
    link.close()

  def test_killed_at_random_moments(self):
    """The file is whole at each moment, and holds at least what was true when the last save but one ended."""
    seed = random.randrange(1 << 32)
    print(f'seed {seed}')
    rng = random.Random(seed)
    last = 0
    rounds = 20 if harness.sanitized else 100
    for i in range(rounds):
      server, link = self.begin()
      found = self.runtimes(link)['cold']
      self.assertGreaterEqual(found['would_bytes'], last, f'round {i}, seed {seed}')
      self.assertLessEqual(self.runtimes(link)['daily']['would_bytes'], 3 * MIB, f'round {i}, seed {seed}')
      if i % 10 == 9:
        wait_for(lambda: self.runtimes(link)['cold']['would_bytes'] > found['would_bytes'], 'something to be done')
        last = self.runtimes(link)['cold']['would_bytes']
        self.wait_saved()
      time.sleep(rng.uniform(0, 0.15))
      self.kill(server)
      link.close()
      self.assertEqual(server.said('not taken over|cannot save'), 0, server.log())
    self.assertGreaterEqual(last, rounds // 10 * MIB)
    self.assertNotIn('state.refused', os.listdir(self.states))

  def refused(self, content, pattern):
    os.makedirs(self.states, exist_ok=True)
    write(self.saved_path(), content)
    server, link = self.begin()
    self.assertEqual(server.said(pattern), 1, server.log())
    self.assertEqual(read(os.path.join(self.states, 'state.refused'), 'rb'), content)
    self.wait_saved()
    self.assertIn('cold', self.saved())
    self.stop(server, link)

  def test_damaged_files(self):
    server, link = self.begin()
    self.wait_saved()
    self.stop(server, link)
    good = read(self.saved_path(), 'rb')
    for content, pattern in ((b'', 'no state of udamond'), (b'\0' * 4096, 'no state of udamond'), (good[:len(good) // 2], 'checksum'),
                             (good.replace(b'"passes":', b'"passez":', 1), 'checksum'), (b'udamon-state 1\n{}\n', 'first line'),
                             (b'udamon-state 7 0000000000000000\n{}\n', r'newer version \(7\)'), (b'{}', 'no state of udamond'),
                             (os.urandom(100000), 'no state of udamond')):
      with self.subTest(content=content[:40]):
        self.refused(content, pattern)

  def test_a_checksum_alone_is_not_enough(self):
    def sealed(body):
      digest = 14695981039346656037
      for byte in body:
        digest = ((digest ^ byte) * 1099511628211) & (2 ** 64 - 1)
      return b'udamon-state 1 %016x\n%s\n' % (digest, body)
    for body, pattern in ((b'{}', 'lacks the monitors'), (b'[]', 'lacks the monitors'), (b'{"monitors":[{}]}', 'lacks the monitors'),
                          (b'{"monitors":[5]}', 'lacks the monitors'), (b'[' * 100000, 'not taken over'),
                          (b'{"a":1,"a":2}', 'not taken over')):
      with self.subTest(body=body[:40]):
        self.refused(sealed(body), pattern)
    # sound on the outside, nonsense inside: taken for nothing
    nonsense = {'name': 'cold', 'action': 'pageout', 'yaml': 5, 'stats': {'passes': -5, 'would': 'x', 'errors': [[-1, 5], 7, [10 ** 12, 1]]},
                'quota': {'tuned': {'bytes': -1e308, 'gain': 1e308, 'side': 10 ** 18}, 'window': {'start': 1, 'charged': 2 ** 62}}}
    write(self.saved_path(), sealed(json.dumps({'monitors': [{'name': 'one', 'schemes': [nonsense, 5, {}, None]}]}).encode()))
    server, link = self.begin()
    self.assertLess(self.runtimes(link)['cold']['passes'], 1000)
    wait_for(lambda: self.runtimes(link)['cold']['would_bytes'] > 0, 'it to go on')
    link.close()

  def test_no_directory(self):
    write(self.states, 'a file')
    server, link = self.begin()
    self.assertEqual(server.said('no state is kept: .*Not a directory'), 1, server.log())
    wait_for(lambda: self.runtimes(link)['cold']['would_bytes'] > 0, 'it to go on')
    link.close()

  def test_the_directory_goes_and_comes(self):
    server, link = self.begin()
    self.wait_saved()
    shutil.rmtree(self.states)
    wait_for(lambda: server.said('cannot save state'), 'a word about it')
    passes = self.runtimes(link)['cold']['passes']
    wait_for(lambda: self.runtimes(link)['cold']['passes'] > passes + 20, 'it to go on')
    self.assertEqual(server.said('cannot save state'), 1, server.log())
    link.close()

  def test_two_daemons(self):
    first, link = self.begin()
    self.wait_saved()
    second = self.daemon('--config', self.file, '--state-directory', self.states, socket_path=self.path('second'))
    self.assertEqual(second.said('another daemon uses it'), 1, second.log())
    with second.connect() as other:
      self.assertLess(self.runtimes(other)['count']['passes'], 1000)
    link.close()
    self.assertEqual(first.said('another daemon'), 0)

  @needs_root
  def test_disk_full(self):
    """On a file system of its own, in a mount namespace of the daemon's own."""
    os.mkdir(self.states)
    script = f'mount -t tmpfs -o size=64k none {self.states} && exec "$@"'
    prefix = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh']
    if subprocess.run([*prefix, 'true'], capture_output=True, check=False).returncode != 0:
      self.skipTest('no mount namespaces here')
    server, link = self.begin(prefix=prefix)
    inside = f'/proc/{server.pid}/root{self.states}'
    wait_for(lambda: os.path.exists(f'{inside}/state'), 'the state')
    whole = read(f'{inside}/state')
    with open(f'{inside}/filler', 'wb', buffering=0) as filler:
      try:
        while True:
          filler.write(b'x' * 4096)
      except OSError:
        pass
    wait_for(lambda: server.said('cannot save state.*No space left'), 'a word about it')
    passes = self.runtimes(link)['cold']['passes']
    wait_for(lambda: self.runtimes(link)['cold']['passes'] > passes + 20, 'it to go on')
    self.assertEqual(server.said('cannot save state'), 1, server.log())
    self.assertTrue(re.match(r'udamon-state 1 [0-9a-f]{16}\n\{.*\}\n$', read(f'{inside}/state')), 'the old state is whole')
    self.assertEqual(server.said('is saved again'), 0)
    os.unlink(f'{inside}/filler')
    wait_for(lambda: server.said('state is saved again'), 'a word about that')
    wait_for(lambda: read(f'{inside}/state') != whole, 'a new state')
    link.close()

  def test_arguments(self):
    for arguments, pattern in ((('--state-interval', '1ms'), 'no time from 10ms'), (('--state-interval', '5'), 'no time from 10ms'),
                               (('--state-interval', '2h'), 'no time from 10ms')):
      done = subprocess.run([harness.udamond, *arguments], capture_output=True, text=True, check=False)
      self.assertEqual(done.returncode, 2)
      self.assertRegex(done.stderr, pattern)
    server, link = self.begin('--state-directory', 'none')
    wait_for(lambda: self.runtimes(link)['count']['passes'] > 10, 'passes')
    self.stop(server, link)
    self.assertFalse(os.path.exists(self.states))
    # the service manager's
    server = self.daemon('--config', self.file, '--state-interval', INTERVAL, environment={'STATE_DIRECTORY': self.states})
    self.wait_saved()


if __name__ == '__main__':
  main()
