#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts the results in Meson's test log: prints "PASSED FAILED SKIPPED", and names what was skipped."""
import json
import sys

passed = failed = skipped = 0
with open(sys.argv[1], encoding='utf-8') as log:
  for line in log:
    test = json.loads(line)
    result = test['result']
    if result in ('OK', 'EXPECTEDFAIL'):
      passed += 1
    elif result == 'SKIP':
      skipped += 1
      reason = (test.get('stdout') or test.get('stderr') or '').strip().split('\n')[-1]
      print(f"skipped: {test['name']}: {reason}", file=sys.stderr)
    else:
      failed += 1
print(passed, failed, skipped)
