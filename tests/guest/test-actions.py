#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Within the guest: what each action and each filter does to memory, seen from outside, against what the daemon says.

Wants zram swap and memory cgroups.
"""
import os
import subprocess

import acting
from acting import (ACTIVE, BLOCK, LRU, MIB, OUTSIDE, PAGE, Monitor, Puppet, addr, between, brief, check_counts, huge_splits, once, page, read, same,
                    scheme, swap_device, want, within, write)

THP = '/sys/kernel/mm/transparent_hugepage/enabled'
DISK = '/tmp/disk'


# ---- Actions ----

def stat_only_counts(server):
  """stat: counts what matches, and touches nothing"""
  with Puppet() as p:
    area = p.map('anon', 8 * MIB)
    with Monitor(server, [p], scheme('stat', [within(area)], apply_interval='auto')) as m:
      state = m.until(lambda s: s['passes'] >= 3)
    same(state['matched_bytes'], area[1], 'matched')
    check_counts(state, tried=0)
    same(state['calls'], 0, 'calls')
    same(p.present(area), area[1], 'present')


def pageout_anon(server):
  """pageout: anonymous memory goes to swap, page for page as counted, and comes back unharmed"""
  with Puppet() as p:
    area = p.map('anon', 16 * MIB)
    out = swap_device()[1]
    with Monitor(server, [p], scheme('pageout')) as m:
      state = m.done()
      check_counts(state, tried=area[1])
      same(state['matched_bytes'], area[1], 'matched')
      same(p.absent(area), area[1], 'swapped, by pagemap')
      same(p.swapped(), area[1], 'swapped, by the process')
      between((swap_device()[1] - out) * PAGE, area[1], area[1] + MIB, 'written to the swap')
      p.unharmed(area)
      state = m.until(lambda s: s['refaulted_bytes'] >= area[1])
      same(state['refaulted_bytes'], area[1], 'refaulted')


def pageout_parts(server):
  """pageout: just the pages of an address range"""
  with Puppet() as p:
    area = p.map('anon', 8 * MIB)
    part = (area[0] + 3 * MIB + 5 * PAGE, 2 * MIB + 7 * PAGE)
    check_counts(once(server, p, 'pageout', [within(part)]), tried=part[1])
    same(p.absent(part), part[1], 'swapped there')
    same(p.swapped(), part[1], 'swapped at all')


def make_disk():
  if os.path.ismount(DISK):
    return
  number = read('/sys/class/zram-control/hot_add').strip()
  write(f'/sys/block/zram{number}/disksize', '96M')
  subprocess.run(['mkfs.ext4', '-q', f'/dev/zram{number}'], check=True)
  os.makedirs(DISK, exist_ok=True)
  subprocess.run(['mount', f'/dev/zram{number}', DISK], check=True)


def pageout_file(server):
  """pageout: clean pages of a file are dropped, dirty ones are counted as tried in vain"""
  make_disk()
  with Puppet() as p:
    clean = p.map('file', 8 * MIB, f'{DISK}/clean')
    dirty = p.map('file', 4 * MIB, f'{DISK}/dirty')
    check_counts(once(server, p, 'pageout', [within(clean)]), tried=clean[1])
    same(p.present(clean), 0, 'resident')
    p.do('fill', dirty)
    state = once(server, p, 'pageout', [within(dirty)])
    check_counts(state, tried=dirty[1], applied=None)
    same(state['applied_bytes'], dirty[1] - p.present(dirty), 'applied')
    p.unharmed(dirty)
    same(p.swapped(), 0, 'swapped')


def pageout_shmem(server):
  """pageout: shared memory goes to swap, too"""
  with Puppet() as p:
    area = p.map('shmem', 8 * MIB)
    check_counts(once(server, p, 'pageout'), tried=area[1])
    same(p.present(area), 0, 'resident')
    p.unharmed(area)


def lru_lists(server):
  """lru_prio, lru_deprio, cold: pages change between the active and the inactive list"""
  with Puppet() as p:
    area = p.map('anon', 8 * MIB)
    want(all(f & LRU for f in p.flags(area)[:-64]), 'pages are on no list')
    for action, active in (('lru_prio', True), ('lru_deprio', False), ('lru_prio', True), ('cold', False)):
      check_counts(once(server, p, action), tried=area[1])
      share = p.active(area)
      want(share > 0.97 if active else share < 0.03, f'{share:.1%} are active after {action}')
    same(p.present(area), area[1], 'resident')


def willneed_reads_ahead(server):
  """willneed: what was swapped out is read back, once"""
  with Puppet() as p:
    area = p.map('anon', 8 * MIB)
    check_counts(once(server, p, 'pageout'), tried=area[1])
    before = swap_device()[0]
    check_counts(once(server, p, 'willneed'), tried=area[1])
    between((swap_device()[0] - before) * PAGE, area[1] * 0.99, area[1] + MIB, 'read from the swap')
    faults = p.major_faults()
    p.unharmed(area)
    between(p.major_faults() - faults, 0, 20, 'major faults afterwards')


def willneed_file(server):
  """willneed: pages of a file are read into the cache"""
  make_disk()
  with Puppet() as p:
    area = p.map('file', 8 * MIB, f'{DISK}/need')
    check_counts(once(server, p, 'pageout'), tried=area[1])
    once(server, p, 'willneed')
    faults = p.major_faults()
    p.do('look', area)
    between(p.major_faults() - faults, 0, 4, 'major faults afterwards')


def huge_pages_are_made(server):
  """hugepage, collapse: memory becomes huge, also where THP is off"""
  before = read(THP).split('[')[1].split(']')[0]
  try:
    for action, mode in (('collapse', 'madvise'), ('hugepage', 'madvise'), ('collapse', 'never'), ('hugepage', 'never')):
      write(THP, mode)
      with Puppet() as p:
        area = p.map('anon', 8 * MIB)
        same(p.smaps('AnonHugePages', area), 0, 'huge before')
        state = once(server, p, action)
        check_counts(state, tried=area[1], edge=0)
        same(p.smaps('AnonHugePages', area), area[1], f'huge after {action} with THP {mode}')
        p.unharmed(area)
        check_counts(once(server, p, action), tried=0, nothing=area[1])
  finally:
    write(THP, before)


def collapse_leaves_edges(server):
  """collapse: only whole blocks"""
  with Puppet() as p:
    area = p.map('anon', 6 * MIB)
    part = (area[0] + MIB, 4 * MIB)
    check_counts(once(server, p, 'collapse', [within(part)]), tried=2 * MIB, edge=2 * MIB)
    same(p.smaps('AnonHugePages', area), 2 * MIB, 'huge')


def nohugepage_splits(server):
  """nohugepage: huge pages are split"""
  with Puppet() as p:
    area = p.map('huge', 8 * MIB)
    same(p.smaps('AnonHugePages', area), area[1], 'huge before')
    before = huge_splits()
    check_counts(once(server, p, 'nohugepage'), tried=area[1])
    same(p.smaps('AnonHugePages', area), 0, 'huge after')
    same(huge_splits()[0] - before[0], area[1] // BLOCK, 'huge pages split')
    same(p.present(area), area[1], 'resident')
    p.unharmed(area)


def edges_stay_whole(server):
  """pageout, cold: a huge page at the edge is not split"""
  with Puppet() as p:
    area = p.map('huge', 8 * MIB)
    part = (area[0] + MIB, 6 * MIB)
    before = huge_splits()
    check_counts(once(server, p, 'cold', [within(part)]), tried=4 * MIB, edge=2 * MIB)
    same(huge_splits(), before, 'huge pages split')
    same(p.smaps('AnonHugePages', area), area[1], 'huge after cold')
    check_counts(once(server, p, 'pageout', [within(part)]), tried=4 * MIB, edge=2 * MIB)
    same(p.smaps('AnonHugePages', area), 4 * MIB, 'huge after pageout')
    same(p.absent((area[0] + 2 * MIB, 4 * MIB)), 4 * MIB, 'swapped')
    after = huge_splits()
    between(after[0] - before[0], 0, after[2] - before[2], 'huge pages split (at most those that swap had no room for in one piece)')
    p.unharmed(area)


def dry_runs(server):
  """dry run: changes nothing, and counts what the real run does"""
  with Puppet() as p:
    area = p.map('anon', 12 * MIB)
    before = p.entries(area)
    # all of the process, libraries and stack, too
    with Monitor(server, [p], scheme('pageout', filters=(), dry_run=True)) as m:
      would = m.done()
      want(would['would_bytes'] >= area[1], brief(would))
      check_counts(would, tried=0, would=None)
      same(would['calls'], 0, 'calls')
      same(p.swapped(), 0, 'swapped')
      want(p.entries(area) == before, 'pagemap changed')
      m.change('dry-run', f'{m.name}/s', 'off')
      state = m.until(lambda s: s['tried_bytes'])
      between(state['tried_bytes'], would['would_bytes'] * 0.95, would['would_bytes'] * 1.05, 'tried, against the dry run')
      same(p.absent(area), area[1], 'swapped')


def dry_run_of_everything(server):
  """dry run: of every action"""
  with Puppet() as p:
    area = p.map('anon', 4 * MIB)
    before = (p.smaps('AnonHugePages', area), p.active(area))
    for action in ('cold', 'collapse', 'hugepage', 'lru_prio', 'lru_deprio'):
      check_counts(once(server, p, action, dry_run=True), tried=0, would=area[1])
    check_counts(once(server, p, 'willneed', dry_run=True), tried=0, nothing=area[1])
    same((p.smaps('AnonHugePages', area), p.active(area)), before, 'huge bytes, active share')


# ---- Filters ----

def filter_anon_and_file(server):
  """filters anon and file: allow and reject"""
  make_disk()
  for filters, anon_goes in (((page('anon', True),), True), ((page('anon', False),), False), ((page('file', True),), False),
                             ((page('file', False, matching=False),), False), ((page('anon', True, matching=False),), False)):
    with Puppet() as p:
      anon, file = p.map('anon', 4 * MIB), p.map('file', 2 * MIB, f'{DISK}/filter')
      gone, left = (anon, file) if anon_goes else (file, anon)
      check_counts(once(server, p, 'pageout', (OUTSIDE, *filters)), tried=gone[1], filtered=left[1])
      same((p.present(gone), p.present(left)), (0, left[1]), f'resident of both, {filters}')


def filter_memcg(server):
  """filter memcg: only what is charged to the cgroup"""
  root = '/sys/fs/cgroup'
  write(f'{root}/cgroup.subtree_control', '+memory')
  for name in ('a', 'b'):
    os.makedirs(f'{root}/{name}', exist_ok=True)
  with Puppet('a') as p:
    first = p.map('anon', 4 * MIB)
    write(f'{root}/b/cgroup.procs', str(p.pid))
    second = p.map('anon', 2 * MIB)
    check_counts(once(server, p, 'pageout', (OUTSIDE, page('memcg', True, path='/b'))), tried=second[1], filtered=first[1])
    same((p.absent(first), p.absent(second)), (0, second[1]), 'swapped of a and b')
    check_counts(once(server, p, 'pageout', (OUTSIDE, page('memcg', True, path='/none'))), tried=0, filtered=first[1])
    check_counts(once(server, p, 'pageout', (OUTSIDE, page('memcg', False, path='/b'))), tried=first[1], filtered=0)
    same(p.absent(first), first[1], 'swapped of a')


def filter_target(server):
  """filter target: one of two processes"""
  with Puppet() as p, Puppet() as q:
    area, _ = p.map('anon', 4 * MIB), q.map('anon', 4 * MIB)
    filters = ({'type': 'target', 'matching': True, 'target': 0, 'allow': False}, OUTSIDE)
    with Monitor(server, [p, q], scheme('pageout', filters)) as m:
      check_counts(m.done(), tried=area[1])
    same((p.swapped(), q.swapped()), (0, area[1]), 'swapped of the first and the second')


def filter_addr_reject(server):
  """filter addr: a range that is left alone"""
  with Puppet() as p:
    area = p.map('anon', 4 * MIB)
    keep = (area[0] + MIB, MIB)
    check_counts(once(server, p, 'pageout', (addr(keep[0], sum(keep), allow=False), OUTSIDE)), tried=3 * MIB)
    same((p.present(keep), p.swapped()), (MIB, 3 * MIB), 'kept, swapped')


def filter_hugepage_size(server):
  """filter hugepage_size: huge pages or small ones"""
  for sizes, huge_goes in ((['2MiB', '2MiB'], True), (['4KiB', '4KiB'], False)):
    with Puppet() as p:
      huge, small = p.map('huge', 4 * MIB), p.map('anon', 2 * MIB)
      same(p.smaps('AnonHugePages', huge), huge[1], 'huge')
      gone, left = (huge, small) if huge_goes else (small, huge)
      check_counts(once(server, p, 'pageout', (OUTSIDE, page('hugepage_size', True, sz=sizes))), tried=gone[1], filtered=left[1])
      same((p.absent(gone), p.absent(left)), (gone[1], 0), 'swapped of both')


def shared_memory(server):
  """shared after fork: pageout and cold leave it alone, the filter tells it, and it is handed on when the child has gone"""
  with Puppet() as p:
    area = p.map('anon', 4 * MIB)
    child = p.ask('fork')
    own = p.map('anon', 2 * MIB)
    for action in ('cold', 'pageout'):
      check_counts(run_alone(server, p, action), tried=own[1], shared=area[1])
    same((p.absent(area), p.absent(own)), (0, own[1]), 'swapped of both')
    check_counts(run_alone(server, p, 'lru_prio', (OUTSIDE, page('shared', False))), tried=0, filtered=area[1])
    check_counts(run_alone(server, p, 'lru_prio', (OUTSIDE, page('shared', True))), tried=area[1])
    os.kill(child, 9)
    same(p.ask('reap'), 1, 'children killed')
    check_counts(run_alone(server, p, 'pageout'), tried=area[1])
    p.unharmed(area)


def run_alone(server, target, *arguments):
  """One pass over a process without its children."""
  with Monitor(server, [target], scheme(*arguments), options=['--no-children']) as m:
    return m.done()


def filter_swapped(server):
  """filter swapped: what is in swap, and what is not"""
  with Puppet() as p:
    area = p.map('anon', 4 * MIB)
    half = (area[0], 2 * MIB)
    check_counts(once(server, p, 'pageout', [within(half)]), tried=half[1])
    check_counts(once(server, p, 'willneed', (OUTSIDE, page('swapped', False))), tried=0, filtered=half[1])
    check_counts(once(server, p, 'willneed', (OUTSIDE, page('swapped', True))), tried=half[1])


def filter_active(server):
  """filter active: pages of the active list are spared"""
  with Puppet() as p:
    area = p.map('anon', 4 * MIB)
    half = (area[0], 2 * MIB)
    check_counts(once(server, p, 'lru_prio', [within(half)]), tried=half[1])
    active = sum(1 for f in p.flags(area) if f & ACTIVE) * PAGE
    between(active, half[1] * 0.97, half[1], 'active bytes')
    state = once(server, p, 'pageout', (OUTSIDE, page('active', False)))
    same(p.absent(area), state['applied_bytes'], 'swapped')
    between(state['outcomes'].get('filtered', 0), active, half[1], 'filtered')
    between(state['tried_bytes'], 2 * MIB, 4 * MIB - active, 'tried')


def filter_young(server):
  """filter young: what was touched just now is spared"""
  with Puppet() as p:
    hot, idle = p.map('anon', 4 * MIB), p.map('anon', 4 * MIB)
    p.do('beat', hot, 20)
    # the first pass marks pages; from the second on they are known
    with Monitor(server, [p], scheme('pageout', (OUTSIDE, page('young', False)), apply_interval='1s')) as m:
      m.until(lambda s: s['tried_bytes'] >= idle[1])
      passes = m.runtime()['passes']
      state = m.until(lambda s: s['passes'] >= passes + 3)
    same(p.absent(idle), idle[1], 'swapped of the idle half')
    # a machine that stands still for a second lets some of the hot pages look idle, never most of them
    between(state['tried_bytes'], idle[1], idle[1] + hot[1] // 4, 'tried')


def filter_unmapped(server):
  """filter unmapped: nothing that a process maps is unmapped"""
  with Puppet() as p:
    area = p.map('anon', 2 * MIB)
    check_counts(once(server, p, 'pageout', (OUTSIDE, page('unmapped', True))), tried=0, filtered=area[1])
    check_counts(once(server, p, 'pageout', (OUTSIDE, page('unmapped', False))), tried=area[1])


def locked_memory(server):
  """mlocked memory is unevictable, and what lies around it is not"""
  with Puppet() as p:
    area = p.map('anon', 6 * MIB)
    locked = (area[0] + 2 * MIB, 2 * MIB)
    p.do('lock', locked)
    for action in ('cold', 'pageout'):
      state = once(server, p, action)
      check_counts(state, tried=4 * MIB, unevictable=2 * MIB)
      same(state['errors'], [], 'errors')
    same((p.present(locked), p.swapped()), (locked[1], 4 * MIB), 'locked, swapped')


acting.main([
  stat_only_counts, pageout_anon, pageout_parts, pageout_file, pageout_shmem, lru_lists, willneed_reads_ahead,
  willneed_file, huge_pages_are_made, collapse_leaves_edges, nohugepage_splits, edges_stay_whole, dry_runs,
  dry_run_of_everything, filter_anon_and_file, filter_memcg, filter_target, filter_addr_reject, filter_hugepage_size,
  shared_memory, filter_swapped, filter_active, filter_young, filter_unmapped, locked_memory,
])
