#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Within a guest of two or three NUMA nodes, of which only the first has CPUs: what migration does, seen from outside."""
import acting
from acting import MIB, PAGE, Monitor, Puppet, check_counts, once, same, scheme, within


def cold_to(area, node, **more):
  return scheme('migrate_cold', [within(area)], to=[node], **more)


def migrate_cold_moves(server):
  """migrate_cold: memory goes to the node that is named, page for page as counted, unharmed"""
  with Puppet() as p:
    area = p.map('anon', 16 * MIB)
    same(p.nodes(area), {0: area[1]}, 'where it was')
    with Monitor(server, [p], cold_to(area, 1)) as m:
      state = m.done()
      check_counts(state, tried=area[1])
    same(p.nodes(area), {1: area[1]}, 'where it is')
    p.unharmed(area)


CHECKS = [migrate_cold_moves]

if __name__ == '__main__':
  acting.main(CHECKS)
