#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon as a service: directories of configuration, what a reload changes and refuses, what the service manager is told."""
import os
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess

import harness
from harness import REAL, Case, Varlink, main, needs_root, wait_for, write

MONITOR = 'monitors:\n  - {name: %s, source: sim, seed: 1%s}\n'
SCHEME = ', schemes: [{name: cold, action: pageout, access_pattern: {access_rate: [0%, 0%]}}]'


class Service(Case):

  def setUp(self):
    super().setUp()
    self.etc = self.path('etc')
    os.makedirs(os.path.join(self.etc, 'monitors.d'))
    self.conf('[daemon]\nlog_level = info\n')
    self.file('a', MONITOR % ('a', ''))

  def conf(self, text):
    write(os.path.join(self.etc, 'udamond.conf'), text)

  def file(self, name, text):
    return write(os.path.join(self.etc, 'monitors.d', name + '.yaml'), text)

  def begin(self, *arguments, **options):
    self.server = self.daemon('--config', self.etc, *arguments, limit=(), **options)
    self.link = self.link_to(self.server)

  def names(self):
    return [m['name'] for m in self.link.call('GetStatus')['runtime']['monitors']]

  def refused(self):
    return [(os.path.relpath(p['file'], self.etc), p['line'], p['text'])
            for p in self.assert_error('ConfigInvalid', self.link.call, 'Reload')['problems']]

  def test_files_come_and_go(self):
    self.begin()
    self.file('b', MONITOR % ('b', ''))
    reply = self.link.call('Reload')
    self.assertEqual((reply['started'], reply['unchanged'], reply['restart_needed']), (['b'], ['a'], []))
    os.unlink(os.path.join(self.etc, 'monitors.d/a.yaml'))
    os.symlink('/dev/null', os.path.join(self.etc, 'monitors.d/a.yaml'))
    self.assertEqual(self.link.call('Reload')['stopped'], ['a'])
    self.assertEqual(self.names(), ['b'])

  def test_errors_of_both_formats(self):
    self.begin()
    self.conf('[daemon]\nlog_levle = debug\n')
    self.file('b', MONITOR % ('b', ', x: 1'))
    self.file('c', MONITOR % ('a', ''))
    found = self.refused()
    self.assertEqual([(file, line) for file, line, _ in found],
                     [('udamond.conf', 2), ('monitors.d/b.yaml', 2), ('monitors.d/c.yaml', 0)])
    self.assertRegex(found[2][2], "monitor 'a' is in .*a.yaml")
    self.assertEqual(self.names(), ['a'])
    self.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: self.server.said(r'udamond\.conf:2:1: unknown key') >= 4, 'the error in the log')
    told = self.ctl(self.server, 'reload')
    self.assertRegex(told.stderr, r'(?m)^\S+/udamond\.conf:2:1: ')
    self.assertRegex(told.stderr, r'(?m)^\S+/b\.yaml:2:')
    # it cannot be checked better, and cannot start
    check = subprocess.run([harness.udamond, '--check', self.etc], capture_output=True, text=True, check=False)
    self.assertEqual((check.returncode, check.stderr.count('\n'), check.stdout), (3, 3, ''))

  def test_a_lost_directory_stops_nothing(self):
    self.begin()
    os.rename(self.etc, self.path('away'))
    problems = self.assert_error('ConfigInvalid', self.link.call, 'Reload')['problems']
    self.assertIn('etc', problems[0]['file'])
    self.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: self.server.said('was not loaded, everything stays') >= 2, 'a word about it')
    self.assertEqual(self.names(), ['a'])
    os.rename(self.path('away'), self.etc)
    self.assertEqual(self.link.call('Reload')['unchanged'], ['a'])
    shutil.rmtree(os.path.join(self.etc, 'monitors.d'))
    self.assertIn('was there', self.refused()[0][2])
    self.assertEqual(self.names(), ['a'])

  def test_settings_at_run_time(self):
    self.begin()
    self.conf('[daemon]\nlog_level = debug\ncpu_limit = 2%\nsocket = /run/other\nstate_directory = /srv/x\n'
              '[limits]\nconnections = 2\n')
    self.assertEqual(self.link.call('Reload')['restart_needed'], ['socket', 'state_directory'])
    context = self.link.call('GetStatus')['context']
    self.assertEqual((context['socket'], context['cpu_limit']), (self.server.socket, 0.02))
    # root may have some beyond the limit, but not thirty
    links = [Varlink(self.server.socket) for _ in range(30)]
    self.assertIsNone(links[-1].receive())
    for link in links:
      link.close()
    self.conf('[daemon]\nsocket = /run/other\nstate_directory = /srv/x\n')
    self.assertEqual(self.link.call('Reload')['restart_needed'], [])
    self.assertEqual(self.link.call('GetStatus')['context']['cpu_limit'], 0.01)
    self.snapshot(self.link, 'a')

  def test_options_win(self):
    self.conf('[daemon]\ncpu_limit = 5%\nsocket = /nonexistent/socket\n')
    self.begin('--cpu-limit', '1%')
    self.assertEqual(self.link.call('GetStatus')['context']['cpu_limit'], 0.01)
    self.link.call('Reload')
    self.assertEqual(self.link.call('GetStatus')['context']['cpu_limit'], 0.01)

  def test_socket_of_the_settings(self):
    path = self.path('elsewhere/socket')
    conf = write(self.path('x.conf'), f'[daemon]\nsocket = {path}\nmonitors = /nonexistent\n')
    with subprocess.Popen([harness.udamond, '--config', conf], stderr=subprocess.DEVNULL) as process:
      wait_for(lambda: os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode), 'the socket')
      process.terminate()
      self.assertEqual(process.wait(harness.PATIENCE), 0)

  def test_observe(self):
    self.file('a', MONITOR % ('a', SCHEME))
    self.begin('--observe')
    scheme = self.link.call('GetSchemes', {'name': 'a'})['schemes'][0]
    self.assertTrue(scheme['context']['dry_run'])
    self.assertEqual(self.link.call('Reload')['unchanged'], ['a'])
    actions = self.link.call('GetCapabilities')['actions']
    self.assertEqual([a['name'] for a in actions if a['usable']], ['stat'])
    self.assertTrue(any('only looks' in a['reason'] for a in actions))

  @needs_root
  def test_few_descriptors(self):
    self.begin()
    process = self.target('hold', 8 << 20)
    name = self.link.start(**{**REAL, 'targets': [{'pid': process.pid}]})
    before = self.snapshot(self.link, name)['sequence']
    soft, hard = resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE, (3, hard))
    wait_for(lambda: self.server.said(f"'{name}': cannot look now: Too many open files"), 'want of descriptors')
    resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE, (soft, hard))
    wait_for(lambda: self.server.said(f"'{name}': looks again"), 'its end')
    self.snapshot(self.link, name, lambda s: s['sequence'] > before + 1)
    self.assertEqual(self.server.said('cannot look now'), 1)

  def test_what_the_service_manager_is_told(self):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
      told.bind(self.path('notify'))
      told.settimeout(3 * harness.PATIENCE)
      self.begin(environment={'NOTIFY_SOCKET': self.path('notify'), 'WATCHDOG_USEC': '2000000'})

      def until(pattern):
        seen = b''
        while not re.search(pattern, seen, re.S):
          seen += told.recv(4096) + b'\n--\n'

      until(b'READY=1')
      until(b'STATUS=1 monitor.*WATCHDOG=1.*WATCHDOG=1')
      self.link.call('Reload')
      until(b'RELOADING=1\nMONOTONIC_USEC=\\d+.*READY=1\nERRNO=0')
      self.conf('x')
      self.server.process.send_signal(signal.SIGHUP)
      until(b'RELOADING=1.*READY=1\nERRNO=22')
      self.server.process.terminate()
      until(b'STOPPING=1')


if __name__ == '__main__':
  main()
