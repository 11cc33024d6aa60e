#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fails on files without an SPDX line, over-long lines and functions, tabs, goto, and files that outgrew their noun."""
import os
import re
import subprocess
import sys

COLUMNS = 120  # 100 is the aim; a table row or a message may stand out
COLUMNS_TESTS = 150  # tables of cases stand out further
FUNCTION = 80
FILE = 600


def sources(root):
  listed = subprocess.run(['git', '-C', root, 'ls-files', '--cached', '--others', '--exclude-standard'],
                          capture_output=True, text=True, check=True).stdout.split('\n')
  return [f for f in listed if re.search(r'\.(c|h|py)$|(^|/)(run|try|deps|suite)$', f)
          and os.path.exists(os.path.join(root, f))]


def check_functions(path, lines):
  start = None
  for number, line in enumerate(lines, 1):
    if start is None and re.match(r'[A-Za-z_].*\(', line) and not line.rstrip().endswith(';') and 'typedef' not in line:
      start = number
    elif start is not None and line.startswith('}'):
      if number - start + 1 > FUNCTION:
        yield f'{path}:{start}: a function of {number - start + 1} lines'
      start = None
    elif start is not None and line.rstrip().endswith(';') and not line.startswith((' ', '\t')):
      start = None


def check(root, path):
  with open(os.path.join(root, path), encoding='utf-8') as text:
    lines = text.read().split('\n')
  if not any('SPDX-License-Identifier: GPL-2.0-or-later' in line for line in lines[:3]):
    yield f'{path}:1: no SPDX line'
  for number, line in enumerate(lines, 1):
    if len(line) > (COLUMNS_TESTS if path.startswith('tests/') else COLUMNS):
      yield f'{path}:{number}: {len(line)} columns'
    if '\t' in line and path.endswith(('.c', '.h', '.build')):
      yield f'{path}:{number}: a tab'
    if path.endswith(('.c', '.h')) and re.search(r'\bgoto\s+\w+;', line):
      yield f'{path}:{number}: goto'
  if path.endswith('.c') and not path.startswith('tests/'):
    if len(lines) > FILE:
      yield f'{path}: {len(lines)} lines'
    yield from check_functions(path, lines)


def main(root):
  files = sources(root)
  wrong = [finding for path in files for finding in check(root, path)]
  print('\n'.join(wrong) if wrong else f'{len(files)} files are as they should be')
  return 1 if wrong or not files else 0


sys.exit(main(sys.argv[1]))
