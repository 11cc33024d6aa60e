#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Targets: by pid and name, forks, execs, ends, reused pids, other pid namespaces, and maps that keep changing."""
import os
import signal
import subprocess
import sys
import textwrap
import time

import harness
from harness import REAL, Case, descriptors, main, needs_root, read, status, wait_for

MIB = 1 << 20


def pids(snapshot):
  return sorted(t['pid'] for t in snapshot['targets'] if t['state'] == 'running')


def target_of(holder, pid):
  return next((t for t in holder['targets'] if t['pid'] == pid), None)


@needs_root
class Targets(Case):

  def setUp(self):
    super().setUp()
    self.server = self.daemon('--log-level', 'debug')
    self.link = self.link_to(self.server)

  def child(self, process):
    """Lets a mapper fork, and returns the pid of the child."""
    os.kill(process.pid, signal.SIGUSR2)
    return int(process.stdout.readline().split()[1])

  def test_pid(self):
    process = self.target('hold', 8 * MIB)
    before = descriptors(self.server.pid)
    name = self.link.start(targets=[{'pid': process.pid}], **REAL)
    self.assertEqual(name, 'mapper')
    seen = self.snapshot(self.link, name, lambda s: s['working_set']['bytes'] >= 8 * MIB)
    self.assertEqual([t['command'] for t in seen['targets']], ['mapper'])
    self.assertGreaterEqual(seen['targets'][0]['resident_bytes'], 8 * MIB)
    self.assertEqual(seen['source'], 'referenced')
    self.assertEqual(seen['granularity'], 'mapping')
    self.assertLess(seen['working_set']['bytes'], 16 * MIB)
    self.link.call('StopMonitor', {'name': name})
    self.assert_keeps_descriptors(self.server, before)

  def test_command_before_and_after(self):
    first = self.target('hold', MIB, name='udt-command')
    name = self.link.start(targets=[{'command': 'udt-command'}], **REAL)
    self.assertEqual(name, 'udt-command')
    self.snapshot(self.link, name, lambda s: pids(s) == [first.pid])
    second = self.target('hold', MIB, name='udt-command')
    self.snapshot(self.link, name, lambda s: pids(s) == sorted([first.pid, second.pid]))

    # all of them go: it waits for the next one
    self.end(first)
    self.end(second)
    state = wait_for(lambda: (m := self.link.monitor(name))['runtime']['state'] == 'waiting' and m, 'the state waiting')
    self.assertIn('message', state['runtime'])
    third = self.target('hold', MIB, name='udt-command')
    self.snapshot(self.link, name, lambda s: pids(s) == [third.pid])
    self.assertEqual(self.link.monitor(name)['runtime']['state'], 'running')

  def test_what_entries_found(self):
    process = self.target('hold', 8 * MIB, name='udt-glob-a')
    name = self.link.start(targets=[{'command': 'udt-glob-*', 'min_rss_bytes': 4 * MIB}, {'command': 'udt-nobody'}], **REAL)
    self.assertEqual(name, 'udt-glob-_')
    self.snapshot(self.link, name, lambda s: pids(s) == [process.pid])
    told = self.link.call('GetTargets', {'name': name})['monitors'][0]
    self.assertEqual(told['entries'][0], {'spec': {'command': 'udt-glob-*', 'min_rss_bytes': 4 * MIB, 'children': True},
                                          'targets': 1, 'found': 1, 'ended': 0, 'left': 0})
    self.assertEqual(told['entries'][1]['waits_for'], 'no such process runs')
    target = told['targets'][0]
    self.assertEqual((target['pid'], target['entry'], target['child'], target['uid'], target['state']), (process.pid, 0, False, 0, 'running'))
    self.assertGreaterEqual(target['resident_bytes'], 8 * MIB)
    self.assertLessEqual(target['working_set_bytes'], target['resident_bytes'] + 64 * MIB)
    shown = self.ctl(self.server, 'targets', name)
    self.assertEqual(shown.returncode, 0, shown.stderr)
    self.assertRegex(shown.stdout, r'entry 0: command udt-glob-\*, min_rss 4MiB: 1 of 1 found')
    self.assertRegex(shown.stdout, rf'{process.pid} udt-glob-a ')
    self.end(process)
    wait_for(lambda: self.link.monitor(name)['runtime']['state'] == 'waiting', 'the state waiting')
    entry = self.link.call('GetTargets')['monitors'][0]['entries'][0]
    self.assertEqual((entry['targets'], entry['ended']), (0, 1))
    self.assert_error('NoSuchMonitor', self.link.call, 'GetTargets', {'name': 'nobody'})

  def test_targets_that_cannot_be_meant(self):
    cases = [({'unit': 'ssh'}, "did you mean 'ssh.service'"), ({'unit': 'a@.service'}, 'a template'), ({'unit': 'a.timer'}, 'no processes'),
             ({'cgroup': 'web'}, "must begin with '/'"), ({'cgroup': '/a/../b'}, "'..'"), ({'user': 'a:b'}, 'neither a user'),
             ({'user': '4294967295'}, 'neither a user'), ({'min_rss_bytes': 1}, 'stands for every process'),
             ({'pid': 1, 'user': 'root'}, 'no place beside it'), ({'command': 'x' * 16 + '*'}, 'longer than')]
    for spec, pattern in cases:
      parameters = self.assert_error('RequestInvalid', self.link.start, targets=[spec], **REAL)
      self.assertIn(pattern, parameters['reason'])

  def test_command_that_does_not_run_yet(self):
    name = self.link.start(targets=[{'command': 'udt-later'}], **REAL)
    self.assertEqual(self.link.monitor(name)['runtime']['state'], 'waiting')
    self.assert_error('NoSnapshotYet', self.link.call, 'GetSnapshot', {'name': name})
    process = self.target('hold', MIB, name='udt-later')
    self.snapshot(self.link, name, lambda s: pids(s) == [process.pid])

  def test_children_are_followed(self):
    process = self.target('hold', MIB)
    name = self.link.start(targets=[{'pid': process.pid}], **REAL)
    child = self.child(process)
    self.snapshot(self.link, name, lambda s: pids(s) == sorted([process.pid, child]))
    os.kill(child, signal.SIGUSR2)
    grandchild = int(process.stdout.readline().split()[1])
    everyone = sorted([process.pid, child, grandchild])
    seen = self.snapshot(self.link, name, lambda s: pids(s) == everyone)
    self.assertEqual(len({t['id'] for t in seen['targets']}), 3)

    # one of several goes, in the middle of the tree; the others are watched on
    os.kill(child, signal.SIGKILL)
    self.snapshot(self.link, name, lambda s: pids(s) == sorted([process.pid, grandchild]))
    os.kill(grandchild, signal.SIGKILL)
    self.snapshot(self.link, name, lambda s: pids(s) == [process.pid])
    self.assertEqual(self.server.said(rf'\(pid {child}\) has ended'), 1)

  def test_a_child_has_the_idle_memory_of_its_parent(self):
    process = self.target('keep', 8 * MIB)
    kept, anew = (int(process.stdout.readline().split()[1]) for _ in range(2))
    name = self.link.start(targets=[{'pid': process.pid}], **REAL)

    def ages(snapshot, pid, start):
      """Of the region that is this area."""
      target = target_of(snapshot, pid)
      mine = [r for r in snapshot['regions'] if target and r['target'] == target['id']]
      return [r['age_ns'] / 1e9 for r in mine if (r['start'], r['end']) == (start, start + 8 * MIB)]

    def is_aged(snapshot):
      return all(ages(snapshot, process.pid, start) and min(ages(snapshot, process.pid, start)) > 3 for start in (kept, anew))

    self.snapshot(self.link, name, is_aged)
    began = time.monotonic()
    child = self.child(process)
    seen = self.snapshot(self.link, name, lambda s: ages(s, child, kept) and ages(s, child, anew))
    since = time.monotonic() - began
    self.assertGreater(min(ages(seen, child, kept)), 3)
    self.assertLessEqual(max(ages(seen, child, anew)), since)
    os.kill(child, signal.SIGKILL)

  def test_a_restart_begins_anew(self):
    """What restarts has other memory, and its monitor goes on."""
    process = self.target('keep', 8 * MIB, name='udt-restart')
    name = self.link.start(targets=[{'command': 'udt-restart'}], **REAL)
    old = self.snapshot(self.link, name, lambda s: max((r['age_ns'] for r in s['regions']), default=0) > 3e9)
    self.end(process)
    began = time.monotonic_ns()
    again = self.target('keep', 8 * MIB, name='udt-restart')
    seen = self.snapshot(self.link, name, lambda s: target_of(s, again.pid) and not target_of(s, process.pid))
    self.assertLessEqual(max(r['age_ns'] for r in seen['regions']), time.monotonic_ns() - began)
    self.assertGreater(seen['sequence'], old['sequence'])
    self.assertNotEqual(target_of(seen, again.pid)['id'], target_of(old, process.pid)['id'])
    entry = self.link.call('GetTargets', {'name': name})['monitors'][0]['entries'][0]
    self.assertEqual((entry['found'], entry['ended'], entry['targets']), (2, 1, 1))

  def test_children_are_left_alone_on_demand(self):
    process = self.target('hold', MIB)
    name = self.link.start(targets=[{'pid': process.pid, 'children': False}], **REAL)
    child = self.child(process)
    time.sleep(1.5)
    self.assertEqual(pids(self.snapshot(self.link, name)), [process.pid])
    os.kill(child, signal.SIGKILL)

  def test_many_children(self):
    process = self.target('hold', 64 << 10)
    name = self.link.start(targets=[{'pid': process.pid}], **REAL)
    children = [self.child(process) for _ in range(20)]
    self.snapshot(self.link, name, lambda s: pids(s) == sorted([process.pid, *children]))
    before = descriptors(self.server.pid)
    for child in children:
      os.kill(child, signal.SIGKILL)
    self.snapshot(self.link, name, lambda s: pids(s) == [process.pid])
    self.assertLess(descriptors(self.server.pid), before)

  def test_exec_begins_anew(self):
    other = self.path('udt-other')
    os.symlink(harness.mapper, other)
    process = self.target('hold', 4 * MIB, other, 'hold', str(2 * MIB))
    name = self.link.start(targets=[{'pid': process.pid}], **REAL)
    aged = self.snapshot(self.link, name, lambda s: max((r['age_ns'] for r in s['regions']), default=0) >= 1e9)
    self.assertEqual(target_of(aged, process.pid)['address_space'], 1)

    began = time.monotonic_ns()
    process.send_signal(signal.SIGUSR1)
    self.assertEqual(process.stdout.readline(), b'pid %d\n' % process.pid)
    seen = self.snapshot(self.link, name, lambda s: target_of(s, process.pid)['address_space'] == 2)
    wait_for(lambda: target_of(self.link.monitor(name)['runtime'], process.pid)['command'] == 'udt-other', 'the new name')
    self.assertLessEqual(max((r['age_ns'] for r in seen['regions']), default=0), time.monotonic_ns() - began)
    self.assertEqual(target_of(seen, process.pid)['id'], target_of(aged, process.pid)['id'])
    # the new program's memory is seen, the old one's is not
    seen = self.snapshot(self.link, name, lambda s: s['working_set']['bytes'] >= 2 * MIB)
    self.assertLess(seen['working_set']['bytes'], 4 * MIB)
    self.assertEqual(target_of(seen, process.pid)['command'], 'udt-other')

  def test_exec_in_a_child(self):
    other = self.path('udt-inner')
    os.symlink(harness.mapper, other)
    process = self.target('hold', MIB, other, 'hold', str(MIB))
    name = self.link.start(targets=[{'pid': process.pid}], **REAL)
    child = self.child(process)
    self.snapshot(self.link, name, lambda s: pids(s) == sorted([process.pid, child]))
    os.kill(child, signal.SIGUSR1)
    seen = self.snapshot(self.link, name, lambda s: target_of(s, child) and target_of(s, child)['command'] == 'udt-inner')
    self.assertEqual(target_of(seen, child)['address_space'], 2)
    self.assertEqual(target_of(seen, process.pid)['address_space'], 1)
    self.assertEqual(target_of(seen, process.pid)['command'], 'mapper')
    os.kill(child, signal.SIGKILL)

  def test_the_end_of_all_ends_the_stream(self):
    process = self.target('hold', MIB)
    name = self.link.start(targets=[{'pid': process.pid}], **REAL)
    with self.server.connect() as stream:
      stream.send('GetSnapshot', {'name': name}, more=True)
      self.assertTrue(stream.receive()['continues'])
      before = descriptors(self.server.pid)
      self.end(process)
      messages = []
      while not messages or messages[-1].get('continues'):
        messages.append(stream.receive())
      last = messages[-1]['parameters']['snapshot']
      self.assertNotIn('error', messages[-1])
      self.assertEqual([t['state'] for t in last['targets']], ['ended'])
      self.assertLess(descriptors(self.server.pid), before)
      # the connection lives on
      stream.call('GetStatus')
    state = self.link.monitor(name)['runtime']
    self.assertEqual(state['state'], 'ended')
    self.assertIn('message', state)
    # what was learned stays until it is stopped
    self.assertGreater(self.link.call('GetSnapshot', {'name': name})['snapshot']['sequence'], 0)
    self.assertTrue(self.link.call('GetHistory', {'name': name})['points'])
    self.assertEqual(self.server.said(r'ended: all targets have ended'), 1)
    self.link.call('StopMonitor', {'name': name})

  def test_killed_before_the_first_window_closes(self):
    process = self.target('hold', MIB)
    name = self.link.start(targets=[{'pid': process.pid}], **{**REAL, 'aggregate_ns': 1_000_000_000})
    self.end(process)
    wait_for(lambda: self.link.monitor(name)['runtime']['state'] == 'ended', 'the end')
    # a client does not wait for ever for a snapshot that cannot come
    shown = self.ctl(self.server, 'regions', name)
    self.assertIn(shown.returncode, (0, 5), shown.stderr)

  def test_stopped_target_ages(self):
    process = self.target('hold', 4 * MIB)
    name = self.link.start(targets=[{'pid': process.pid}], **REAL)
    self.snapshot(self.link, name, lambda s: s['working_set']['bytes'] >= 4 * MIB)
    process.send_signal(signal.SIGSTOP)
    # its own memory; the shared pages of the C library may be found referenced by others
    largest = lambda s: max(s['regions'], key=lambda r: r['end'] - r['start'])  # noqa: E731
    idle = self.snapshot(self.link, name, lambda s: largest(s)['hits'] == 0 and largest(s)['age_ns'] > 1e9)
    later = self.snapshot(self.link, name, lambda s: s['sequence'] >= idle['sequence'] + 2)
    self.assertGreater(largest(later)['age_ns'], largest(idle)['age_ns'])
    self.assertEqual(largest(later)['hits'], 0)
    self.assertEqual(self.link.monitor(name)['runtime']['state'], 'running')
    process.send_signal(signal.SIGCONT)
    self.snapshot(self.link, name, lambda s: s['working_set']['bytes'] >= 4 * MIB)

  def test_target_in_another_pid_namespace(self):
    process = subprocess.Popen(['unshare', '-p', '-f', '--kill-child', harness.mapper, 'hold', str(4 * MIB)],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    self.targets.append(process)
    if process.stdout.readline() != b'pid 1\n':
      self.skipTest('no pid namespaces here')
    inner = int(read(f'/proc/{process.pid}/task/{process.pid}/children').split()[0])
    name = self.link.start(targets=[{'pid': inner}], **REAL)
    self.snapshot(self.link, name, lambda s: pids(s) == [inner] and s['working_set']['bytes'] >= 4 * MIB)
    os.kill(inner, signal.SIGKILL)
    wait_for(lambda: self.link.monitor(name)['runtime']['state'] == 'ended', 'the end')
    process.wait()

  def test_unmaps_everything_and_maps_again(self):
    if os.uname().machine != 'x86_64':
      self.skipTest('the mapper unmaps everything on x86_64 only')
    process = self.target('strip', 4 * MIB, env={**os.environ, 'GLIBC_TUNABLES': 'glibc.pthread.rseq=0'})
    name = self.link.start(targets=[{'pid': process.pid}], **REAL)
    self.snapshot(self.link, name, lambda s: s['working_set']['total'] >= 4 * MIB)
    gone = self.snapshot(self.link, name, lambda s: s['working_set']['total'] < 4 * MIB)
    self.assertEqual(pids(gone), [process.pid])
    self.assertEqual(process.stdout.readline(), b'again 1\n')
    back = self.snapshot(self.link, name, lambda s: s['working_set']['bytes'] >= 4 * MIB)
    self.assertEqual(target_of(back, process.pid)['address_space'], 1)
    self.assertEqual(self.link.monitor(name)['runtime']['state'], 'running')

  def test_maps_and_unmaps_100000_areas(self):
    process = self.target('churn', 100_000)
    name = self.link.start(targets=[{'pid': process.pid}], max_regions=200, **REAL)
    self.snapshot(self.link, name)
    warm, began = status(self.server.pid, 'VmRSS'), time.monotonic()
    cpu = self.link.call('GetStatus')['runtime']['cpu_ns']
    peak = most = 0
    done = False
    while not done and time.monotonic() - began < 3 * harness.PATIENCE:
      peak = max(peak, status(self.server.pid, 'VmRSS'))
      runtime = self.link.monitor(name)['runtime']
      self.assertEqual(runtime['state'], 'running', runtime)
      most = max(most, runtime['regions'])
      os.set_blocking(process.stdout.fileno(), False)
      done = b'done' in (process.stdout.read() or b'')
      time.sleep(0.1)
    self.assertTrue(done)
    seconds = time.monotonic() - began
    share = (self.link.call('GetStatus')['runtime']['cpu_ns'] - cpu) / seconds / 1e9
    print(f'100,000 areas in {seconds:.1f} s: RSS {warm} to {peak} KiB, {share:.1%} of a CPU, at most {most} regions')
    self.assertLessEqual(most, 200)
    if not harness.sanitized:
      self.assertLess(peak - warm, 2048)
    # the whole map is read at each sample; the share says that it does not grow without bound
    self.assertLess(share, 0.5)

  def test_a_map_of_many_areas(self):
    process = self.target('many', 20_000)
    name = self.link.start(targets=[{'pid': process.pid}], max_regions=100, **REAL)
    seen = self.snapshot(self.link, name)
    self.assertLessEqual(len(seen['regions']), 100)
    self.assertGreaterEqual(seen['working_set']['total'], 20_000 * 4 * 4096)

  def test_what_cannot_be_watched(self):
    cases = [(0, 'RequestInvalid', 'pid'), (-5, 'RequestInvalid', 'pid'), (1 << 40, 'RequestInvalid', 'pid'),
             (2, 'TargetInvalid', 'kernel thread'), (4194303, 'TargetInvalid', 'no process')]
    before = descriptors(self.server.pid)
    for pid, name, pattern in cases:
      parameters = self.assert_error(name, self.link.start, targets=[{'pid': pid}], **REAL)
      self.assertIn(pattern, parameters['reason'])
    dead = subprocess.Popen(['true'])
    wait_for(lambda: ') Z ' in read(f'/proc/{dead.pid}/stat'), 'a zombie')
    parameters = self.assert_error('TargetInvalid', self.link.start, targets=[{'pid': dead.pid}], **REAL)
    self.assertIn('no process', parameters['reason'])
    dead.wait()
    self.assert_error('RequestInvalid', self.link.start, targets=[], **REAL)
    self.assert_error('RequestInvalid', self.link.start, targets=[{'pid': 1, 'command': 'x'}], **REAL)
    self.assert_error('RequestInvalid', self.link.start, targets=[{'children': True}], **REAL)
    self.assertEqual(self.link.call('GetStatus')['runtime']['monitors'], [])
    self.assert_keeps_descriptors(self.server, before)

  def test_a_thread_is_not_called_a_kernel_thread(self):
    code = 'import threading, time; t = threading.Thread(target=time.sleep, args=(60,)); t.start(); ' \
           'print(t.native_id, flush=True)'
    process = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE)
    self.targets.append(process)
    thread = int(process.stdout.readline())
    parameters = self.assert_error('TargetInvalid', self.link.start, targets=[{'pid': thread}], **REAL)
    self.assertNotIn('kernel thread', parameters['reason'])
    self.assertIn(f'process {process.pid}', parameters['reason'])

  def test_the_same_pid_twice_is_one_target(self):
    process = self.target('hold', MIB)
    name = self.link.start(targets=[{'pid': process.pid}, {'pid': process.pid}], **REAL)
    self.assertEqual(pids(self.snapshot(self.link, name)), [process.pid])

  def test_a_command_name_that_no_process_can_have(self):
    self.assert_error('RequestInvalid', self.link.start, targets=[{'command': 'sixteen-letters-'}], **REAL)
    self.assert_error('RequestInvalid', self.link.start, targets=[{'command': ''}], **REAL)

  def test_odd_command_names(self):
    """What a process calls itself reaches a client as valid UTF-8 and without breaking names."""
    for comm in 'a b (c) d', '\udcff\udcfe)', 'new\nline', '"\\ ) R 1', '-x', '\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e':
      with self.subTest(comm=comm):
        process = self.target('hold', 64 << 10, name=comm)
        name = self.link.start(targets=[{'pid': process.pid}], **REAL)
        self.assertTrue(name)
        seen = self.snapshot(self.link, name)
        self.assertEqual(pids(seen), [process.pid])
        parameters = self.assert_error('NoSuchMonitor', self.link.call, 'GetSnapshot', {'name': 'udt-none'})
        self.assertIn(name, parameters['monitors'])
        status_shown = self.ctl(self.server, 'status')
        self.assertEqual(status_shown.returncode, 0, status_shown.stderr)
        self.assertNotIn('new\nline', status_shown.stdout)
        # the name that was made up can be typed again
        self.assertEqual(self.ctl(self.server, 'regions', name).returncode, 0)
        self.assertEqual(self.ctl(self.server, 'stop', name).returncode, 0)
        self.end(process)


# Runs as a script in a new pid namespace with a /proc of its own; says what happened on standard output.
REUSE = textwrap.dedent('''\
    import os, signal, subprocess, sys, time
    sys.path.insert(0, sys.argv[1])
    import harness
    harness.udamond, harness.udamonctl, harness.mapper = sys.argv[2:5]
    directory, quick = sys.argv[5], sys.argv[6] == 'quick'
    daemon = harness.Daemon(directory)
    link = daemon.connect()
    link.call('GetStatus')

    def spawn(size):
      process = subprocess.Popen([harness.mapper, 'hold', str(size)], stdout=subprocess.PIPE)
      if not quick:
        process.stdout.readline()
      return process

    def started(pid):
      return harness.read(f'/proc/{pid}/stat').rpartition(')')[2].split()[19]

    def attempt():
      old = spawn(1 << 20)
      name = link.start(targets=[{'pid': old.pid}], **harness.REAL)
      began = started(old.pid)
      if not quick:
        time.sleep(0.5)
      old.kill(), old.wait()
      harness.write('/proc/sys/kernel/ns_last_pid', str(old.pid - 1))
      new = spawn(8 << 20)
      same = new.pid == old.pid and (not quick or started(new.pid) == began)
      return name, old.pid, new, same

    def verdict(name, pid):
      deadline = time.monotonic() + 20
      while time.monotonic() < deadline:
        runtime = link.monitor(name)['runtime']
        if runtime['state'] == 'ended':
          return 'ended'
        if any(t['pid'] == pid and t['address_space'] > 1 for t in runtime['targets']) or runtime['snapshots'] > 10:
          return f'taken for the old one: {runtime["targets"]}'
        time.sleep(0.05)
      return 'still watched'

    result = 'no pid was reused in time'
    for _ in range(60):
      name, pid, new, same = attempt()
      if same:
        result = verdict(name, pid)
      link.call('StopMonitor', {'name': name})
      new.kill(), new.wait()
      if same:
        break
    link.close()
    code = daemon.stop()
    print(f'{result}; {code}')
''')


@needs_root
class Reuse(Case):
  """A reused pid is never taken for the process that had it."""

  def run_in_namespace(self, how):
    result = subprocess.run(['unshare', '-p', '-f', '--mount-proc', '--kill-child', sys.executable, '-c', REUSE,
                             os.path.dirname(os.path.abspath(__file__)), harness.udamond, harness.udamonctl,
                             harness.mapper, self.directory, how], capture_output=True, text=True, timeout=50, check=False)
    if 'unshare failed' in result.stderr or 'ns_last_pid' in result.stderr:
      self.skipTest(f'pids cannot be reused on purpose here: {result.stderr.strip().splitlines()[-1]}')
    self.assertEqual(result.returncode, 0, result.stderr)
    return result.stdout.strip()

  def test_reused(self):
    self.assertEqual(self.run_in_namespace('slow'), 'ended; 0')

  def test_reused_within_one_clock_tick(self):
    """The start times are the same then, only a pidfd tells the two processes apart."""
    result = self.run_in_namespace('quick')
    if result.startswith('no pid'):
      self.skipTest('no two processes with the same pid started in the same clock tick')
    self.assertEqual(result, 'ended; 0')


if __name__ == '__main__':
  main()
