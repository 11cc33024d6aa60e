#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Completion in the shells themselves, with the names of what runs."""
import os
import re
import shutil
import subprocess
import unittest

import harness
import terminal
from harness import SIM, Case, main

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../contrib/completion')
SCHEMES = 'schemes: [{name: cold, action: pageout, dry_run: true}, {name: look, action: stat}]\n'


def needs(shell):
  return unittest.skipUnless(shutil.which(shell), f'no {shell}')


class Completion(Case):

  def setUp(self):
    super().setUp()
    self.server = self.daemon()
    # the scripts complete the program of this name
    os.symlink(harness.udamonctl, self.path('udamonctl'))
    self.environment = {**os.environ, 'PATH': f'{self.directory}:{os.environ["PATH"]}', 'UDAMON_SOCKET': self.server.socket,
                        'HOME': self.directory, 'XDG_CONFIG_HOME': self.directory, 'XDG_DATA_HOME': self.directory}

  def start(self, name, **options):
    with self.server.connect() as link:
      link.start(name, **{**SIM, **options})

  def shell(self, command, *arguments):
    result = subprocess.run([*command, *arguments], env=self.environment, cwd=self.directory, capture_output=True, text=True,
                            timeout=harness.PATIENCE, check=False)
    self.assertEqual((result.returncode, result.stderr), (0, ''), command)
    return result.stdout.splitlines()

  def bash(self, line):
    script = f'source {SCRIPTS}/udamonctl.bash; compopt() {{ :; }}; COMP_LINE=$1; COMP_POINT=${{#1}}; _udamonctl; ' \
             'printf "%s\\n" "${COMPREPLY[@]}"'
    return [word for word in self.shell(['bash', '--norc', '-c', script, 'bash', line]) if word]

  def fish(self, line):
    script = f'source {SCRIPTS}/udamonctl.fish; complete -C $argv[1]'
    return [word.split('\t')[0] for word in self.shell(['fish', '--no-config', '-c', script, line])]

  def check(self, ask):
    """The same in every shell."""
    self.start('web', schemes=SCHEMES)
    self.start('db')
    self.assertEqual(ask('udamonctl mo'), ['monitors'])
    self.assertEqual(set(ask('udamonctl help r')) & {'regions', 'run', 'reload'}, {'regions', 'run', 'reload'})
    self.assertEqual(set(ask('udamonctl regions ')) & {'web', 'db'}, {'web', 'db'})
    self.assertEqual(ask('udamonctl stop w'), ['web'])
    self.assertEqual(ask('udamonctl wss web x'), [])
    self.assertEqual(ask('udamonctl events --monitor d'), ['db'])
    self.assertIn('--sort', ask('udamonctl regions --s'))
    self.assertNotIn('--sort', ask('udamonctl wss --s'))
    self.assertEqual(ask('udamonctl regions --sort a'), ['address', 'age'])
    self.assertEqual(ask('udamonctl scheme dis'), ['disable'])
    self.assertEqual(sorted(ask('udamonctl scheme dry-run ')), ['web/cold', 'web/look'])
    self.assertEqual(sorted(ask('udamonctl scheme dry-run web/cold ')), ['off', 'on'])
    self.assertEqual(ask('udamonctl scheme set web/cold quotas.s'), ['quotas.sz='])
    self.assertEqual(ask('udamonctl nonsense '), [])
    with open(self.path('record.db'), 'wb'):
      self.assertEqual(ask('udamonctl regions -i rec'), ['record.db'])
    self.assertIn('cat', ask('udamonctl run -- ca'))
    with self.server.connect() as link:
      link.call('StopMonitor', {'name': 'db'})
    # the schemes alone where one monitor runs
    self.assertEqual(sorted(ask('udamonctl scheme enable ')), ['cold', 'look', 'web/cold', 'web/look'])
    self.server.stop()
    self.assertEqual(ask('udamonctl stop '), [])
    self.assertEqual(ask('udamonctl relo'), ['reload'])

  @needs('bash')
  def test_bash(self):
    self.check(self.bash)
    self.assertEqual(self.bash('udamonctl regions --sort=a'), ['address', 'age'])

  @needs('fish')
  def test_fish(self):
    self.check(self.fish)
    self.assertEqual(self.fish('udamonctl regions --sort=a'), ['--sort=address', '--sort=age'])

  @needs('bash')
  def test_names_are_not_run(self):
    """A process may call itself anything."""
    for name in '$(touch pwned)', '`id`;x', '-y "z':
      self.target('hold', 1 << 16, name=name)
    words = self.bash('udamonctl start --command ')
    for word in r'\$\(touch\ pwned\)', r'\`id\`\;x', r'-y\ \"z':
      self.assertIn(word, words)
    self.assertFalse(os.path.exists(self.path('pwned')))

  @needs('bash')
  def test_names_with_what_cuts_words(self):
    for name in 'a:b', 'a:c':
      self.start(name)
    # bash has "a:" already
    self.assertEqual(self.bash('udamonctl stop a:'), ['b', 'c'])

  def test_wrong_calls(self):
    for arguments in [], ['1'], ['x', 'udamonctl'], ['9', 'udamonctl'], ['0', 'udamonctl']:
      self.assert_refused(self.ctl(self.server, 'complete', *arguments), 2, 'completion of shells')
    for arguments in ['1', 'udamonctl', 'x'], ['2', 'udamonctl', '--', ''], ['2', 'udamonctl', 'run'], ['3', 'udamonctl', 'run', '--']:
      self.assertEqual(self.ctl(None, 'complete', *arguments).stderr, '')


class Typed(terminal.Terminal):
  """Tab, pressed in a shell on a terminal."""

  def shell(self, *command):
    os.symlink(harness.udamonctl, self.path('udamonctl'))
    with self.server.connect() as link:
      link.start('website', schemes=SCHEMES, **SIM)
    self.open(HOME=self.directory)
    self.type(f'PATH={self.directory}:$PATH; export PATH; ' + ' '.join(command), 'Enter')

  def complete(self, typed, expected):
    self.type(typed)
    self.keys('Tab')
    self.see(re.escape(expected) + r' ?\n')
    self.keys('C-u')

  @needs('bash')
  def test_bash(self):
    self.shell('exec bash --norc --noprofile')
    self.type(f'source {SCRIPTS}/udamonctl.bash; PS1="ready> "; clear', 'Enter')
    self.see('ready>')
    self.complete('udamonctl idle we', 'udamonctl idle website')
    self.complete('udamonctl scheme disable lo', 'udamonctl scheme disable look')
    self.complete('udamonctl regions --color=nev', 'udamonctl regions --color=never')
    self.complete('udamonctl scheme set cold quotas.re', 'quotas.reset_interval=')

  @needs('zsh')
  def test_zsh(self):
    self.shell('exec zsh -f')
    self.type(f'fpath=({SCRIPTS} $fpath); autoload -U compinit; compinit -D -u; PS1="ready> "; clear', 'Enter')
    self.see('ready>')
    self.complete('udamonctl idle we', 'udamonctl idle website')
    self.complete('udamonctl monit', 'udamonctl monitors')
    self.complete('udamonctl scheme disable lo', 'udamonctl scheme disable look')
    self.complete('udamonctl regions --sort ad', 'udamonctl regions --sort address')
    self.complete('udamonctl regions --color=nev', 'udamonctl regions --color=never')
    self.complete('udamonctl scheme set cold quotas.re', 'quotas.reset_interval=')


if __name__ == '__main__':
  main()
