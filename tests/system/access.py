#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may do what, and see what: real users, by setuid, on a socket that all may connect to; and one who is hostile."""
import json
import os
import re
import signal
import socket
import subprocess
import time

import harness
from harness import REAL, SIM, Case, main, needs_root, read, wait_for

ANN, BEN, HOSTILE = 64001, 64002, 64003
READERS, ADMINS = 64101, 64102


def start_as(case, function, uid, *groups):
  """Runs a function as somebody else, in a child without an interpreter of its own, which others may not be able to read."""
  pid = os.fork()
  if pid == 0:
    try:
      harness.die_with_us()
      os.setgroups(groups)
      os.setgid(uid)
      os.setuid(uid)
      function()
    finally:
      os._exit(0)

  def end():
    try:
      os.kill(pid, signal.SIGKILL)
    finally:
      os.waitpid(pid, 0)
  case.addCleanup(end)
  return pid


class User:
  """A client with a uid and groups of its own."""

  def __init__(self, case, server, uid, *groups):
    ours, theirs = socket.socketpair()
    self.stream = ours.makefile('rw')

    def serve():
      link = server.connect()
      stream = theirs.makefile('rw')
      for line in stream:
        link.send(*json.loads(line))
        stream.write(json.dumps(link.receive()) + '\n')
        stream.flush()
    self.pid = start_as(case, serve, uid, *groups)
    theirs.close()
    ours.close()
    case.addCleanup(self.stream.close)

  def call(self, method, parameters=None):
    """The parameters of the reply, or the name of the error."""
    self.stream.write(json.dumps((method, parameters or {})) + '\n')
    self.stream.flush()
    reply = json.loads(self.stream.readline())
    return reply['error'].rpartition('.')[2] if 'error' in reply else reply['parameters']


@needs_root
class Access(Case):
  """The groups are looked up by name, so the daemon runs where /etc/group is one with these names."""

  def setUp(self):
    super().setUp()
    group = harness.write(self.path('group'), read('/etc/group') + f'\nudamon-read:x:{READERS}:\nudamon-admin:x:{ADMINS}:\n')
    script = f'mount --bind {group} /etc/group && exec "$@"'
    prefix = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh']
    if subprocess.run([*prefix, 'true'], capture_output=True, check=False).returncode != 0:
      self.skipTest('no mount namespaces here')
    self.server = self.daemon(prefix=prefix)
    self.assertEqual(os.stat(self.server.socket).st_gid, READERS)
    self.assertEqual(os.stat(self.server.socket).st_mode & 0o777, 0o660)
    os.chmod(self.server.socket, 0o666)
    self.link = self.link_to(self.server)

  def target_of(self, uid, name):
    return self.target('hold', 4 << 20, name=name, user=uid, group=uid, extra_groups=[])

  def watch(self, name, *processes):
    self.link.start(name, targets=[{'pid': getattr(p, 'pid', p)} for p in processes], **{**REAL, 'min_regions': 10, 'max_regions': 100},
                    schemes='schemes: [{name: count, action: stat}, {name: dry, action: pageout, dry_run: true}]')
    self.snapshot(self.link, name)

  def test_classes(self):
    """Every method, as declared, by everybody."""
    declared = {m: c for c, m in re.findall(r'# Access: (\w+)\nmethod (\w+)\(', read(self.interface()))}
    users = {'own': User(self, self.server, ANN), 'read': User(self, self.server, ANN, READERS), 'admin': User(self, self.server, ANN, ADMINS)}
    order = ['own', 'read', 'admin']
    self.assertGreater(len(declared), 10)
    for method, access in declared.items():
      for level, user in users.items():
        with self.subTest(method=method, user=level):
          # wrong parameters: whoever may not call does not even learn that
          result = user.call(method, {'nonsense': 1})
          self.assertEqual(result, 'InvalidParameter' if order.index(level) >= order.index(access) else 'PermissionDenied')

  def interface(self):
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../daemon/io.udamon.monitor.varlink')

  def test_a_user_sees_own_processes_only(self):
    mine, others = self.target_of(ANN, 'ann'), self.target_of(BEN, 'ben')
    self.watch('mine', mine)
    self.watch('others', others)
    self.watch('mixed', mine, others)
    ann = User(self, self.server, ANN)

    monitors = {m['name']: m for m in ann.call('GetStatus')['runtime']['monitors']}
    self.assertEqual(sorted(monitors), ['mine', 'mixed'])
    self.assertEqual([t['pid'] for t in monitors['mixed']['runtime']['targets']], [mine.pid])
    self.assertEqual(monitors['mixed']['context']['targets'], [])
    self.assertEqual(monitors['mine']['context']['targets'][0]['pid'], mine.pid)
    for method in 'GetSnapshot', 'GetHistory', 'GetSchemes', 'GetSchemeLog':
      self.assertEqual(ann.call(method, {'name': 'others'}), 'NoSuchMonitor')
      self.assertIsInstance(ann.call(method, {'name': 'mine'}), dict, method)
      self.assertEqual(ann.call(method), 'NameNeeded')
    for method in 'GetHistory', 'GetSchemes':
      self.assertEqual(ann.call(method, {'name': 'mixed'}), 'PermissionDenied')

    whole = self.link.call('GetSnapshot', {'name': 'mixed'})['snapshot']
    seen = ann.call('GetSnapshot', {'name': 'mixed'})['snapshot']
    self.assertEqual([t['pid'] for t in seen['targets']], [mine.pid])
    self.assertEqual({r['target'] for r in seen['regions']}, {seen['targets'][0]['id']})
    self.assertGreater(max(r['start'] for r in seen['regions']), 1 << 40)
    self.assertEqual(seen['working_set']['total'], sum(r['end'] - r['start'] for r in seen['regions']))
    self.assertLess(seen['working_set']['total'], whole['working_set']['total'])
    acts = ann.call('GetSchemeLog', {'name': 'mixed'})['acts']
    self.assertLessEqual({act['pid'] for act in acts}, {mine.pid})

    # it ends: nobody can tell any more whose it was
    self.end(mine)
    wait_for(lambda: 'mine' not in [m['name'] for m in ann.call('GetStatus')['runtime']['monitors']], 'the end')

  def test_a_reader_sees_no_addresses_of_others(self):
    mine, others = self.target_of(ANN, 'ann'), self.target_of(BEN, 'ben')
    self.watch('mixed', mine, others)
    reader = User(self, self.server, ANN, READERS)
    seen = reader.call('GetSnapshot', {'name': 'mixed'})['snapshot']
    targets = {t['pid']: t for t in seen['targets']}
    self.assertEqual(sorted(targets), sorted([mine.pid, others.pid]))
    self.assertNotIn('addresses_hidden', targets[mine.pid])
    self.assertTrue(targets[others.pid]['addresses_hidden'])
    position = 0
    for region in seen['regions']:
      if region['target'] == targets[others.pid]['id']:
        self.assertEqual(region['start'], position)
        self.assertEqual(region['mapping'], '')
        position = region['end']
      else:
        self.assertGreater(region['start'], 1 << 20)
    self.assertGreater(position, 0)
    self.assertEqual(seen['working_set']['total'], sum(r['end'] - r['start'] for r in seen['regions']))

    def acts():
      return {a['pid']: a for a in reader.call('GetSchemeLog', {'name': 'mixed'})['acts']}
    wait_for(lambda: len(acts()) == 2, 'both processes in the log')
    self.assertTrue(acts()[others.pid]['addresses_hidden'])
    self.assertEqual(acts()[others.pid]['start'], 0)
    self.assertGreater(acts()[mine.pid]['start'], 1 << 20)
    for method in 'GetHistory', 'GetSchemes':
      self.assertIsInstance(reader.call(method, {'name': 'mixed'}), dict)

    shown = self.ctl(self.server, 'regions', 'mixed', prefix=['setpriv', f'--reuid={ANN}', f'--regid={ANN}', f'--groups={READERS}'])
    self.assertEqual(shown.returncode, 0, shown.stderr)
    self.assertIn('hidden: where regions of 1 process of other users lie', shown.stdout)
    self.assertIn('[hidden]', shown.stdout)

    admin = User(self, self.server, BEN, ADMINS)
    self.assertNotIn('addresses_hidden', json.dumps(admin.call('GetSnapshot', {'name': 'mixed'})))

  def test_a_program_that_changed_its_user_is_roots(self):
    """As the kernel sees it: it cannot be traced by the user, so it is not shown to him."""
    read_end, write_end = os.pipe()
    pid = start_as(self, lambda: (os.write(write_end, b'x'), time.sleep(1000)), ANN)
    self.assertEqual(os.read(read_end, 1), b'x')
    os.close(read_end)
    os.close(write_end)
    self.assertEqual(os.stat(f'/proc/{pid}').st_uid, ANN)
    self.watch('private', pid)
    self.assertEqual(User(self, self.server, ANN).call('GetSnapshot', {'name': 'private'}), 'NoSuchMonitor')

  def test_audit(self):
    reader, admin = User(self, self.server, ANN, READERS), User(self, self.server, BEN, ADMINS)
    self.assertEqual(reader.call('StopMonitor', {'name': 'x'}), 'PermissionDenied')
    self.assertIsInstance(admin.call('StartMonitor', {'name': 'a', 'context': {**SIM, 'targets': []}}), dict)
    self.assertEqual(admin.call('StopMonitor', {'name': 'x'}), 'NoSuchMonitor')
    self.assertIsInstance(admin.call('StopMonitor', {'name': 'a'}), dict)
    admin.call('GetStatus')
    for uid, method, outcome, process in (
        (ANN, 'StopMonitor', 'org.varlink.service.PermissionDenied', reader.pid),
        (BEN, 'StartMonitor', 'done', admin.pid), (BEN, 'StopMonitor', 'io.udamon.monitor.NoSuchMonitor', admin.pid),
        (BEN, 'StopMonitor', 'done', admin.pid)):
      self.assertEqual(self.server.said(fr'user {uid} \(pid {process}\) called io.udamon.monitor.{method}: {outcome}$'), 1,
                       (method, outcome, self.server.log()))
    self.assertEqual(self.server.said('called io.udamon.monitor.GetStatus'), 0)

  def test_one_hostile_user(self):
    """Floods of connections, of dear calls, of calls that are not read, of denied ones: another user is served all the same."""
    self.watch('one', self.target_of(HOSTILE, 'theirs'))
    call = json.dumps({'method': 'io.udamon.monitor.GetSnapshot', 'parameters': {'name': 'one'}}).encode() + b'\0'
    denied = json.dumps({'method': 'io.udamon.monitor.Reload'}).encode() + b'\0'

    def flood():
      os.nice(10)  # it is the daemon's turns that are looked at, not the scheduler's
      kept = []
      while True:
        link = socket.socket(socket.AF_UNIX)
        link.setblocking(False)
        try:
          link.connect(self.server.socket)
          link.send((denied if len(kept) % 2 else call) * 200)
        except OSError:
          pass
        kept.append(link)
        if len(kept) > 200:
          for old in kept:
            old.close()
          kept.clear()
    for _ in range(2):
      start_as(self, flood, HOSTILE)
    wait_for(lambda: self.link.call('GetStatus')['runtime']['clients_refused'] > 500, 'the flood')
    for _ in range(8):
      victim = User(self, self.server, BEN, READERS)
      for _ in range(10):
        self.assertIsInstance(victim.call('GetSnapshot', {'name': 'one'}), dict)
    runtime = self.link.monitor('one')['runtime']
    self.assertGreater(runtime['snapshots'], 0)
    log = self.server.log()
    self.assertLess(log.count('called io.udamon.monitor.Reload'), 2000)
    self.assertLess(len(log), 1 << 20)


if __name__ == '__main__':
  main()
