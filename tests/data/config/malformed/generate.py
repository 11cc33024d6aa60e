#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes cases.txt: 500 malformed configurations, for tests/unit/test-config-malformed.c.

The first is called base, and is right. A case begins with a line "=== NAME". Lines "! LINE:COLUMN: text" that follow
are all errors it must cause, in order; without any, it only must be refused, with a position. The rest is the file,
in which \\xNN is a byte and \\\\ a backslash; behind a line "~ N", what takes the place of line N of the base. Run it
without arguments; the result is the same each time."""
import itertools
import os
import re

TOTAL = 500

BASE = '''\
monitors:
  - name: web
    ops: vaddr
    source: idle
    policy: classic
    targets:
      - pid: 1
        children: true
      - command: nginx
    intervals:
      sample: 100ms
      aggregate: 2s
      update: 10s
      goal:
        access_rate: 4%
        aggregations: 3
        sample_min: 5ms
        sample_max: 10s
    nr_regions:
      min: 10
      max: 1000
    max_region_size: 1GiB
    seed: 42
    schemes:
      - name: cold
        action: pageout
        enabled: true
        dry_run: false
        act_on_init: false
        access_pattern:
          sz: [4KiB, max]
          access_rate: [0%, 5%]
          age: [2min, max]
        apply_interval: 2s
        quotas:
          time: 10ms
          sz: 128MiB
          reset_interval: 1s
          weights:
            sz: 0
            access_rate: 3
            age: 7
          fail_charge: 10%
          tuner: consist
          goals:
            - metric: some_mem_psi_us
              target: 10ms
              cgroup: /system.slice
            - metric: user_input
              target: 100
              current: 1
            - metric: node_mem_free_bp
              target: 5%
              nid: 0
        max_swap_out_rate: 256MiB
        watermarks:
          metric: free_mem_rate
          interval: 5s
          high: 50%
          mid: 40%
          low: 20%
        filters:
          - type: anon
            matching: true
            allow: true
          - type: memcg
            matching: false
            allow: false
            path: /user.slice
          - type: addr
            allow: true
            addr: [0x1000, 0x2000]
          - type: hugepage_size
            allow: false
            sz: [2MiB, 2MiB]
      - name: demote
        action: migrate_cold
        to:
          - node: 1
            weight: 2
'''

MARK = '§'  # the place of the next error; taken out

# Each with the errors that it must cause, at its marks.
SCHEME = 'monitors:\n- name: m\n  source: sim\n  schemes:\n  - name: a\n    action: pageout\n    '
MIGRATE = 'monitors:\n- name: m\n  source: sim\n  schemes:\n  - name: a\n    action: migrate_hot\n    '
MONITOR = 'monitors:\n- name: m\n  source: sim\n  '
QUOTA = SCHEME + 'quotas: {sz: 1MiB, reset_interval: 1s, '
GOAL = QUOTA + 'goals: ['
FILTER = SCHEME + 'filters: ['
A_SIZE = 'a size (like 4KiB, 128MiB or 1.5GiB)'
A_DURATION = 'a duration (like 100ms, 5s or 1min 30s)'

KNOWN = [
  # the file
  ('§monitor: []', "unknown key 'monitor' at the top level (did you mean 'monitors'?)"),
  ('monitors: §[]', 'monitors: the list is empty'),
  ('monitors: §{name: a}', "monitors: must be a list (each item after '- ')"),
  ('monitors:§', 'monitors: has no value'),
  ('monitors: §~', 'monitors: has no value'),
  ('§pageout', "must be a mapping that begins with 'monitors:'"),
  ('monitors: [{name: a, source: sim}]\n§schemes: []', "unknown key 'schemes' at the top level"),
  ('monitors: [{name: a, source: sim}]\n§---\na: 1', "more than one document ('---') in the file"),
  ('§%YAML 1.1\n---\nmonitors: []', "directives are not supported: no line may begin with '%'"),
  ('§\\xff\\xfem\\x00', 'the file is in UTF-16; save it as UTF-8'),
  ('monitors: [{name: §"a\\\\0b", source: sim}]', 'a NUL character in a value'),
  ('monitors: [{name: a\\xc3§(}]', 'not a text in UTF-8: invalid trailing UTF-8 octet (0x28)'),
  ('monitors: [{name: a, source: sim}]\n§monitors: [{name: b, source: sim}]',
   "duplicate key 'monitors' (first at 1:1)"),
  ('monitors: [{name: a, source: sim}, {name: §a, source: sim}]', "duplicate monitor name 'a' (first at 1:19)"),
  ('monitors:\n- §<<: {a: 1}\n  name: a\n  source: sim', "merge keys ('<<') are not supported"),
  ('monitors:\n- name: a\n  source: sim\n  §? [x]\n  : 1',
   None),
  (MONITOR + 'intervals: {sample: §5}', "sample: '5' has no unit (did you mean '5ms'?)"),
  (MONITOR + 'intervals: {sample: §0}', "sample: '0' is out of range (1ms to 1d)"),
  (MONITOR + '§intervals: {sample: 5s}', None),
  (MONITOR + 'max_region_size: §1048576', "max_region_size: '1048576' has no unit (did you mean '1MiB'?)"),
  (MONITOR + 'ops: §fvaddr', "ops: 'fvaddr' cannot be used: fixed address ranges are not supported by this version"),
  # schemes
  (MONITOR + 'schemes: §[]', 'schemes: the list is empty'),
  (MONITOR + 'schemes: §pageout', "schemes: must be a list (each item after '- ')"),
  (MONITOR + 'schemes: [§pageout]', 'schemes: each item must be a mapping (name: ...)'),
  (MONITOR + 'schemes: [§{action: stat}]', "'name' is missing in a scheme"),
  (MONITOR + 'schemes: [§{name: a}]', "'action' is missing in a scheme"),
  (MONITOR + 'schemes: [{name: a, action: stat}, {name: §a, action: stat}]', "duplicate scheme name 'a' (first at 4:20)"),
  (MONITOR + 'schemes: [{name: §a b, action: stat}]',
   "name: 'a b' is not a name (ASCII letters, digits, '.', '_', '-'; a letter or digit first)"),
  (MONITOR + 'schemes: [{name: a, action: §page-out}]', "action: 'page-out' is unknown (did you mean 'pageout'?)"),
  (MONITOR + 'schemes: [{name: a, action: §PAGEOUT}]', "action: 'PAGEOUT' is unknown (did you mean 'pageout'?)"),
  (SCHEME + 'enabled: §on', "enabled: 'on' is not true or false (did you mean 'true'?)"),
  (SCHEME + 'dry_run: §"false"', "dry_run: 'false' in quotes is a text, must be true or false"),
  (SCHEME + 'act_on_init: §maybe', "act_on_init: 'maybe' is not true or false"),
  (SCHEME + '§dry-run: true', "unknown key 'dry-run' in a scheme (did you mean 'dry_run'?)"),
  (SCHEME + '§age: [1min, max]', "unknown key 'age' in a scheme (it belongs in 'access_pattern')"),
  (SCHEME + '§sz: 1MiB', "unknown key 'sz' in a scheme (it belongs in 'access_pattern')"),
  (SCHEME + '§apply_interval_us: 5s', "unknown key 'apply_interval_us' in a scheme (did you mean 'apply_interval'?)"),
  (SCHEME + 'apply_interval: §0', "apply_interval: '0' is out of range (1ms to 1d, or auto)"),
  (SCHEME + 'apply_interval: §100us', "apply_interval: '100us' is out of range (1ms to 1d, or auto)"),
  (SCHEME + 'apply_interval: §automatic', f"apply_interval: 'automatic' is not {A_DURATION}, nor 'auto'"),
  (SCHEME + 'max_swap_out_rate: §100MiB/s', f"max_swap_out_rate: '100MiB/s' is not {A_SIZE} (did you mean '100MiB'?)"),
  (SCHEME + 'max_swap_out_rate: §1', "max_swap_out_rate: '1' has no unit (did you mean '1GiB'?)"),
  # patterns
  (SCHEME + '§access_pattern: {}', "nothing is said in 'access_pattern'"),
  (SCHEME + 'access_pattern: §cold', 'access_pattern: must be a mapping'),
  (SCHEME + 'access_pattern: {age: §2min}', "age: must be a pair: [min, max] (did you mean '[2min, max]'?)"),
  (SCHEME + 'access_pattern: {age: §[2min]}', 'age: must be a pair: [min, max], not 1 value'),
  (SCHEME + 'access_pattern: {age: §[1s, 2s, 3s]}', 'age: must be a pair: [min, max], not 3 values'),
  (SCHEME + 'access_pattern: {age: §[2min, 60s]}', "age: '2min', the lower bound, is above the upper one"),
  (SCHEME + 'access_pattern: {age: [§120, max]}', "age: '120' has no unit (did you mean '120s'?)"),
  (SCHEME + 'access_pattern: {access_rate: [§0.1, §0.2]}', "access_rate: '0.1' has no unit (did you mean '10%'?)",
   "access_rate: '0.2' has no unit (did you mean '20%'?)"),
  (SCHEME + 'access_pattern: {access_rate: [0%, §200%]}', "access_rate: '200%' is out of range (0% to 100%)"),
  (SCHEME + 'access_pattern: {sz: [§4096, max]}', "sz: '4096' has no unit (did you mean '4KiB'?)"),
  (SCHEME + 'access_pattern: {§nr_accesses: [0%, 5%]}',
   "unknown key 'nr_accesses' in 'access_pattern' (did you mean 'access_rate'?)"),
  (SCHEME + 'access_pattern: {sz: [§*a, max]}', "aliases are not supported ('*a'): write the value out"),
  # quotas
  (SCHEME + '§quotas: {sz: 1MiB}', 'quotas: a quota of size (sz) needs a reset_interval: how often may it be used up?'),
  (SCHEME + '§quotas: {time: 1ms}', 'quotas: a quota of time needs a reset_interval: how often may it be used up?'),
  (SCHEME + '§quotas: {reset_interval: 1s}',
   'quotas: reset_interval without a quota of size (sz) or time limits nothing'),
  (SCHEME + '§quotas: {time: 2s, reset_interval: 1s}',
   'quotas: a time of 2s limits nothing: it is longer than reset_interval (1s)'),
  (SCHEME + 'quotas: {sz: §0, reset_interval: 1s}', "sz: '0' is out of range (at least 4KiB, or none)"),
  (SCHEME + 'quotas: {§sz_bytes: 1MiB, reset_interval: 1s}', "unknown key 'sz_bytes' in 'quotas' (did you mean 'sz'?)"),
  (SCHEME + 'quotas: {sz: 1MiB, §reset_interval_ms: 1s}',
   "unknown key 'reset_interval_ms' in 'quotas' (did you mean 'reset_interval'?)"),
  (QUOTA + '§age: 5}', "unknown key 'age' in 'quotas' (it belongs in 'weights')"),
  (QUOTA + 'weights: {age: §0.5}}', "age: '0.5' is not a whole number (digits only)"),
  (QUOTA + 'fail_charge: §0.5}', "fail_charge: '0.5' has no unit (did you mean '50%'?)"),
  (QUOTA + 'tuner: §temporary}', "tuner: 'temporary' is unknown (did you mean 'temporal'?)"),
  (SCHEME + '§quotas: {goals: [{metric: rss, target: 1GiB}]}',
   'quotas: goals need a quota of size (sz) or time to work within'),
  (GOAL + '§{target: 1GiB}]}', "'metric' is missing in a goal"),
  (GOAL + '§{metric: rss}]}', "'target' is missing in a goal"),
  (GOAL + '{metric: §RSS, target: 1GiB}]}', "metric: 'RSS' is unknown (did you mean 'rss'?)"),
  (GOAL + '{metric: rss, target: §50%}]}', f"target: '50%' is not {A_SIZE}"),
  (GOAL + '{metric: rss_to_wss, target: §1.5}]}', "target: '1.5' has no unit (did you mean '150%'?)"),
  (GOAL + '{metric: active_mem_bp, target: §101%}]}', "target: '101%' is out of range (1bp to 100%)"),
  (GOAL + '{metric: some_mem_psi_us, target: §10000}]}', "target: '10000' has no unit (did you mean '10000us'?)"),
  (GOAL + '§{metric: some_mem_psi_us, target: 1min}]}',
   'the target of goal some_mem_psi_us is stall time per reset_interval, it cannot be longer than that (1s)'),
  (GOAL + '{metric: rss, target: 1GiB, §nid: 0}]}', "'nid' is only for the node_ metrics"),
  (GOAL + '{metric: rss, target: 1GiB, §current: 1}]}', "'current' is only for the metric user_input"),
  (GOAL + '§{metric: node_mem_used_bp, target: 99%}]}', "'nid' is missing in a goal: it is required for the node_ metrics"),
  (GOAL + '{metric: full_mem_psi_us, target: 1ms, cgroup: §db.service}]}',
   "cgroup: 'db.service' must begin with '/' (did you mean '/db.service'?)"),
  # watermarks
  (SCHEME + '§watermarks: {high: 50%}', "'metric' is missing in 'watermarks'"),
  (SCHEME + '§watermarks: {metric: none, high: 50%}', 'watermarks: high, mid and low need a metric'),
  (SCHEME + '§watermarks: {metric: free_mem_rate, interval: 5s, high: 50%, low: 20%}',
   "'mid' is missing in 'watermarks': the metric needs it"),
  (SCHEME + '§watermarks: {metric: free_mem_rate, interval: 5s, high: 20%, mid: 40%, low: 50%}',
   'watermarks: low <= mid <= high must hold'),
  (SCHEME + 'watermarks: {metric: free_mem_rate, interval: 5s, high: §500, mid: 40%, low: 20%}',
   "high: '500' has no unit (did you mean '500permil'?)"),
  # filters
  (FILTER + '§{allow: true}]', "'type' is missing in a filter"),
  (FILTER + '§{type: anon}]', "'allow' is missing in a filter"),
  (FILTER + '{type: §anom, allow: true}]', "type: 'anom' is unknown (did you mean 'anon'?)"),
  (FILTER + '{type: anon, allow: true, §path: /a}]', "'path' is only for filters of the type memcg"),
  (FILTER + '§{type: memcg, allow: true}]', "'path' is missing in a filter: it is required for filters of the type memcg"),
  (FILTER + '{type: memcg, allow: true, path: §/a//b}]', "path: '/a//b' has a part that is empty, '.' or '..'"),
  (FILTER + '{type: addr, allow: true, addr: §[0x10, 0x10]}]', 'addr: the range is empty, as its end does not belong to it'),
  (FILTER + '{type: addr, allow: true, addr: [§-1, 5]}]', "addr: '-1' is not an address (like 0x7f0000000000)"),
  (FILTER + '{type: target, allow: true, §target: 1}]', 'there is no target 1: the monitor has 1, and the first is 0'),
  (FILTER + '{type: node, allow: true, nid: §4096}]', "nid: '4096' is out of range (0 to 1023)"),
  # destinations
  (SCHEME + '§to: [0]', "'to' is only for the actions migrate_hot and migrate_cold"),
  ('monitors:\n- {name: m, source: sim, schemes: [§{name: a, action: migrate_hot}]}',
   "'to' is missing in a scheme: migrate_hot needs at least one node"),
  (MIGRATE + 'to: §[]', 'to: the list is empty'),
  (MIGRATE + 'to: [0, §0]', 'to: node 0 is given twice'),
  (MIGRATE + 'to: [{node: 0, weight: §0}]', "weight: '0' is out of range (1 to 1000000)"),
  (MIGRATE + 'to: [§node0]', "node: 'node0' is not a whole number (digits only)"),
]


def place(text, at):
  """The place of an offset; an escaped byte counts as one character."""
  line_start = text.rfind('\n', 0, at) + 1
  return text.count('\n', 0, at) + 1, len(re.sub(r'\\x..', '?', text[line_start:at])) + 1


def known_cases():
  for number, (marked, *errors) in enumerate(KNOWN):
    text, places = '', []
    for part in marked.split(MARK)[:-1]:
      text += part
      places.append(place(text, len(text)))
    text += marked.split(MARK)[-1]
    if errors == [None]:
      yield f'known-{number}', [], text
      continue
    assert len(places) == len(errors), marked
    yield f'known-{number}', [f'{line}:{column}: {error}' for (line, column), error in zip(places, errors)], text


def lines_of_base():
  """(index, indentation with the dash, key, value) of every line; value is '' where a collection follows."""
  for index, line in enumerate(BASE.split('\n')[:-1]):
    head, key, value = re.fullmatch(r'( *(?:- )?)(\w+): ?(.*)', line).groups()
    yield index, head, key, value


def each(mutate, wanted):
  for index, head, key, value in lines_of_base():
    if wanted(key, value):
      yield '\n'.join([f'~ {index + 1}', *mutate(head, key, value)])


def is_leaf(key, value):
  return value != ''


def is_number(key, value):
  return re.match(r'\d', value) is not None


def has_unit(key, value):
  return re.fullmatch(r'\d+[a-zA-Z%]+', value) is not None


def is_bare(key, value):
  return re.fullmatch(r'\d+|true|false', value) is not None


def is_pair(key, value):
  return value.startswith('[')


def is_word(key, value):
  return re.fullmatch(r'[a-z_]+', value) is not None and value not in ('true', 'false') and key not in ('name', 'command')


def same(head, key, value):
  return f'{head}{key}: {value}'


FAMILIES = {
  'key-longer': each(lambda h, k, v: [same(h, k + 'x', v)], lambda k, v: True),
  'key-upper': each(lambda h, k, v: [same(h, k.upper(), v)], lambda k, v: True),
  'key-dotted': each(lambda h, k, v: [same(h, k + '.' + k, v)], lambda k, v: True),
  'key-twice': each(lambda h, k, v: [same(h, k, v), same(h.replace('-', ' '), k, v)], is_leaf),
  'no-value': each(lambda h, k, v: [same(h, k, '')], is_leaf),
  'null': each(lambda h, k, v: [same(h, k, 'null')], is_leaf),
  'mapping': each(lambda h, k, v: [same(h, k, '{x: 1}')], is_leaf),
  'list': each(lambda h, k, v: [same(h, k, f'[[{v}]]')], is_leaf),
  'tag': each(lambda h, k, v: [same(h, k, '!!str ' + v)], is_leaf),
  'anchor': each(lambda h, k, v: [same(h, k, '&a ' + v)], is_leaf),
  'alias': each(lambda h, k, v: [same(h, k, '*a')], is_leaf),
  'open-quote': each(lambda h, k, v: [same(h, k, '"' + v)], is_leaf),
  'open-flow': each(lambda h, k, v: [same(h, k, '[' + v)], is_leaf),
  'no-space': each(lambda h, k, v: [f'{h}{k}:{v}'], is_leaf),
  'tab': each(lambda h, k, v: ['\\x09' + same(h.lstrip(' '), k, v)], is_leaf),
  'bad-byte': each(lambda h, k, v: [same(h, k, v + '\\xff')], is_leaf),
  'bell': each(lambda h, k, v: [same(h, k, v + '\\x07')], is_leaf),
  'indent': each(lambda h, k, v: [' ' + same(h, k, v)], lambda k, v: is_leaf(k, v) and k != 'monitors'),
  'no-unit': each(lambda h, k, v: [same(h, k, re.sub(r'\D', '', v))], has_unit),
  'wrong-unit': each(lambda h, k, v: [same(h, k, re.sub(r'\D', '', v) + 'furlong')], has_unit),
  'comma': each(lambda h, k, v: [same(h, k, '1,' + v)], is_number),
  'negative': each(lambda h, k, v: [same(h, k, '-' + v)], is_number),
  'huge': each(lambda h, k, v: [same(h, k, '99999999999999999999' + v)], is_number),
  'quotes': each(lambda h, k, v: [same(h, k, f'"{v}"')], is_bare),
  'yes': each(lambda h, k, v: [same(h, k, 'yes')], lambda k, v: v in ('true', 'false')),
  'swapped': each(lambda h, k, v: [same(h, k, '[max, min]')], is_pair),
  'thrice': each(lambda h, k, v: [same(h, k, v[:-1] + ', max]')], is_pair),
  'single': each(lambda h, k, v: [same(h, k, v.strip('[]').split(',')[0])], is_pair),
  'word': each(lambda h, k, v: [same(h, k, v + 's')], is_word),
}


def mutated_cases():
  """From each family in turn, so that all of them are there whatever the total."""
  numbered = ([(f'{name}-{n}', [], text) for n, text in enumerate(texts)] for name, texts in FAMILIES.items())
  for row in itertools.zip_longest(*numbered):
    yield from (case for case in row if case)


def main():
  cases = list(itertools.islice(itertools.chain(known_cases(), mutated_cases()), TOTAL))
  assert len(cases) == TOTAL and len({text for _, _, text in cases}) == TOTAL
  path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'cases.txt')
  with open(path, 'w', encoding='utf-8') as out:
    out.write('# SPDX-License-Identifier: GPL-2.0-or-later\n# Written by generate.py, which says what this is.\n')
    out.write(f'=== base\n{BASE}')
    for name, errors, text in cases:
      out.write(f'=== {name}\n' + ''.join(f'! {error}\n' for error in errors) + text + '\n')


main()
