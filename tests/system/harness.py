# SPDX-License-Identifier: GPL-2.0-or-later
"""What the system tests share: daemons, varlink connections, targets, and the checks that every test ends with.

A test is run as TEST.py UDAMOND UDAMONCTL MAPPER [unittest's arguments]. Exit status 0, 1, or 77 when all was skipped.
"""
import ctypes
import faulthandler
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PATIENCE = 20  # seconds; nothing is asserted about time, a test that hangs ends
SANITIZER = re.compile(rb'AddressSanitizer|LeakSanitizer|runtime error:|Sanitizer:')

udamond = udamonctl = mapper = None
sanitized = False
root = os.geteuid() == 0


def wait_for(condition, what='it', seconds=None):
  """Polls until the condition holds, and returns what it returned."""
  deadline = time.monotonic() + (seconds or PATIENCE) * (3 if sanitized else 1)
  while True:
    value = condition()
    if value:
      return value
    if time.monotonic() > deadline:
      raise AssertionError(f'waited in vain for {what}')
    time.sleep(0.02)


def die_with_us():
  """For a child between fork and exec: it does not outlive the test, however that ends."""
  ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def read(path, mode='r'):
  with open(path, mode, **({} if 'b' in mode else {'encoding': 'utf-8', 'errors': 'replace'})) as file:
    return file.read()


def write(path, text):
  with open(path, 'wb' if isinstance(text, bytes) else 'w') as file:
    file.write(text)
  return path


def status(pid, field):
  """A number from /proc/PID/status (VmRSS in KiB)."""
  return int(re.search(rf'^{field}:\s+(\d+)', read(f'/proc/{pid}/status'), re.M)[1])


def descriptors(pid):
  return len(os.listdir(f'/proc/{pid}/fd'))


class Error(Exception):
  """An error that the daemon sent."""

  def __init__(self, name, parameters):
    super().__init__(f'{name} {parameters}')
    self.full = name
    self.name = name.rpartition('.')[2]
    self.parameters = parameters or {}


class Varlink:
  """A connection, frame by frame."""

  def __init__(self, path, timeout=PATIENCE):
    self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
      self.socket.connect(path)  # waits where others fill the queue of the listener
    except OSError:
      self.socket.close()
      raise
    self.socket.settimeout(timeout * (3 if sanitized else 1))
    self.buffer = b''

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.close()

  def close(self):
    self.socket.close()

  def send_raw(self, data):
    self.socket.sendall(data)

  def send(self, method, parameters=None, **flags):
    if '.' not in method:
      method = f'io.udamon.monitor.{method}'
    message = {'method': method, **flags}
    if parameters is not None:
      message['parameters'] = parameters
    self.send_raw(json.dumps(message).encode() + b'\0')

  def receive(self):
    """One message, None at the end of the stream."""
    while b'\0' not in self.buffer:
      try:
        data = self.socket.recv(1 << 16)
      except ConnectionResetError:
        data = b''
      if not data:
        return None
      self.buffer += data
    text, _, self.buffer = self.buffer.partition(b'\0')
    return json.loads(text)

  def reply(self):
    message = self.receive()
    if message is None:
      raise ConnectionError('the daemon closed the connection')
    if 'error' in message:
      raise Error(message['error'], message.get('parameters'))
    return message.get('parameters', {})

  def call(self, method, parameters=None, **flags):
    self.send(method, parameters, **flags)
    return self.reply()

  def start(self, name=None, **context):
    context.setdefault('targets', [])
    return self.call('StartMonitor', {'context': context, **({'name': name} if name else {})})['name']

  def monitor(self, name):
    monitors = self.call('GetStatus')['runtime']['monitors']
    return next((m for m in monitors if m['name'] == name), None)


SIM = {'source': 'sim', 'sample_ns': 5_000_000, 'aggregate_ns': 50_000_000, 'update_ns': 1_000_000_000, 'seed': 1}
REAL = {'source': 'referenced', 'sample_ns': 100_000_000, 'aggregate_ns': 200_000_000, 'update_ns': 200_000_000}


class Daemon:
  """A udamond on a socket of its own. Without a CPU limit unless a test gives one: these tests want many windows soon,
  on machines that are busy."""

  def __init__(self, directory, *arguments, prefix=(), wait=True, environment=None, socket_path=None,
               limit=('--cpu-limit', 'none')):
    self.socket = socket_path or os.path.join(directory, 's')
    self.log_path = tempfile.mktemp(prefix='log-', dir=directory)
    none = [] if '--config' in arguments or '-c' in arguments else ['--config', 'none']  # not what this machine has
    with open(self.log_path, 'wb') as log:
      command = [*prefix, udamond, '--socket', self.socket, *limit, *none, *arguments]
      self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                      stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})},
                                      preexec_fn=die_with_us)
    self.pid = self.process.pid
    self.expected_status = 0
    if wait:
      wait_for(self.ready, 'the daemon')

  def ready(self):
    if self.process.poll() is not None:
      raise AssertionError(f'the daemon ended with {self.process.returncode}:\n{self.log()}')
    try:
      Varlink(self.socket).close()
    except OSError:
      return False
    return True

  def connect(self, **options):
    return Varlink(self.socket, **options)

  def log(self):
    return read(self.log_path)

  def said(self, pattern):
    return len(re.findall(pattern, self.log(), re.M))

  def stop(self):
    if self.process.poll() is None:
      self.process.terminate()
    try:
      self.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
      self.process.kill()
      self.process.wait()
      raise AssertionError('the daemon does not end at SIGTERM') from None
    return self.process.returncode


class Case(unittest.TestCase):
  """A test with a directory, and processes that end with it."""

  def setUp(self):
    self.directory = tempfile.mkdtemp(prefix='udamon-')
    os.chmod(self.directory, 0o755)
    self.addCleanup(shutil.rmtree, self.directory, True)
    self.daemons = []
    self.targets = []
    self.addCleanup(self.end_targets)
    self.addCleanup(self.end_daemons)

  def daemon(self, *arguments, **options):
    daemon = Daemon(self.directory, *arguments, **options)
    self.daemons.append(daemon)
    return daemon

  def link_to(self, daemon):
    """A connection for the whole test, and the only one that there is by now."""
    link = daemon.connect()
    self.addCleanup(link.close)
    self.wait_alone(link)
    return link

  def wait_alone(self, link):
    """Until the daemon has seen the end of all other connections: then its descriptors can be counted."""
    wait_for(lambda: link.call('GetStatus')['runtime']['clients'] == 1, 'the end of other connections')

  def end_daemons(self):
    for daemon in self.daemons:
      returned = daemon.stop()
      log = read(daemon.log_path, 'rb')
      self.assertIsNone(SANITIZER.search(log), log.decode(errors='replace'))
      self.assertEqual(returned, daemon.expected_status, f'the daemon ended with {returned}:\n{daemon.log()}')
      if not daemon.expected_status:
        self.assertFalse(os.path.exists(daemon.socket), 'the socket was left behind')

  def end_targets(self):
    for process in self.targets:
      if process.poll() is None:
        process.kill()
        process.wait()
      if process.stdout:
        process.stdout.close()

  def path(self, name):
    return os.path.join(self.directory, name)

  def target(self, *arguments, name='mapper', **options):
    """Starts the mapper under a name, and waits until it said its pid."""
    link = self.path(name)
    if not os.path.lexists(link):
      os.symlink(mapper, link)
    process = subprocess.Popen([link, *map(str, arguments)], stdout=subprocess.PIPE, **options)
    self.targets.append(process)
    self.assertEqual(process.stdout.readline(), b'pid %d\n' % process.pid)
    return process

  def end(self, process, number=signal.SIGKILL):
    process.send_signal(number)
    process.wait()

  def ctl(self, daemon, *arguments, **options):
    """Runs udamonctl; the result has text in stdout and stderr."""
    environment = {**os.environ, 'UDAMOND': udamond, 'UDAMON_SOCKET': daemon.socket if daemon else self.path('none')}
    environment.update(options.pop('env', {}))
    prefix = options.pop('prefix', ())
    result = subprocess.run([*prefix, udamonctl, *map(str, arguments)], env=environment, timeout=3 * PATIENCE,
                            stdin=subprocess.DEVNULL, **({'capture_output': True} | options), check=False)
    for name in 'stdout', 'stderr':
      data = getattr(result, name)
      if data is not None:
        self.assertIsNone(SANITIZER.search(data), data.decode(errors='replace'))
        setattr(result, name, data.decode(errors='replace'))
    return result

  def assert_refused(self, result, code, pattern, lines=1):
    """Nothing on stdout, one clear line on stderr, the documented status."""
    self.assertEqual(result.returncode, code, result.stderr)
    self.assertRegex(result.stderr, pattern)
    self.assertEqual(result.stderr.count('\n'), lines, result.stderr)
    self.assertEqual(result.stdout, '')

  def assert_error(self, name, function, *arguments, **options):
    with self.assertRaises(Error) as caught:
      function(*arguments, **options)
    self.assertEqual(caught.exception.name, name, caught.exception)
    return caught.exception.parameters

  def assert_keeps_descriptors(self, daemon, before):
    """Fewer are no leak: one that was open for a moment may have been counted before."""
    wait_for(lambda: descriptors(daemon.pid) <= before, f'descriptors to be {before} again')

  def snapshot(self, varlink, name, accept=lambda snapshot: True):
    """The first snapshot that is acceptable."""
    def look():
      try:
        snapshot = varlink.call('GetSnapshot', {'name': name})['snapshot']
      except Error as error:
        if error.name != 'NoSnapshotYet':
          raise
        return None
      return snapshot if accept(snapshot) else None
    return wait_for(look, f'a snapshot of {name}')


def needs_root(function):
  return unittest.skipUnless(root, 'needs root')(function)


def main():
  global udamond, udamonctl, mapper, sanitized  # pylint: disable=global-statement
  if len(sys.argv) < 4:
    sys.exit(f'usage: {sys.argv[0]} UDAMOND UDAMONCTL MAPPER [ARGUMENT...]')
  udamond, udamonctl, mapper = map(os.path.abspath, sys.argv[1:4])
  sanitized = b'__asan_init' in read(udamond, 'rb')
  os.environ.pop('NOTIFY_SOCKET', None)
  os.environ.pop('JOURNAL_STREAM', None)
  os.environ.pop('NO_COLOR', None)
  faulthandler.dump_traceback_later(400 if sanitized else 120, exit=True)
  program = unittest.main(argv=[sys.argv[0], *sys.argv[4:]], exit=False, verbosity=2)
  result = program.result
  if result.skipped and len(result.skipped) == result.testsRun:
    print(f'skipped: {result.skipped[0][1]}', file=sys.stderr, flush=True)
    sys.exit(77)
  sys.exit(0 if result.wasSuccessful() else 1)
