#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fails on an #include that points against the layers of the design."""
import os
import re
import sys

ALLOWED = {
  'lib/base': [],
  'lib/monitor': ['lib/base'],
  'lib/kernel': ['lib/base', 'lib/monitor'],
  'lib/probe': ['lib/base', 'lib/kernel', 'lib/monitor'],
  'lib/scheme': ['lib/base', 'lib/monitor'],
  'lib/action': ['lib/base', 'lib/kernel', 'lib/monitor', 'lib/scheme'],
  'lib/config': ['lib/base', 'lib/monitor', 'lib/scheme'],
  'lib/wire': ['lib/base'],
  'daemon/ctl': ['lib/base', 'lib/wire'],
  'daemon': ['lib/base', 'lib/kernel', 'lib/monitor', 'lib/probe', 'lib/scheme', 'lib/action', 'lib/config', 'lib/wire'],
}
# Libraries that belong to one layer.
OWNERS = {
  'yaml.h': ['lib/config'],
  'ini.h': ['lib/config'],
  'sqlite3.h': ['daemon/ctl'],
  'curses.h': ['daemon/ctl'],
  'systemd/': ['daemon'],
}


def layer_of(path):
  for layer in sorted(ALLOWED, key=len, reverse=True):
    if path.startswith(layer + '/'):
      return layer
  return None


def target_of(root, path, name):
  beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
  for candidate in (beside, os.path.join('lib', name), os.path.join('daemon', name)):
    if os.path.exists(os.path.join(root, candidate)):
      return candidate
  return None


def wrong_includes(root, path):
  layer = layer_of(path)
  with open(os.path.join(root, path), encoding='utf-8') as text:
    for number, line in enumerate(text, 1):
      quoted = re.match(r'\s*#\s*include "(.+)"', line)
      system = re.match(r'\s*#\s*include <(.+)>', line)
      if quoted:
        target = target_of(root, path, quoted.group(1))
        other = target and layer_of(target)
        if other and other != layer and other not in ALLOWED[layer]:
          yield f'{path}:{number}: {layer} must not include {other} ({quoted.group(1)})'
      if system:
        for prefix, owners in OWNERS.items():
          if system.group(1).startswith(prefix) and layer not in owners:
            yield f'{path}:{number}: <{system.group(1)}> belongs to {", ".join(owners)} only'


def main(root):
  wrong, files = [], 0
  for top in ('lib', 'daemon'):
    for folder, _, names in os.walk(os.path.join(root, top)):
      for name in names:
        if name.endswith(('.c', '.h')):
          files += 1
          wrong += wrong_includes(root, os.path.relpath(os.path.join(folder, name), root))
  print('\n'.join(wrong) if wrong else f'{files} files, every include follows the layers')
  return 1 if wrong or files == 0 else 0


sys.exit(main(sys.argv[1]))
