#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's start: options, configuration, socket path, privileges, signals."""
import os
import signal
import socket
import stat
import subprocess

import harness
from harness import REAL, SIM, Case, main, needs_root, wait_for, write

SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../conf/sim.yaml')
NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']


class Start(Case):

  def udamond(self, *arguments, **options):
    """A daemon that is to end by itself."""
    result = subprocess.run([*options.pop('prefix', ()), harness.udamond, *arguments], capture_output=True, text=True,
                            timeout=harness.PATIENCE, stdin=subprocess.DEVNULL, check=False, **options)
    self.assertIsNone(harness.SANITIZER.search(result.stderr.encode()), result.stderr)
    return result

  def assert_start_fails(self, result, code, pattern):
    """Whatever the log says of this machine before: the reason is one line, and the last one."""
    self.assertEqual(result.returncode, code, result.stderr)
    self.assertRegex(result.stderr.splitlines()[-1], pattern)
    self.assertEqual(result.stdout, '')

  def test_shipped_configuration(self):
    server = self.daemon('--config', SHIPPED)
    with server.connect() as link:
      status = link.call('GetStatus')
      self.assertEqual(status['context']['config_file'], SHIPPED)
      self.assertEqual(status['context']['socket'], server.socket)
      self.assertEqual([m['name'] for m in status['runtime']['monitors']], ['demo'])
      context = status['runtime']['monitors'][0]['context']
      self.assertEqual((context['source'], context['seed'], context['sample_ns']), ('sim', 42, 5_000_000))
      seen = self.snapshot(link, 'demo')
      self.assertLessEqual(len(seen['regions']), 100)

  def test_check(self):
    good = self.udamond('--check', SHIPPED)
    self.assertEqual((good.returncode, good.stderr), (0, ''))
    self.assertIn('correct', good.stdout)
    bad = write(self.path('bad.yaml'), 'monitors:\n  - name: x\n    source: sim\n    intervals: {sample: 100}\n    sourc: sim\n')
    for arguments in ['--check', bad], ['--config', bad, '--socket', self.path('s')]:
      result = self.udamond(*arguments)
      self.assertEqual((result.returncode, result.stdout), (3, ''))
      self.assertEqual(result.stderr.count('\n'), 2, result.stderr)
      self.assertRegex(result.stderr, r'(?m)^\S+bad\.yaml:4:\d+: .*100ms')
      self.assertRegex(result.stderr, r'(?m)^\S+bad\.yaml:5:\d+: .*sourc.*source')
    self.assertFalse(os.path.exists(self.path('s')))

  def test_check_of_several_files(self):
    """One that is wrong keeps none of the others from being looked at."""
    bad = write(self.path('bad.yaml'), 'monitors:\n  - {name: x, source: sim, sourc: sim}\n')
    result = self.udamond('--check', bad, SHIPPED, self.path('none'), SHIPPED)
    self.assertEqual(result.returncode, 3)
    self.assertEqual(result.stdout, f'{SHIPPED}: correct, 1 monitor\n' * 2)
    self.assertRegex(result.stderr, r"\A\S+bad\.yaml:2:\d+: unknown key 'sourc'.*\n\S+none: cannot be read: No such file or directory\n\Z")
    result = self.udamond('--check', SHIPPED, SHIPPED)
    self.assertEqual((result.returncode, result.stderr), (0, ''))
    self.assertEqual(self.udamond('--config', SHIPPED, SHIPPED).returncode, 2)

  def test_a_configuration_that_cannot_be_read(self):
    for path, pattern in (self.path('none'), 'No such file'), ('/dev/full', 'regular file'):
      result = self.udamond('--config', path, '--socket', self.path('s'))
      self.assert_start_fails(result, 3, pattern)
      self.assertEqual(result.stderr.count('\n'), 1)

  @needs_root
  def test_a_configuration_that_may_not_be_read(self):
    path = write(self.path('secret.yaml'), 'monitors: []\n')
    os.chmod(path, 0o600)
    result = self.udamond('--config', path, '--socket', self.path('s'), prefix=NOBODY)
    self.assert_start_fails(result, 3, 'ermission denied')

  def test_a_monitor_that_cannot_start_leaves_the_others_alone(self):
    pattern = write(self.path('pattern'), 'area heap 1GiB\nphase 1s\ntouch heap 0 2GiB 100%\n')
    config = write(self.path('c.yaml'), f'monitors:\n  - {{name: bad, source: sim, sim_pattern: {pattern}}}\n'
                   '  - {name: good, source: sim}\n  - {name: gone, source: sim, sim_pattern: /nonexistent}\n')
    server = self.daemon('--config', config)
    with server.connect() as link:
      self.assertEqual([m['name'] for m in link.call('GetStatus')['runtime']['monitors']], ['good'])
    self.assertEqual(server.said(r"monitor 'bad': cannot start: .*pattern.*line 3: .*beyond the end"), 1)
    self.assertEqual(server.said(r"monitor 'gone': cannot start: .*No such file"), 1)

  def test_pattern(self):
    with self.daemon().connect() as link:
      path = write(self.path('pattern'), '# a comment\narea heap 64MiB\narea rest 64MiB\nphase 1h\ntouch heap 0 64MiB 100%\n')
      name = link.start(sim_pattern=path, **SIM)
      seen = self.snapshot(link, name, lambda s: s['working_set']['bytes'] == 64 << 20)
      self.assertEqual(seen['working_set']['total'], 128 << 20)
      for text, reason in (('area heap 64\n', 'line 1'), ('', 'no area'), ('area a 1GiB\n', 'no phase'),
                           ('area a 1GiB\nphase 1s\ntouch b 0 1MiB 10%\n', "line 3: there is no area 'b'"),
                           ('area a 1GiB\nphase 1s\ntouch a 0 1MiB 101%\n', 'line 3'), ('area a 200TiB\n', 'fit'),
                           ('area a 1GiB\narea a 1GiB\n', 'line 2'), ('phase 1s\narea a 1GiB\n', 'line 2'),
                           ('area a 1GiB\nphase 0s\n', 'line 2'), (b'\xff\xfe\n', 'line 1'), (b'area a 1GiB\0\n', 'area|phase')):
        parameters = self.assert_error('SourceUnavailable', link.start, sim_pattern=write(self.path('bad'), text), **SIM)
        self.assertIn('bad: ', parameters['reason'])
        self.assertRegex(parameters['reason'], reason)
      for path in self.path('none'), self.directory, '/dev/zero':
        self.assert_error('SourceUnavailable', link.start, sim_pattern=path, **SIM)

  def test_wrong_usage(self):
    for arguments, pattern in ((['--frob'], '--help'), (['x'], 'no option'), (['--config'], '--help'),
                               (['--log-level', 'loud'], 'error, warning'), (['--connection-fd', 'x'], 'descriptor'),
                               (['--connection-fd', '1'], 'descriptor')):
      self.assert_start_fails(self.udamond(*arguments), 2, pattern)
    # a descriptor that is none
    self.assert_start_fails(self.udamond('--connection-fd', '77'), 1, 'no connected socket')
    self.assertEqual(self.udamond('--help').returncode, 0)
    self.assertRegex(self.udamond('--version').stdout, r'^udamond \d')

  def test_socket_in_use(self):
    server = self.daemon()
    result = self.udamond('--config', 'none', '--socket', server.socket)
    self.assert_start_fails(result, 1, 'answers there already')
    with server.connect() as link:
      link.call('GetStatus')

  def test_stale_socket_is_replaced(self):
    server = self.daemon()
    self.end(server.process)
    self.daemons.clear()
    self.assertTrue(stat.S_ISSOCK(os.stat(server.socket).st_mode))
    self.daemon()
    # a plain file is not
    path = write(self.path('file'), 'precious')
    self.assert_start_fails(self.udamond('--config', 'none', '--socket', path), 1, 'no socket')
    self.assertEqual(harness.read(path), 'precious')
    os.symlink(path, self.path('link'))
    self.assert_start_fails(self.udamond('--config', 'none', '--socket', self.path('link')), 1, 'no socket')

  def test_a_listener_that_is_somebody_elses(self):
    with socket.socket(socket.AF_UNIX) as other:
      other.bind(self.path('s'))
      other.listen()
      self.assert_start_fails(self.udamond('--config', 'none', '--socket', self.path('s')), 1, 'answers there already')

  def test_socket_path(self):
    self.assert_start_fails(self.udamond('--config', 'none', '--socket', self.path('x' * 200)), 1, 'too long')
    self.assert_start_fails(self.udamond('--config', 'none', '--socket', self.path('no/such/s')), 1, 'No such file')
    self.assert_start_fails(self.udamond('--config', 'none', '--socket', ''), 1, '.')
    made = self.daemon(socket_path=self.path('made/s'))
    self.assertEqual(os.stat(made.socket).st_mode & 0o777, 0o660)
    self.assertEqual(os.stat(self.path('made')).st_mode & 0o777, 0o755)

  @needs_root
  def test_unwritable_directory(self):
    result = self.udamond('--config', 'none', '--socket', self.path('s'), prefix=NOBODY)
    self.assert_start_fails(result, 1, 'ermission denied')

  @needs_root
  def test_without_privileges(self):
    os.chmod(self.directory, 0o777)
    server = self.daemon(prefix=NOBODY)
    with server.connect() as link:
      self.snapshot(link, link.start('demo', **SIM))
      for pid in os.getpid(), 1:
        parameters = self.assert_error('TargetInvalid', link.start, targets=[{'pid': pid}], **REAL)
        self.assertIn('no permission', parameters['reason'])
      self.assertEqual(len(link.call('GetStatus')['runtime']['monitors']), 1)
    refused = self.ctl(server, 'start', '--pid', os.getpid(), '--source', 'referenced')
    self.assert_refused(refused, 5, 'no permission')

  @needs_root
  def test_own_processes_without_privileges(self):
    os.chmod(self.directory, 0o777)
    process = self.target('hold', 1 << 20, user=65534, group=65534, extra_groups=[])
    server = self.daemon(prefix=NOBODY)
    with server.connect() as link:
      name = link.start(targets=[{'pid': process.pid}], **REAL)
      self.snapshot(link, name, lambda s: s['working_set']['bytes'] >= 1 << 20)

  @needs_root
  def test_peers_without_rights(self):
    server = self.daemon()
    with server.connect() as link:
      link.start('demo', **SIM)
    os.chmod(server.socket, 0o666)
    script = 'import sys; sys.path.insert(0, sys.argv[1])\nimport harness\n' \
             'link = harness.Varlink(sys.argv[2])\n' \
             'for method, parameters in (("GetStatus", {}), ("GetCapabilities", {}), ("StopMonitor", {"name": "x"}),\n' \
             '                           ("StartMonitor", {"context": {"targets": [], "source": "sim"}}),\n' \
             '                           ("GetSnapshot", {}), ("GetHistory", {})):\n' \
             '  try:\n    reply = link.call(method, parameters)\n    print(method, reply["runtime"]["monitors"])\n' \
             '  except harness.Error as error:\n    print(method, error.full.rpartition(".")[2])\n' \
             'print(link.call("org.varlink.service.GetInfo")["product"])\n'
    done = subprocess.run([*NOBODY, harness.sys.executable, '-c', script, os.path.dirname(os.path.abspath(__file__)),
                           server.socket], capture_output=True, text=True, timeout=harness.PATIENCE, check=False)
    if 'Permission denied' in done.stderr or 'ModuleNotFoundError' in done.stderr or "can't open" in done.stderr:
      self.skipTest('another user cannot read the tests here')
    lines = done.stdout.splitlines()
    self.assertEqual(lines[-1:], ['udamond'], done.stderr)
    self.assertEqual(lines[:-1], ['GetStatus []', 'GetCapabilities PermissionDenied', 'StopMonitor PermissionDenied',
                                  'StartMonitor PermissionDenied', 'GetSnapshot NoSuchMonitor', 'GetHistory NoSuchMonitor'])

  def test_signals(self):
    for number in signal.SIGTERM, signal.SIGINT:
      server = self.daemon()
      with server.connect() as link:
        self.snapshot(link, link.start('demo', **SIM))
        link.send('GetSnapshot', {'name': 'demo'}, more=True)
        link.receive()
        server.process.send_signal(number)
        # open streams get their last reply
        while (message := link.receive()) and message.get('continues'):
          pass
        self.assertEqual(server.process.wait(harness.PATIENCE), 0)

  def test_inherited_socket_and_readiness(self):
    notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notified.bind(self.path('notify'))
    notified.settimeout(harness.PATIENCE * 3)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(self.path('inherited'))
    listener.listen()

    def give():
      os.dup2(listener.fileno(), 3)
      os.set_inheritable(3, True)
      os.environ['LISTEN_PID'] = str(os.getpid())
    script = 'exec env LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=varlink NOTIFY_SOCKET="$1" "$2" --config none'
    with subprocess.Popen(['sh', '-c', script, 'sh', self.path('notify'), harness.udamond], preexec_fn=give,
                          close_fds=False, stderr=subprocess.DEVNULL) as process:
      self.assertIn(b'READY=1', notified.recv(4096))
      with harness.Varlink(self.path('inherited')) as link:
        self.assertEqual(link.call('GetStatus')['runtime']['pid'], process.pid)
      process.terminate()
      while b'STOPPING=1' not in notified.recv(4096):
        pass  # the status, meanwhile
      self.assertEqual(process.wait(harness.PATIENCE), 0)
    # it was not made here, so it stays
    self.assertTrue(os.path.exists(self.path('inherited')))
    notified.close()
    listener.close()

  def test_a_given_connection(self):
    ours, theirs = socket.socketpair()
    with subprocess.Popen([harness.udamond, '--connection-fd', str(theirs.fileno())], pass_fds=[theirs.fileno()],
                          stderr=subprocess.DEVNULL) as process:
      theirs.close()
      ours.settimeout(harness.PATIENCE)
      ours.sendall(b'{"method":"io.udamon.monitor.GetStatus"}\0')
      self.assertIn(b'"pid"', ours.recv(65536))
      ours.close()
      self.assertEqual(process.wait(harness.PATIENCE), 0)

  def test_stderr_that_is_closed(self):
    process = subprocess.Popen([harness.udamond, '--config', 'none', '--socket', self.path('s')], stdin=subprocess.DEVNULL,
                               preexec_fn=lambda: [os.close(fd) for fd in (1, 2)])
    self.targets.append(process)
    wait_for(lambda: os.path.exists(self.path('s')), 'the socket')
    with harness.Varlink(self.path('s')) as link:
      self.snapshot(link, link.start('demo', **SIM))
      self.assertTrue(self.assert_error('TargetInvalid', link.start, targets=[{'pid': 4194303}], **REAL))
    process.terminate()
    self.assertEqual(process.wait(harness.PATIENCE), 0)


if __name__ == '__main__':
  main()
