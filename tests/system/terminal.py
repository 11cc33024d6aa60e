#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The client on a terminal: top, --watch and the pager, on a real one (tmux), by what stands on its screen."""
import os
import re
import shlex
import subprocess
import time

import harness
from harness import SIM, Case, main, wait_for, write

SCHEMES = '''schemes:
  - name: cold
    action: pageout
    access_pattern: {access_rate: [0%, 0%], age: [100ms, max]}
    quotas: {sz: 64MiB, reset_interval: 1s}
  - name: look
    action: stat
    dry_run: true
'''
HEAT = re.compile(r'\x1b\[[0-9;]*48;5;')


class Terminal(Case):

  def setUp(self):
    super().setUp()
    try:
      subprocess.run(['tmux', '-V'], check=True, capture_output=True)
    except OSError:
      self.skipTest('no tmux')
    self.server = self.daemon()
    self.opened = self.commands = 0

  def tmux(self, *arguments):
    result = subprocess.run(['tmux', '-S', self.socket, '-f', '/dev/null', *map(str, arguments)], capture_output=True,
                            text=True, check=False, timeout=harness.PATIENCE)
    self.assertEqual(result.returncode, 0, result.stderr)
    return result.stdout

  def open(self, columns=80, rows=24, **environment):
    """A terminal with a shell that says READY."""
    values = {'UDAMON_SOCKET': self.server.socket, 'ENV': '', 'UDAMOND': harness.udamond, **environment}
    options = [word for name, value in values.items() for word in ('-e', f'{name}={value}')]
    os.environ.pop('TMUX', None)
    self.opened += 1
    self.socket = self.path(f't{self.opened}')
    self.tmux('new-session', '-d', '-x', columns, '-y', rows, *options, 'echo READY; exec sh')
    self.addCleanup(subprocess.run, ['tmux', '-S', self.socket, 'kill-server'], check=False, capture_output=True)
    self.tmux('set-option', '-g', 'default-terminal', 'tmux-256color')
    self.see('READY')

  def type(self, text, *keys):
    self.tmux('send-keys', '-l', text)
    if keys:
      self.tmux('send-keys', *keys)

  def ctl_on_it(self, *arguments, prefix=()):
    command = shlex.join([*prefix, harness.udamonctl, *map(str, arguments)])
    self.commands += 1
    self.type(f'clear; stty -a >{self.path("before")}; {command}; echo "status=$?"; stty -a >{self.path("after")}; '
              f'echo "over=$(({self.commands}*7))"', 'Enter')

  def keys(self, *keys):
    self.tmux('send-keys', *keys)

  def screen(self, colours=False):
    return self.tmux('capture-pane', '-p', *(['-e'] if colours else []))

  def see(self, pattern, colours=False):
    """Waits until the screen matches, and returns it."""
    def look():
      text = self.screen(colours)
      return text if re.search(pattern, text) else None
    try:
      return wait_for(look, pattern)
    except AssertionError:
      raise AssertionError(f'not seen: {pattern}\n{self.screen()}') from None

  def over(self, status=0):
    """The command has ended, and the terminal is as it was."""
    text = self.see(fr'over={self.commands * 7}\n')
    self.assertIn(f'status={status}\n', text)
    wait_for(lambda: os.path.exists(self.path('after')) and harness.read(self.path('after')).strip(), 'stty')
    self.assertEqual(harness.read(self.path('before')), harness.read(self.path('after')))
    self.assertEqual(self.tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}').strip(), '0 1')
    return text

  def interrupt(self):
    """A shell gives up the rest of its line, too."""
    self.keys('C-c')
    wait_for(lambda: self.tmux('display-message', '-p', '#{alternate_on}').strip() == '0', 'the first screen')
    self.type(f'echo status=0; stty -a >{self.path("after")}; echo "over=$(({self.commands}*7))"', 'Enter')
    self.over()

  def start(self, name, **options):
    with self.server.connect() as link:
      link.start(name, **{**SIM, **options})
      self.snapshot(link, name, lambda s: s['sequence'] >= 3)

  def scheme(self, name):
    with self.server.connect() as link:
      schemes = link.call('GetSchemes', {'name': 'web'})['schemes']
    return next(scheme for scheme in schemes if scheme['name'] == name)


class Top(Terminal):

  def top(self, *arguments):
    self.ctl_on_it('top', '--interval', '200ms', *arguments)

  def test_what_stands_there(self):
    self.start('web', schemes=SCHEMES)
    self.start('db')
    self.open()
    self.top()
    text = self.see(r'(?m)^ db ')
    lines = text.rstrip('\n').split('\n')
    self.assertLessEqual(len(lines), 24)
    self.assertRegex(lines[0], r'^udamond \S+, up .*, CPU .* resident, \d+ client')
    self.assertRegex(lines[2], r'^ MONITOR +STATE +TGTS +RESIDENT +WSS \+- ERROR +REGIONS +SAMPLE$')
    self.assertRegex(lines[3], r'^>web +running +1 +\S+iB +\S+iB \+- \S+iB +\d+ +5ms$')
    self.assertRegex(text, r'(?m)^web: snapshot \d+, window \S+, source sim, \S+ mapped$')
    axis = next(i for i, line in enumerate(lines) if re.match(r'A\.+', line))
    self.assertEqual(len(lines[axis + 1]), 80)
    self.assertRegex(lines[axis + 1], r'^[0-9?| ]+$')
    self.assertRegex(lines[axis + 2], r'^idle for at least 10s: ')
    self.assertRegex(text, r'(?m)^ SCHEME +ACTION +STATE +TRIED +APPLIED +REFAULT +QUOTA +GOAL$')
    self.assertRegex(text, r'(?m)^>cold +pageout +active ')
    self.assertRegex(text, r'(?m)^ look +stat +dry run +\S+ +- ')
    self.assertRegex(lines[-1], '^q quit ')
    # colours repeat what the digits say
    self.assertRegex(self.screen(colours=True), HEAT)
    self.keys('q')
    self.over()

  def test_it_lives(self):
    self.start('web')
    self.open()
    self.top()
    number = re.compile(r'snapshot (\d+)')
    first = int(number.search(self.see(number.pattern))[1])
    wait_for(lambda: int(number.search(self.screen())[1]) > first, 'another snapshot')
    self.keys('p')
    self.see('PAUSED')
    shown = number.search(self.screen())[1]
    time.sleep(1)
    self.assertEqual(number.search(self.screen())[1], shown)
    self.keys('p')
    wait_for(lambda: int(number.search(self.screen())[1]) > int(shown), 'going on')
    self.keys('?')
    self.see('any key goes back')
    self.keys('x')
    self.see(r'snapshot \d+')
    self.keys('q')
    self.over()

  def test_choosing_and_sorting(self):
    for name in 'm2', 'm1', 'm3':
      self.start(name)
    self.open()
    self.top()
    self.see(r'(?m)^m2: snapshot')
    self.keys('Down')
    self.see(r'(?m)^m1: snapshot')
    self.keys('s')
    text = self.see('sorted by name')
    self.assertEqual(re.findall(r'(?m)^[ >](m\d) ', text), ['m1', 'm2', 'm3'])
    # what was chosen stays chosen
    self.assertRegex(text, r'(?m)^>m1 ')
    self.assertRegex(text, r'(?m)^m1: snapshot')
    # one that is stopped meanwhile leaves the choice to another one
    with self.server.connect() as link:
      link.call('StopMonitor', {'name': 'm1'})
    self.see(r'(?m)^>m2 ')
    self.keys('q')
    self.over()

  def test_dry_run(self):
    """Asked for first; nothing but a yes does it."""
    self.start('web', schemes=SCHEMES)
    self.open()
    self.top()
    self.see(r'(?m)^>cold ')
    for no in 'n', 'Enter', 'q', 'Escape':
      self.keys('d')
      self.see('web/cold really does pageout. Make it a dry run that only counts')
      self.keys(no)
      self.see('nothing was changed')
      self.assertFalse(self.scheme('cold')['context']['dry_run'])
    self.keys('d')
    self.see('y/N')
    self.keys('y')
    self.see('web/cold only counts from now on')
    self.assertTrue(self.scheme('cold')['context']['dry_run'])
    self.see(r'(?m)^>cold +pageout +dry run')
    self.keys('Down', 'd')
    self.see('web/look only counts so far. Let it really do stat')
    self.keys('y')
    self.see('web/look acts from now on')
    self.assertFalse(self.scheme('look')['context']['dry_run'])
    self.assertTrue(self.scheme('cold')['context']['dry_run'])
    self.keys('q')
    self.over()

  def test_sizes(self):
    for i in range(12):
      self.start(f'm{i:02}', schemes=SCHEMES)
    self.open()
    self.top()
    self.see(r'6 of 12 monitors')
    self.assertNotRegex(self.screen(), r'(?m)^ m11 ')
    self.tmux('resize-window', '-x', 120, '-y', 50)
    self.see(r'(?m)^ m11 ')
    self.see(r'(?m)^.{101}')
    for columns, rows in (40, 10), (20, 5), (10, 3), (200, 60), (80, 24):
      self.tmux('resize-window', '-x', columns, '-y', rows)
      self.see(r'udamond')
    self.see('6 of 12 monitors')
    self.keys('q')
    self.over()

  def test_nothing_to_show(self):
    self.open()
    self.top()
    self.see('no monitors: start one with')
    self.keys('d', 'Down', 'Tab', 's')
    with self.server.connect() as link:
      link.start('slow', **{**SIM, 'aggregate_ns': 3_600_000_000_000})
    self.see('slow: no snapshot yet')
    self.keys('q')
    self.over()

  def test_ends(self):
    """However it ends, the terminal is as it was."""
    self.start('web')
    self.open()
    for end, status in ((lambda: self.keys('C-c'), 0), (lambda: self.signal('TERM'), 143), (lambda: self.signal('HUP'), 129),
                        (lambda: self.signal('QUIT'), 131)):
      self.top()
      self.see(r'web: snapshot')
      end()
      self.over(status)
      os.unlink(self.path('after'))

  def signal(self, name):
    pane = self.tmux('display-message', '-p', '#{pane_pid}').strip()
    child = harness.read(f'/proc/{pane}/task/{pane}/children').split()[0]
    subprocess.run(['kill', f'-{name}', child], check=True)

  def test_the_daemon_goes_and_comes_back(self):
    self.start('web')
    self.open()
    self.top()
    self.see(r'web: snapshot')
    self.server.stop()
    self.see('no udamond|closed the connection')
    self.daemons[0] = self.server = harness.Daemon(self.directory)
    self.start('again')
    self.see(r'(?m)^>again ')
    self.keys('q')
    self.over()

  def test_no_color(self):
    self.start('web')
    self.open(NO_COLOR='1')
    self.top()
    self.see('web: snapshot')
    self.assertNotRegex(self.screen(colours=True), r'\x1b\[[0-9;]*[34]8;5;|\x1b\[3[0-7]m')
    self.keys('q')
    self.over()

  def test_without_a_terminal(self):
    self.assert_refused(self.ctl(self.server, 'top'), 2, 'top needs a terminal')
    self.open()
    self.ctl_on_it('top', '--socket', self.path('none'))
    self.assertIn('no udamond', self.over(3))
    os.unlink(self.path('after'))
    self.ctl_on_it('top', prefix=['env', 'TERM=nonesuch'])
    self.assertIn("TERM is 'nonesuch'", self.over(1))


class Watch(Terminal):

  def test_on_a_terminal(self):
    self.start('web')
    self.open()
    self.ctl_on_it('monitors', '--watch=200ms')
    self.see(r'(?m)^every 200ms, now ')
    text = self.see(r'(?m)^web +running')
    self.assertEqual(text.count('MONITOR'), 1)
    with self.server.connect() as link:
      link.call('StopMonitor', {'name': 'web'})
    self.see('no monitors')
    self.interrupt()

  def test_more_than_fits(self):
    self.start('web', min_regions=200)
    self.open()
    self.ctl_on_it('regions', 'web', '-w', '300ms')
    self.see(r'\.\.\. \d+ more lines; a larger terminal shows them')
    self.interrupt()

  def test_the_end_of_what_is_watched(self):
    self.start('web')
    self.open()
    self.ctl_on_it('wss', 'web', '--watch=200ms')
    self.see('every 200ms')
    with self.server.connect() as link:
      link.call('StopMonitor', {'name': 'web'})
    self.assertIn('no monitor runs', self.over(5))

  def test_elsewhere(self):
    self.start('web', schemes=SCHEMES)
    for verb in 'status', 'monitors', 'regions', 'schemes', 'wss', 'idle':
      for json in [], ['--json']:
        command = [harness.udamonctl, verb, '--watch', '50ms', '--socket', self.server.socket, *json]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
          seen = [process.stdout.readline() for _ in range(3)] if json else []
          while not json and len(seen) < 3:
            line = process.stdout.readline()
            seen += [line] if line == '\n' else []
          process.terminate()
          process.stdout.read()
        self.assertEqual(len(seen), 3)
        self.assertNotIn('\x1b', ''.join(seen))
        self.assertTrue(all(line.startswith('{') for line in seen) if json else True)

  def test_wrong_usage(self):
    for arguments, pattern in ((['--watch=0s'], 'more than 0'), (['--watch=5'], '5s'), (['--watch=x'], 'x'),
                               (['-i', 'f', '--watch'], 'does not change')):
      self.assert_refused(self.ctl(self.server, 'regions', *arguments), 2, pattern)
    self.assert_refused(self.ctl(self.server, 'start', '--watch'), 2, 'unknown option')


class Pager(Terminal):

  def test_long_output(self):
    self.start('web', min_regions=200)
    pager = write(self.path('pager'), f'#!/bin/sh\necho "secure=$LESSSECURE less=$LESS" >{self.path("ran")}; head -8; echo paged\n')
    os.chmod(pager, 0o755)
    self.open(PAGER=pager)
    self.ctl_on_it('regions', 'web')
    text = self.over()
    self.assertIn('paged', text)
    self.assertEqual(harness.read(self.path('ran')), 'secure=1 less=FRSXMK\n')
    # colours are what they would be on the terminal
    self.assertRegex(self.screen(colours=True), HEAT)

  def test_which_pager(self):
    self.start('web')
    for environment, words in (({'PAGER': 'echo from-pager'}, True), ({'SYSTEMD_PAGER': 'echo from-pager', 'PAGER': 'false'}, True),
                               ({'SYSTEMD_PAGER': '', 'PAGER': 'echo from-pager'}, False), ({'PAGER': 'cat'}, False)):
      with self.subTest(environment=environment):
        self.open(**environment)
        self.ctl_on_it('monitors')
        text = self.over()
        self.assertEqual(('from-pager' in text, 'running' in text), (words, not words), text)
        os.unlink(self.path('after'))
        self.ctl_on_it('monitors', '--no-pager')
        self.assertIn('running', self.over())
        os.unlink(self.path('after'))
        self.ctl_on_it('monitors', '--json')
        self.assertIn('"state":"running"', self.over().replace('\n', ''))
        os.unlink(self.path('after'))

  def test_a_pager_that_is_not_there(self):
    self.start('web')
    self.open(PAGER='no-such-pager', LESS='')
    self.ctl_on_it('monitors')
    self.assertIn('running', self.over())

  def test_status_is_that_of_the_verb(self):
    self.open()
    self.ctl_on_it('regions', 'nobody')
    self.assertIn('no monitor runs', self.over(5))


if __name__ == '__main__':
  main()
