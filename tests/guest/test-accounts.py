#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Within the guest: what a daemon says that it did (statistics, events, metrics), against what the kernel did; and what is
left of it, and of the machine, when the daemon is killed again and again; see acting.py. Wants zram swap.
"""
import json
import os
import random
import re
import shutil
import socket
import stat
import subprocess
import sys
import time

import acting
from acting import MIB, PAGE, Monitor, Puppet, brief, cold, read, same, swap_device, wait_until, want, write

SEED = 1
KILLS = 50

# ---- Accounts ----


def written():
  """Bytes that went to swap since it was made, what made it included."""
  os.sync()
  return swap_device()[1] * PAGE


def metric(server, name, monitor):
  """A counter of a monitor's only scheme, as the collector of the node exporter would read it."""
  text = server.call('metrics', parse=False)
  found = re.findall(rf'^udamon_scheme_{name}_total{{monitor="{monitor}",scheme="s"}} (\d+)$', text, re.MULTILINE)
  same(len(found), 1, f'samples of {name} of {monitor}')
  return int(found[0])


def told(server, monitor):
  """The sums of the numbers in the events about what a monitor's schemes did, and how many such events there are."""
  sums, n = {}, 0
  for event in server.call('events', monitor)['events']:
    if event['kind'] == 'scheme_acted':
      n += 1
      for number in event['numbers']:
        sums[number['name']] = sums.get(number['name'], 0) + number['value']
  return sums, n


def check_told(server, m, state):
  """With the monitor stopped, its last event has been written."""
  m.stop()
  sums, n = told(server, m.name)
  for name in 'tried', 'applied', 'would':
    same(sums.get(name, 0), state[f'{name}_bytes'], f'{name} in {n} events; {brief(state)}')
  want(n > 0 and sums['time'] > 0 and sums['passes'] > 0, f'{n} events: {sums}')


def accounts_agree(server):
  """pageout: statistics, metrics, events, the process's VmSwap and the bytes written to swap are the same"""
  with Puppet() as p:
    idle = p.map('anon', 24 * MIB)
    back = (idle[0], 6 * MIB)
    # what was taken rests until all of it is seen to be in use
    with Monitor(server, [p], cold('4s', quotas={'sz': '8MiB', 'reset_interval': '500ms'})) as m:
      # the daemon tries pageout on itself first
      before = written()
      state = m.until(lambda s: s['applied_bytes'] == idle[1])
      same((p.swapped(), written() - before), (idle[1], idle[1]), 'VmSwap, and bytes written to swap')
      p.do('look', back)
      p.do('beat', back, 30)
      m.until(lambda s: s['refaulted_bytes'] >= back[1])
      # what is taken although it is in use comes back by itself
      state = m.until(lambda s: s['applied_bytes'] - s['refaulted_bytes'] == p.swapped() == idle[1] - back[1])
      # and what is used while it is being written is not out, but was written
      want(state['applied_bytes'] <= written() - before <= state['applied_bytes'] + MIB,
           f'{written() - before} bytes written to swap: {brief(state)}')
      for key in 'tried_bytes', 'applied_bytes', 'refaulted_bytes', 'would_bytes':
        same(metric(server, key, m.name), state[key], f'the metric {key}')
      check_told(server, m, state)
    p.unharmed(idle)


def accounts_of_a_dry_run(server):
  """dry run: what would have been done is the same everywhere, and nothing is done"""
  with Puppet() as p:
    idle = p.map('anon', 24 * MIB)
    with Monitor(server, [p], cold('1s', dry_run=True, quotas={'sz': '8MiB', 'reset_interval': '500ms'})) as m:
      before = written()
      m.until(lambda s: s['would_bytes'] >= idle[1])
      m.change('disable', f'{m.name}/s')
      # a plan that was on its way has ended when others have begun
      passes = m.runtime()['passes']
      time.sleep(0.5)
      state = m.runtime()
      same((state['passes'], state['tried_bytes'], state['applied_bytes']), (passes, 0, 0), 'passes, tried, applied')
      same(metric(server, 'would_bytes', m.name), state['would_bytes'], 'the metric would_bytes')
      check_told(server, m, state)
    same((p.swapped(), written() - before), (0, 0), 'in swap, written to swap')


# ---- Killed ----

COUNTERS = ('passes', 'tried_bytes', 'tried_regions', 'applied_bytes', 'applied_regions', 'refaulted_bytes', 'quota_exceeded',
            'time_ns', 'calls')
# what can be written, and changes by itself
VOLATILE = re.compile(r'/(stats|damon|page_idle|random)/|\.pressure$|/(ns_last_pid|stat_refresh|cgroup\.procs|cgroup\.threads)$')


class Killed:
  """A daemon with a configuration and a state directory, to be killed."""
  directory = '/tmp/killed'
  socket = directory + '/socket'
  states = directory + '/states'
  saved = states + '/state'

  def __init__(self, pid):
    shutil.rmtree(self.directory, ignore_errors=True)
    os.makedirs(self.directory)
    self.log = open(f'{self.directory}/log', 'ab')  # pylint: disable=consider-using-with
    plan = cold('200ms', quotas={'sz': '6MiB', 'reset_interval': '200ms'})
    write(f'{self.directory}/config.yaml',
          'monitors:\n  - ' + acting.flow({'name': 'x', 'source': 'idle', 'targets': [{'pid': pid}], 'nr_regions': {'min': 10, 'max': 200},
                                           'intervals': {'sample': '10ms', 'aggregate': '100ms', 'update': '300ms'},
                                           'schemes': [plan]}) + '\n')

  def begin(self):
    """Starts it, on what the one before has left, and waits for its answer."""
    self.process = subprocess.Popen([acting.daemon, '--config', f'{self.directory}/config.yaml', '--socket', self.socket,
                                     '--state-directory', self.states, '--state-interval', '50ms', '--cpu-limit', 'none'],
                                    stdout=self.log, stderr=self.log)
    wait_until(self.connect, 10, lambda: f'an answer: {self.said()}')

  def connect(self):
    want(self.process.poll() is None, f'it ended with {self.process.poll()}: {self.said()}')
    self.peer = socket.socket(socket.AF_UNIX)
    try:
      self.peer.connect(self.socket)
    except (FileNotFoundError, ConnectionRefusedError):
      self.peer.close()
      return False
    return True

  def said(self):
    return read(f'{self.directory}/log')[-2000:]

  def runtime(self):
    self.peer.sendall(b'{"method":"io.udamon.monitor.GetSchemes","parameters":{"name":"x"}}\0')
    answer = b''
    while not answer.endswith(b'\0'):
      piece = self.peer.recv(65536)
      want(piece, f'it hung up: {self.said()}')
      answer += piece
    answer = json.loads(answer[:-1])
    want('error' not in answer, str(answer))
    return answer['parameters']['schemes'][0]['runtime']

  def end(self, kill=True):
    self.peer.close()
    if kill:
      self.process.kill()
    else:
      self.process.terminate()
    same(self.process.wait(acting.PATIENCE), -9 if kill else 0, f'exit status: {self.said()}')

  def save(self):
    """Which save the file is of."""
    try:
      found = os.stat(self.saved)
    except FileNotFoundError:
      return None
    return found.st_ino, found.st_mtime_ns

  def on_disk(self):
    """What the file says of the scheme; it is whole at any moment."""
    if not os.path.exists(self.saved):
      return {}
    head, _, body = read(self.saved).partition('\n')
    want(head.startswith('udamon-state 1 '), f'the state begins with {head[:40]!r}')
    for monitor in json.loads(body)['monitors']:
      for s in monitor['schemes']:
        return s['stats']
    return {}


class Watch:
  """What was true when the last save but one ended: the save after that began later, so it holds no less."""

  def __init__(self, daemon):
    self.daemon, self.saves, self.seen, self.last = daemon, [], {}, daemon.save()

  def look(self):
    before, self.seen = self.seen, self.daemon.runtime()
    save = self.daemon.save()
    if save != self.last:
      # what was seen now may have come after it had ended
      self.saves.append(before)
      self.last = save
    return self.seen

  def least(self):
    return self.saves[-2] if len(self.saves) >= 2 else {}


def settings(pid):
  """What a daemon might change of the machine and of its target, and must not leave changed."""
  found = {}
  for top in '/proc/sys/vm', '/proc/sys/kernel', '/sys/kernel/mm', '/sys/fs/cgroup':
    for directory, _, names in os.walk(top):
      for name in names:
        path = os.path.join(directory, name)
        mode = os.stat(path).st_mode
        # what can be set; the rest tells what goes on
        if mode & stat.S_IWUSR and mode & stat.S_IRUSR and not VOLATILE.search(path):
          try:
            found[path] = read(path)
          except OSError as e:
            found[path] = str(e)
  for name in 'limits', 'oom_score_adj', 'timerslack_ns', 'maps':
    found[name] = read(f'/proc/{pid}/{name}')
  for line in read(f'/proc/{pid}/status').splitlines():
    name, _, value = line.partition(':')
    if name in ('TracerPid', 'VmLck', 'VmPin', 'CapEff', 'NoNewPrivs', 'Seccomp', 'Cpus_allowed', 'Mems_allowed', 'THP_enabled'):
      found[name] = value
  found['VmFlags'] = re.findall(r'^VmFlags: (.*)$', read(f'/proc/{pid}/smaps'), re.MULTILINE)
  found['priority'] = read(f'/proc/{pid}/stat').rpartition(')')[2].split()[15:17]
  found['swaps'] = [line.split()[:3] for line in read('/proc/swaps').splitlines()]
  return found


def one_life(daemon, rng, p, idle, last):
  """From start to kill -9: at a random moment, mostly after so and so many bytes were paged out. Returns what the file
  said then, and how much was out."""
  daemon.begin()
  watch = Watch(daemon)
  first = watch.look()
  for key in COUNTERS:
    saved = last.get(key.removesuffix('_bytes').removesuffix('_ns'))
    want(saved is None or first[key] >= saved, f'{key} is {first[key]} after a restart, and was saved as {saved}')
  same(first['errors'], [], 'errors')
  if rng.random() < 0.2:
    end = time.monotonic() + rng.uniform(0, 0.4)
    while time.monotonic() < end:
      watch.look()
  else:
    size = rng.uniform(0, idle[1])
    wait_until(lambda: watch.look() and p.swapped() >= size, 20, lambda: f'{size} bytes to be paged out: {brief(watch.seen)}')
  daemon.end()
  saved = daemon.on_disk()
  for key in 'tried', 'applied', 'refaulted':
    least = watch.least().get(f'{key}_bytes', 0)
    want(saved.get(key, 0) >= least, f'{key} is saved as {saved.get(key)}, and was {least} two saves ago')
  return saved, p.swapped()


def killed_while_acting(server):
  """kill -9 at 50 random moments while acting: memory, machine and state are whole, and statistics as of the last save"""
  rng = random.Random(SEED)
  with Puppet() as p, Puppet() as other:
    hot, idle = p.map('anon', 2 * MIB), p.map('anon', 16 * MIB)
    p.do('beat', hot, 20)
    third = other.map('anon', 4 * MIB)
    daemon, before, start, begin = Killed(p.pid), settings(p.pid), written(), time.monotonic()
    last, within = {}, 0
    for _ in range(KILLS):
      last, out = one_life(daemon, rng, p, idle, last)
      within += 0 < out < idle[1]
      # reads it all, so that it comes back and there is something to do for the next one
      p.unharmed(idle)
      p.unharmed(hot)
      want(last.get('applied', 0) <= written() - start, f'{last} saved, {written() - start} bytes written to swap')
    print(f'seed {SEED}: {within} of {KILLS} were killed with a part paged out; {last.get("applied", 0)} of '
          f'{written() - start} bytes are in the statistics', file=sys.stderr)
    want(within >= KILLS / 3, f'only {within} of {KILLS} were killed in the midst of it')
    # a restart knows of all of its window but what was done since the last save
    windows = (time.monotonic() - begin) / 0.2 + 1 + KILLS
    want(written() - start <= windows * 6 * MIB, f'{written() - start} bytes in {windows:.0f} windows and restarts')
    after = settings(p.pid)
    same({k: v for k, v in after.items() if v != before.get(k)}, {k: before[k] for k in after if after[k] != before.get(k)}, 'changed')
    same((other.swapped(), other.present(third)), (0, third[1]), 'of a process that is no target, in swap and resident')

    # one that may end as it likes takes over what they left, and takes its own away
    daemon.begin()
    want(daemon.runtime()['applied_bytes'] >= last['applied'], 'the last statistics')
    daemon.end(kill=False)
    same(sorted(os.listdir(daemon.states)), ['state'], 'in the state directory')
    want(not os.path.exists(daemon.socket), 'the socket is still there')
    want(not re.search('not taken over|cannot save|no state is kept|error', daemon.said()), daemon.said())

    # and marks in the idle bitmap that were left behind mislead nobody
    p.unharmed(idle)
    with Monitor(server, [p], cold('2s')) as m:
      state = m.until(lambda s: p.absent(idle) >= idle[1] * 0.95)
      want(p.present(hot) >= hot[1] * 0.98, f'{hot[1] - p.present(hot)} bytes of hot memory were paged out: {brief(state)}')
    p.unharmed(idle)


acting.main([accounts_agree, accounts_of_a_dry_run, killed_while_acting])
