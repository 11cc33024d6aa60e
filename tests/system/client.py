#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The client against a living daemon and without one: every verb, every error a line, every exit status."""
import json
import os
import resource
import signal
import sqlite3
import subprocess
import time

import harness
from harness import SIM, Case, main, needs_root, read, wait_for, write

MIB = 1 << 20
FAST = ['--sample', '5ms', '--aggregate', '50ms', '--update', '1s']
RUN_SIM = ['--source', 'sim', *FAST]


class Client(Case):

  def setUp(self):
    super().setUp()
    self.server = self.daemon()

  def start_sim(self, name='demo', **options):
    with self.server.connect() as link:
      link.start(name, **{**SIM, **options})
      self.snapshot(link, name)

  def shown(self, *arguments, **options):
    result = self.ctl(self.server, *arguments, **options)
    self.assertEqual(result.returncode, 0, f'{arguments}: {result.stderr}')
    self.assertTrue(result.stdout.strip(), arguments)
    self.assertNotIn('\x1b', result.stdout)
    return result.stdout

  def document(self, *arguments):
    return json.loads(self.shown(*arguments, '--json'))

  def test_every_verb(self):
    self.assertIn('demo', self.shown('start', '--pid', '1', '--source', 'sim', '--name', 'demo', *FAST))
    self.assertEqual(self.document('start', '--pid', '1', '--source', 'sim', '--name', 'other', *FAST)['name'], 'other')
    with self.server.connect() as link:
      self.snapshot(link, 'demo', lambda s: s['sequence'] >= 10)
    for verb in (['check'], ['status'], ['regions', 'demo'], ['heatmap', 'demo'], ['wss', 'demo'],
                 ['wss', 'demo', '--time'], ['idle', 'demo'], ['regions', 'demo', '--sort', 'rate', '--top', '3']):
      self.shown(*verb)
      self.assertTrue(self.document(*verb))
    self.assertIn('demo', self.shown('status'))
    regions = self.document('regions', 'demo')
    self.assertTrue(regions['regions'])
    file = self.path('r.db')
    recorded = self.ctl(self.server, 'record', 'demo', '-o', file, '--duration', '500ms')
    self.assertEqual(recorded.returncode, 0, recorded.stderr)
    self.assertGreater(self.document('record', 'demo', '-o', self.path('r2.db'), '--duration', '500ms')['snapshots'], 2)
    for verb in 'regions', 'heatmap', 'wss', 'idle':
      self.shown(verb, '-i', file)
      self.assertTrue(self.document(verb, '-i', file))
    self.assertEqual(self.document('stop', 'other'), {'stopped': 'other'})
    stopped = self.ctl(self.server, 'stop', 'demo')
    self.assertEqual((stopped.returncode, stopped.stdout, stopped.stderr), (0, '', ''))

  def test_a_simulation_needs_no_target(self):
    self.assertIn('sim', self.shown('start', '--source', 'sim', *FAST))

  def test_help_and_version(self):
    for verb in 'run', 'check', 'start', 'stop', 'status', 'regions', 'heatmap', 'wss', 'idle', 'record':
      self.assertIn(verb, self.shown(verb, '--help'))
      self.assertIn(verb, self.shown('help', verb))
      self.assertIn(verb, self.shown('--help'))
    self.assertRegex(self.shown('--version'), r'^udamonctl \d')

  def test_wrong_usage(self):
    for arguments, pattern in (
        (['reginos'], 'did you mean regions'), (['frobnicate'], 'unknown verb'), (['--json', 'status'], 'verb comes first'),
        (['status', '--jsno'], 'did you mean --json'), (['status', '--frob'], 'unknown option'),
        (['status', 'x'], 'no operand'), (['regions', 'a', 'b'], 'b'), (['start'], 'target|--pid'),
        (['start', '--pid', 'abc'], 'abc'), (['start', '--pid', '0'], '0'), (['start', '--pid', '-1'], '-1'),
        (['start', '--pid', '99999999999999999999'], '9999'), (['start', '--pid', '1', '--regions', '10,3'], '10'),
        (['start', '--pid', '1', '--regions', '10'], '10'), (['start', '--pid', '1', '--regions', 'x,y'], 'x'),
        (['start', '--pid', '1', '--sample', '100'], '100ms'),
        (['start', '--pid', '1', '--sample', '-5ms'], '-5ms'), (['start', '--pid', '1', '--sample', '1e99s'], '1e99s'),
        (['start', '--pid', '1', '--sample', '0s'], '0'), (['start', '--pid', '1', '--sample', '5s', '--aggregate', '1s'], 'shorter'),
        (['start', '--pid', '1', '--intervals', '1s,2s'], '1s,2s'), (['start', '--pid', '1', '--source', 'sin'], 'sim'),
        (['start', '--command', ''], 'empty'), (['start', '--command', 'sixteen-letters-'], '15'),
        (['regions', '--top', '-3'], '-3'), (['regions', '--rate', '5'], '5'), (['regions', '--width', '3'], '3'),
        (['heatmap', '--follow', '-i', 'x'], 'follow'), (['record', 'x'], '-o'), (['stop'], 'monitor'),
        (['run'], 'command'), (['run', '--'], 'command'), (['regions', '-i'], 'value'),
        (['start', '--pid', '1', '--name', ''], 'empty')):
      with self.subTest(arguments=arguments):
        self.assert_refused(self.ctl(self.server, *arguments), 2, pattern)
    bare = self.ctl(self.server)
    self.assertEqual(bare.returncode, 2)
    self.assertIn('usage', bare.stderr)

  def test_what_the_daemon_refuses(self):
    nothing = self.ctl(self.server, 'regions')
    self.assert_refused(nothing, 5, 'udamonctl start')
    self.start_sim('one')
    for arguments, code, pattern in (
        (['regions', 'two'], 5, "'two'.*one"), (['wss', 'two'], 5, 'one'), (['stop', 'two'], 5, 'one'),
        (['start', '--pid', '1', '--source', 'sim', '--name', 'one'], 1, 'one'),
        (['start', '--pid', '4194303'], 5, 'no process 4194303'),
        (['start', '--pid', '2', '--source', 'referenced'], 5, 'kernel thread'),
        (['start', '--pid', '1', '--source', 'sim', '--pattern', self.path('none')], 1, 'No such file'),
        (['start', '--pid', '1', '--source', 'sim', '--pattern', write(self.path('bad'), 'area x 1GiB\nfase 1s\n')], 1, 'line 2'),
        (['record', 'two', '-o', self.path('x.db')], 5, 'one'),
        # limits that only the daemon knows
        (['start', '--pid', '1', '--name', '-x'], 1, 'name'), (['start', '--pid', '1', '--name', 'a b'], 1, 'name'),
        (['start', '--pid', '1', '--regions', '2,30'], 1, 'at least 3'),
        (['start', '--pid', '1', '--regions', '10,99999999'], 1, 'regions'),
        (['start', '--pid', '1', '--max-region', '1B'], 1, '4KiB'),
        (['start', '--pid', '1', '--sample', '30h', '--aggregate', '30h'], 1, '1d')):
      with self.subTest(arguments=arguments):
        self.assert_refused(self.ctl(self.server, *arguments), code, pattern)
    self.assertFalse(os.path.exists(self.path('x.db')))
    self.start_sim('two')
    self.assert_refused(self.ctl(self.server, 'regions'), 2, 'one, two')

  def test_no_snapshot_yet(self):
    with self.server.connect() as link:
      link.start('slow', **{**SIM, 'aggregate_ns': 3_600_000_000_000})
    for verb in 'regions', 'idle', 'heatmap':
      self.assert_refused(self.ctl(self.server, verb, 'slow', '--no-wait'), 5, 'first window closes in about')
    self.assert_refused(self.ctl(self.server, 'wss', 'slow'), 5, 'no window')

  def test_no_daemon(self):
    for arguments in ['status'], ['start', '--pid', '1'], ['regions'], ['record', '-o', self.path('x.db')]:
      self.assert_refused(self.ctl(None, *arguments), 3, 'start one as root with .udamond --socket .*udamonctl run')
    write(self.path('plain'), '')
    self.assert_refused(self.ctl(None, 'status', '--socket', self.path('plain')), 3, 'not a socket|refused')
    self.assert_refused(self.ctl(None, 'status', '--socket', '/' + 'x' * 200), 3, 'too long')
    self.assert_refused(self.ctl(None, 'run', '--', 'true', env={'UDAMOND': self.path('none')}), 125, 'UDAMOND')
    # what this machine can do is told without one
    self.assertEqual(self.ctl(None, 'check').returncode, 0)
    self.assertTrue(json.loads(self.ctl(None, 'check', '--json').stdout)['private'])

  @needs_root
  def test_not_permitted(self):
    nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    self.assert_refused(self.ctl(self.server, 'status', prefix=nobody), 4, 'udamon-read')
    os.chmod(self.server.socket, 0o666)
    for arguments in ['start', '--pid', '1'], ['stop', 'x'], ['check']:
      self.assert_refused(self.ctl(self.server, *arguments, prefix=nobody), 4, 'udamon-read')
    # who is no reader knows of nothing but what watches processes of his
    self.start_sim()
    for arguments in ['regions'], ['wss'], ['regions', 'demo']:
      self.assertNotEqual(self.ctl(self.server, *arguments, prefix=nobody).returncode, 0)
    self.assertEqual(json.loads(self.ctl(self.server, 'status', '--json', prefix=nobody).stdout)['runtime']['monitors'], [])

  def test_the_daemon_goes_away(self):
    self.start_sim()
    arguments = [harness.udamonctl, 'heatmap', 'demo', '--follow', '--socket', self.server.socket]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
      follower.stdout.readline()
      self.server.process.terminate()
      _, said = follower.communicate(timeout=harness.PATIENCE)
    self.assertIn(follower.returncode, (0, 3), said)
    self.assertLessEqual(said.count('\n'), 1, said)

  def test_no_color(self):
    self.start_sim()
    coloured = self.ctl(self.server, 'heatmap', 'demo', '--color', 'always')
    self.assertIn('\x1b[', coloured.stdout)
    for environment in {}, {'NO_COLOR': '1'}:
      with_terminal = self.on_terminal('heatmap', 'demo', environment=environment)
      self.assertEqual('\x1b[' in with_terminal, 'NO_COLOR' not in environment, with_terminal)
    self.assertIn('\x1b[', self.on_terminal('heatmap', 'demo', '--color', 'always', environment={'NO_COLOR': '1'}))

  def on_terminal(self, *arguments, environment):
    ours, theirs = os.openpty()
    process = subprocess.Popen([harness.udamonctl, *arguments, '--socket', self.server.socket], stdout=theirs,
                               env={**os.environ, 'TERM': 'xterm-256color', 'SYSTEMD_PAGER': '', **environment})
    os.close(theirs)
    text = b''
    try:
      while data := os.read(ours, 65536):
        text += data
    except OSError:
      pass  # EIO: the other side has closed
    os.close(ours)
    self.assertEqual(process.wait(), 0)
    return text.decode()

  def test_closed_standard_output(self):
    self.start_sim(min_regions=500)
    for arguments in ['regions', 'demo'], ['regions', 'demo', '--json'], ['heatmap', 'demo', '--follow']:
      with subprocess.Popen([harness.udamonctl, *arguments, '--socket', self.server.socket], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode()
        self.assertIn(process.wait(harness.PATIENCE), (-signal.SIGPIPE, 0, 1))
        self.assertLessEqual(said.count('\n'), 1)
        self.assertNotRegex(said, 'Sanitizer')
    with open('/dev/full', 'wb') as full:
      for arguments in ['regions', 'demo'], ['status', '--json'], ['regions', 'demo', '--json'], ['check'], ['wss', 'demo']:
        result = self.ctl(self.server, *arguments, capture_output=False, stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 1, arguments)
        self.assertEqual(result.stderr.count('\n'), 1, result.stderr)


class Run(Case):
  """udamonctl run, which needs no daemon."""

  def run_sim(self, *arguments, **options):
    return self.ctl(None, 'run', *RUN_SIM, *arguments, **options)

  def test_status_is_that_of_the_command(self):
    for script, code in (('exit 0', 0), ('exit 3', 3), ('exit 125', 125), ('kill -TERM $$', 143), ('kill -9 $$', 137)):
      result = self.run_sim('--', 'sh', '-c', f'sleep 0.2; {script}')
      self.assertEqual(result.returncode, code, result.stderr)
    self.assertEqual(self.run_sim('--', self.path('no-such-program')).returncode, 127)
    self.assertEqual(self.run_sim('--', write(self.path('no-program'), 'x')).returncode, 126)
    self.assertEqual(self.run_sim('--', self.directory).returncode, 126)

  def test_output_is_that_of_the_command(self):
    result = self.run_sim('--', 'sh', '-c', 'echo out; echo err >&2; sleep 0.2; cat')
    self.assertEqual(result.stdout, 'out\n')
    self.assertIn('err\n', result.stderr)
    result = self.run_sim('--json', '--', 'sh', '-c', 'echo out; sleep 0.3')
    self.assertTrue(json.loads(result.stdout))
    self.assertIn('out\n', result.stderr)
    report = self.path('report')
    result = self.run_sim('--report', report, '--', 'sleep', '0.3')
    self.assertEqual(result.stderr, '')
    self.assertTrue(read(report).strip())

  def test_short_commands(self):
    for command in ['true'], ['sh', '-c', 'exit 7']:
      result = self.run_sim('--', *command)
      self.assertEqual(result.returncode, 7 if len(command) > 1 else 0, result.stderr)

  def test_odd_names(self):
    """A command's name need not be a monitor's name."""
    for name in 'a b', 'x=1', '[', '-x', 'n' * 100, '\u65e5\u672c', "it's", '~', 'tab\tbed', '\udcff':
      with self.subTest(name=name):
        program = self.path(name)
        if not os.path.lexists(program):
          os.symlink('/bin/sh', program)
        result = self.run_sim('--', program, '-c', 'sleep 0.2; exit 9')
        self.assertEqual(result.returncode, 9, result.stderr)

  @needs_root
  def test_real_command(self):
    file = self.path('run.db')
    result = self.ctl(None, 'run', '--source', 'referenced', '--sample', '100ms', '--aggregate', '200ms',
                      '--record', file, '--', 'timeout', '2', harness.mapper, 'hold', 8 * MIB)
    self.assertEqual(result.returncode, 124, result.stderr)
    with sqlite3.connect(file) as db:
      commands = {c for (c,) in db.execute('SELECT command FROM target')}
      peak = db.execute('SELECT max(ws_bytes) FROM snapshot').fetchone()[0]
      self.assertEqual(db.execute('PRAGMA integrity_check').fetchone()[0], 'ok')
    self.assertIn('mapper', {os.path.basename(harness.mapper)} & commands or commands)
    self.assertGreaterEqual(peak, 8 * MIB)
    for verb in 'regions', 'heatmap', 'wss', 'idle':
      shown = self.ctl(None, verb, '-i', file)
      self.assertEqual(shown.returncode, 0, shown.stderr)
      self.assertTrue(shown.stdout.strip())

  def test_recording(self):
    file = self.path('run.db')
    self.assertEqual(self.run_sim('--record', file, '--', 'sleep', '0.7').returncode, 0)
    for verb in 'regions', 'heatmap', 'wss', 'idle':
      shown = self.ctl(None, verb, '-i', file)
      self.assertEqual(shown.returncode, 0, shown.stderr)
      self.assertTrue(shown.stdout.strip())
      self.assertTrue(json.loads(self.ctl(None, verb, '-i', file, '--json').stdout))
    self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
    # an existing file is not replaced unasked, and the command is not run then
    marker = self.path('marker')
    self.assert_refused(self.run_sim('--record', file, '--', 'touch', marker), 125, '--force')
    self.assertFalse(os.path.exists(marker))
    self.assertEqual(self.run_sim('--record', file, '--force', '--', 'sleep', '0.3').returncode, 0)
    self.assert_refused(self.run_sim('--record', self.path('no/such/dir.db'), '--', 'true'), 125, 'No such file')

  def test_recording_that_is_none(self):
    self.assert_refused(self.ctl(None, 'wss', '-i', self.path('none.db')), 5, 'none.db')
    self.assert_refused(self.ctl(None, 'wss', '-i', write(self.path('text'), 'not a database' * 100)), 1, 'not a recording')
    self.assert_refused(self.ctl(None, 'wss', '-i', write(self.path('empty'), '')), 1, 'not a recording')
    self.assert_refused(self.ctl(None, 'wss', '-i', self.directory), 1, os.path.basename(self.directory))
    other = self.path('other.db')
    with sqlite3.connect(other) as db:
      db.execute('CREATE TABLE t(x)')
    self.assert_refused(self.ctl(None, 'wss', '-i', other), 1, 'recording')

  def test_recording_survives_kill(self):
    file = self.path('run.db')
    environment = {**os.environ, 'UDAMOND': harness.udamond}
    process = subprocess.Popen([harness.udamonctl, 'run', *RUN_SIM, '--record', file, '--', 'sleep', '60'], env=environment,
                               stderr=subprocess.DEVNULL)
    self.targets.append(process)

    def count():
      try:
        with sqlite3.connect(f'file:{file}?mode=ro', uri=True) as db:
          return db.execute('SELECT count(*) FROM snapshot').fetchone()[0]
      except sqlite3.Error:
        return 0
    before = wait_for(lambda: (n := count()) > 5 and n, 'snapshots in the file')
    children = [int(p) for p in read(f'/proc/{process.pid}/task/{process.pid}/children').split()]
    self.end(process)
    self.assertGreaterEqual(count(), before)
    shown = self.ctl(None, 'wss', '-i', file)
    self.assertEqual(shown.returncode, 0, shown.stderr)
    self.assertEqual(self.ctl(None, 'heatmap', '-i', file).returncode, 0)

    # the private daemon ends with its connection; the command is not ours to end
    def comm(pid):
      try:
        return read(f'/proc/{pid}/comm').strip()
      except OSError:
        return None
    wait_for(lambda: 'udamond' not in [comm(p) for p in children], 'the end of the private daemon')
    for pid in children:
      if comm(pid) == 'sleep':
        os.kill(pid, signal.SIGKILL)

  def assert_run_goes_on(self, result, file):
    self.assertEqual(result.stdout, 'finished\n')
    self.assertEqual(result.stderr.count('recording stops after'), 1, result.stderr)
    self.assertEqual(result.returncode, 125, result.stderr)
    shown = self.ctl(None, 'wss', '-i', file)
    self.assertEqual(shown.returncode, 0, shown.stderr)

  def test_file_may_not_grow(self):
    file = self.path('run.db')
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 10, 256 << 10))  # noqa: E731
    result = self.run_sim('--regions', '300,400', '--record', file, '--', 'sh', '-c', 'sleep 3; echo finished',
                          preexec_fn=limit)
    self.assert_run_goes_on(result, file)

  @needs_root
  def test_full_disk(self):
    mount = self.path('full')
    os.mkdir(mount)
    # what is left is looked at inside of the private mount namespace, too
    script = f'mount -t tmpfs -o size=1M none {mount} || exit 77\n' \
             f'"$UDAMONCTL" run {" ".join(RUN_SIM)} --regions 300,400 --cpu-limit none --record {mount}/r.db -- ' \
             'sh -c "sleep 3; echo finished"\n' \
             f'code=$?; "$UDAMONCTL" wss -i {mount}/r.db >&2 || exit 99; exit $code'
    result = subprocess.run(['unshare', '-m', 'sh', '-c', script], capture_output=True, text=True, check=False,
                            timeout=60, env={**os.environ, 'UDAMONCTL': harness.udamonctl, 'UDAMOND': harness.udamond})
    if result.returncode == 77 or 'unshare failed' in result.stderr:
      self.skipTest('no private mounts here')
    self.assertEqual(result.stdout, 'finished\n')
    self.assertEqual(result.stderr.count('recording stops after'), 1, result.stderr)
    self.assertEqual(result.returncode, 125, result.stderr)

  def test_signals_are_passed_on(self):
    process = subprocess.Popen([harness.udamonctl, 'run', *RUN_SIM, '--', 'sh', '-c',
                                'trap "echo got; exit 4" TERM; echo ready; while :; do sleep 0.1; done'], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, env={**os.environ, 'UDAMOND': harness.udamond})
    self.targets.append(process)
    self.assertEqual(process.stdout.readline(), b'ready\n')
    process.terminate()
    self.assertEqual(process.stdout.readline(), b'got\n')
    self.assertEqual(process.wait(harness.PATIENCE), 4)

  def test_the_private_daemon_dies(self):
    process = subprocess.Popen([harness.udamonctl, 'run', *RUN_SIM, '--', 'sh', '-c', 'sleep 2; echo finished'],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, 'UDAMOND': harness.udamond})
    self.targets.append(process)

    def daemon():
      children = read(f'/proc/{process.pid}/task/{process.pid}/children').split()
      return next((int(p) for p in children if read(f'/proc/{p}/comm') == 'udamond\n'), None)
    pid = wait_for(daemon, 'the private daemon')
    time.sleep(0.5)
    os.kill(pid, signal.SIGKILL)
    out, said = process.communicate(timeout=harness.PATIENCE)
    self.assertEqual(out, b'finished\n')
    self.assertEqual(process.returncode, 125, said)
    self.assertEqual(said.count(b'closed the connection'), 1, said)

  @needs_root
  def test_unprivileged_run(self):
    nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    result = self.ctl(None, 'run', '--source', 'sim', *FAST, '--', 'sleep', '0.3', prefix=nobody)
    self.assertEqual(result.returncode, 0, result.stderr)
    result = self.ctl(None, 'run', '--source', 'referenced', '--', 'sleep', '0.3', prefix=nobody)
    self.assertIn(result.returncode, (0, 125), result.stderr)


class Disk(Case):
  """`record` against the system's daemon, which must not notice."""

  def test_record_to_a_file_that_may_not_grow(self):
    server = self.daemon()
    with server.connect() as link:
      link.start('demo', **{**SIM, 'min_regions': 500})
      self.snapshot(link, 'demo')
    file = self.path('r.db')
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 10, 256 << 10))  # noqa: E731
    result = self.ctl(server, 'record', 'demo', '-o', file, '--duration', '10s', preexec_fn=limit)
    self.assertEqual(result.returncode, 1, result.stderr)
    self.assertEqual(result.stderr.count('recording stops after'), 1, result.stderr)
    self.assertEqual(self.ctl(server, 'wss', '-i', file).returncode, 0)
    with server.connect() as link:
      self.assertEqual(link.monitor('demo')['runtime']['state'], 'running')


if __name__ == '__main__':
  main()
