#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Manual pages, help and README against the programs: every option, verb, method and event is described, nothing else is,
and every example works."""
import glob
import json
import os
import re
import shlex
import subprocess

import harness
from harness import SIM, Case, main, read, write

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
SCHEMES = 'schemes:\n- {name: cold, action: pageout, dry_run: true, quotas: {sz: 64MiB, reset_interval: 1s}}\n' \
          '- {name: reclaim-cold, action: stat}\n'


def page(name):
  return read(f'{TOP}/man/{name}')


def options_of_page(text):
  """The long options that a page describes: items of its lists."""
  items = re.findall(r'(?m)^\.It (Fl .*)$', text)
  return {name for item in items for name in re.findall(r'(?<![\w.])Fl \w , -([\w-]+)|Fl -([\w-]+)', item) for name in name if name}


def options_of_help(text):
  return set(re.findall(r'(?m)^ +(?:-\w, +)?--([\w-]+)', text))


def shown_commands(text):
  """What a reader would type: one line, cut at what the shell makes of it."""
  for line in text.split('\n'):
    line = re.sub(r'\s#.*$', '', line).strip()
    for part in re.split(r'\s(?:&&|\|\||\||;|&)(?:\s|$)', line):
      part = re.sub(r'\s[<>]\s*\S+', '', part).strip()
      if re.match(r'(sudo )?udamon(ctl|d) ', part):
        yield part.removeprefix('sudo ')


def unroff(text):
  return text.replace('\\-', '-').replace('\\e', '\\').replace('\\&', '')


def examples_of_page(text):
  blocks = re.findall(r'(?ms)^\.(?:Bd -literal.*?|EX)\n(.*?)^\.(?:Ed|EE)', text) + re.findall(r'(?m)^\.Dl (.*)$', text)
  for block in blocks:
    yield from shown_commands(re.sub(r'(?m)^\$ ', '', unroff(block)))


def yaml_of(text, fence):
  return [unroff(block) for block in re.findall(fence, text) if re.match(r'(#.*\n|\s*\$.*\n)*(schemes|monitors|kdamonds):', block)]


class Documents(Case):

  def help(self, *arguments):
    result = self.ctl(None, *arguments)
    self.assertEqual((result.returncode, result.stderr), (0, ''), arguments)
    return result.stdout

  def verbs(self):
    return re.findall(r'(?m)^  (\w+) ', self.help('--help'))

  def test_options_of_the_client(self):
    described, there = options_of_page(page('udamonctl.1')), set()
    for verb in self.verbs():
      there |= options_of_help(self.help(verb, '--help').split('examples:')[0])
    self.assertEqual(there - described, set(), 'not in the manual page')
    self.assertEqual(described - there, set(), 'in the manual page only')

  def test_options_of_the_daemon(self):
    shown = subprocess.run([harness.udamond, '--help'], capture_output=True, text=True, check=True).stdout
    self.assertEqual(options_of_help(shown), options_of_page(page('udamond.8')))

  def test_verbs(self):
    text = page('udamonctl.1')
    for verb in self.verbs():
      self.assertRegex(text, rf'(?m)^\.It Cm .*\b{verb}\b', f'{verb} is not described')
      synopsis = text.split('.Sh DESCRIPTION')[0]
      self.assertRegex(synopsis, rf'(?m)^\.Cm .*\b{verb}\b', f'{verb} is not in the synopsis')
      self.assertRegex(text.split('.Sh JSON')[1].split('.Sh ')[0], rf'(?m)^\.It Cm .*\b{verb}\b', f'{verb}: no shape of --json')

  def test_methods(self):
    """Of the interface: each in udamond(8), under the class that the interface gives it."""
    text = read(f'{TOP}/daemon/io.udamon.monitor.varlink')
    methods = {name: access for access, name in re.findall(r'(?m)^# Access: (\w+)[^\n]*\n(?:#[^\n]*\n)*method (\w+)', text)}
    self.assertEqual(set(methods), set(re.findall(r'(?m)^method (\w+)', text)))
    section = page('udamond.8').split('.Sh METHODS')[1].split('.Sh ')[0]
    described = {name: access for access, names in re.findall(r'(?m)^\.It Li (\w+)\n((?:[\w ,]+\n)+)', section)
                 for name in re.findall(r'\w+', names)}
    self.assertEqual(described, methods)

  def test_events(self):
    kinds = set(re.findall(r'\] = \{ "(\w+)", LOG_', read(f'{TOP}/daemon/event.c')))
    section = page('udamond.8').split('.Sh EVENTS')[1].split('.Sh ')[0]
    self.assertEqual({kind for item in re.findall(r'(?m)^\.It Li (.*)$', section) for kind in re.findall(r'\w+', item)}, kinds)

  def keys_of(self, value):
    """All keys, but those of what the interface defines: there it is documented."""
    if isinstance(value, list):
      return set().union(*map(self.keys_of, value))
    if not isinstance(value, dict):
      return set()
    own = {'schemes', 'acts', 'scheme', 'labels', 'context', 'runtime', 'monitor'}
    return set(value).union(*(self.keys_of(inner) for key, inner in value.items() if key not in own))

  def test_shapes_of_json(self):
    """What --json prints has the keys that udamonctl(1) lists, and no others."""
    server = self.daemon('--config', write(self.path('c.yaml'), 'monitors: [{name: other, source: sim}]\n'))
    with server.connect() as link:
      link.start('web', schemes=SCHEMES, **SIM)
      self.snapshot(link, 'web', lambda s: s['sequence'] >= 5)
    section = page('udamonctl.1').split('.Sh JSON')[1].split('.Sh ')[0]
    paragraphs = {verb: set(re.findall(r'\w+', text)) for verbs, text in re.findall(r'(?ms)^\.It Cm ([^\n]*)\n(.*?)(?=^\.It|^\.El)', section)
                  for verb in re.findall(r'\w+', verbs)}
    paragraphs['idle'] |= paragraphs['regions']
    paragraphs['wss'] |= paragraphs['monitors'] | paragraphs['regions']
    paragraphs['monitors'] |= paragraphs['regions']
    recording = self.path('r.db')
    self.assertEqual(self.ctl(server, 'record', 'web', '-o', recording, '--duration', '300ms').returncode, 0)
    for arguments in (['regions', 'web'], ['heatmap', '-i', recording], ['wss', 'web'], ['idle', 'web'], ['monitors'], ['events'],
                      ['metrics'], ['schemes'], ['schemes', '--log'], ['config', 'show'], ['reload'],
                      ['record', 'web', '-o', self.path('r2.db'), '--duration', '300ms'], ['stop', 'web']):
      with self.subTest(arguments=arguments):
        result = self.ctl(server, *arguments, '--json')
        self.assertEqual((result.returncode, result.stderr if arguments[0] != 'record' else ''), (0, ''))
        keys = self.keys_of(json.loads(result.stdout))
        self.assertTrue(keys)
        self.assertEqual(keys - paragraphs[arguments[0]], set(), 'not in the manual page')

  def parses(self, command):
    """Whether the programs take the command line: asked with --help, so that nothing is done."""
    words = shlex.split(command)
    if words[0] == 'udamond':
      if '--check' in words or '--simulate' in words:
        return  # takes files
      result = subprocess.run([harness.udamond, *words[1:], '--help'], capture_output=True, text=True, check=False)
    else:
      self.assertIn(words[1], [*self.verbs(), 'help', 'complete'], command)
      result = self.ctl(None, words[1], '--help', *words[2:])
    self.assertEqual((result.returncode, result.stderr), (0, ''), command)

  def test_examples_in_help(self):
    for verb in self.verbs():
      examples = list(shown_commands(self.help(verb, '--help').split('examples:')[1]))
      self.assertTrue(examples, verb)
      for example in examples:
        self.assertEqual(shlex.split(example)[1], verb, example)
        self.parses(example)

  def documents(self):
    for file in sorted(glob.glob(f'{TOP}/man/*.[1-8]')):
      yield file, list(examples_of_page(read(file)))
    for file in ['README.md', *glob.glob('tests/*/README.md', root_dir=TOP)]:
      blocks = re.findall(r'(?ms)^```\w*\n(.*?)^```', read(f'{TOP}/{file}'))
      yield file, [command for block in blocks for command in shown_commands(block)]

  def test_examples(self):
    found = 0
    for file, commands in self.documents():
      for command in commands:
        found += 1
        with self.subTest(file=file, command=command):
          self.parses(command)
    self.assertGreater(found, 20)

  def test_examples_in_yaml(self):
    texts = [(file, read(f'{TOP}/{file}')) for file in glob.glob('conf/*.yaml', root_dir=TOP)]
    texts += [('README.md', text) for text in yaml_of(read(f'{TOP}/README.md'), r'(?ms)^```yaml\n(.*?)^```')]
    for name in 'udamon.yaml.5', 'udamonctl.1':
      texts += [(name, text) for text in yaml_of(page(name), r'(?ms)^\.(?:Bd -literal[^\n]*|EX|nf)\n(.*?)^\.(?:Ed|EE|fi)')]
    self.assertGreater(len(texts), 8)
    for i, (name, text) in enumerate(texts):
      text = re.sub(r'(?m)^\$ .*\n', '', text)
      # schemes stand alone in the files of --scheme
      if re.match(r'(#.*\n)*schemes:', text):
        text = 'monitors:\n- name: x\n  source: sim\n' + re.sub(r'(?m)^(?=.)', '  ', text)
      file = write(self.path(f'{i}.yaml'), text)
      result = subprocess.run([harness.udamond, '--check', file], capture_output=True, text=True, check=False)
      self.assertEqual(result.returncode, 0, f'{name}:\n{text}\n{result.stderr}')

  def test_examples_that_only_look(self):
    """They are run: against monitors of these names."""
    server = self.daemon()
    with server.connect() as link:
      link.start('web', schemes=SCHEMES, **SIM)
      self.snapshot(link, 'web', lambda s: s['sequence'] >= 3)
    look = {'check', 'status', 'monitors', 'regions', 'heatmap', 'wss', 'idle', 'schemes', 'events', 'config', 'nodes', 'metrics'}
    never = {'-i', '--input', '--follow', '--watch', '-w', '-f', '-o', '--socket', '--system'}
    commands = [command for _, commands in self.documents() for command in commands]
    for verb in self.verbs():
      commands += shown_commands(self.help(verb, '--help').split('examples:')[1])
    ran = set()
    for command in commands:
      words = shlex.split(command)
      if words[0] != 'udamonctl' or words[1] not in look or never & {word.split('=')[0] for word in words}:
        continue
      result = self.ctl(server, *['web' if word == 'shop' else word for word in words[1:]])
      self.assertEqual((result.returncode, result.stderr), (0, ''), command)
      ran.add(words[1])
    self.assertEqual(look - ran, set(), 'verbs without an example that can be run')


if __name__ == '__main__':
  main()
