#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns the interface text into a C string, so that what is served is the file itself."""
import sys

with open(sys.argv[1], encoding='utf-8') as text, open(sys.argv[2], 'w', encoding='utf-8') as header:
  header.write('/* Made from io.udamon.monitor.varlink. */\n#pragma once\n\n#define UDAMON_INTERFACE_TEXT')
  for line in text:
    quoted = line.rstrip('\n').replace('\\', '\\\\').replace('"', '\\"')
    header.write(f' \\\n        "{quoted}\\n"')
  header.write('\n')
