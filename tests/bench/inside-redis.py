#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of redis under a skewed load, within the guest: with a monitor, or (truth) swept page by page.

Requests come by the clock, so many every 5 ms. For the truth time stands still while pages are marked and looked at:
between, as many requests are served as belong to one interval. Figures as JSON on standard output."""
import argparse
import bisect
import ctypes
import importlib
import json
import os
import random
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
inside = importlib.import_module('inside')

BINARY = '/usr/bin/redis-check-rdb'  # Debian has the server under this name, too, in a package that starts nothing
SOCKET = '/tmp/redis.socket'
KEYS, SIZE = 20000, 2000
ANSWER = len(b'$%d\r\n' % SIZE) + SIZE + 2
TICK_MS, BATCH = 5, 80  # so many requests are sent together, every so many milliseconds
FILL_BATCH = 100
EXPONENT = 1.0
PAGE = 4096
WARM_UP = 2  # s
SWEEPS = {0: 20, 5: 200, 100: 100}  # interval in ms: how often it is swept
QUIET = 0.5  # what is touched, or cannot be marked, in so many of the sweeps without a request is left out
STAYED = 0.99  # of its pages must be where they were when it began
ADDR_NO_RANDOMIZE = 0x0040000


def same_addresses():
  """Runs are to be compared by address."""
  ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)


class Redis:
  def __init__(self, order, seed):
    self.process = subprocess.Popen(['redis-server', '--port', '0', '--unixsocket', SOCKET, '--save', '', '--appendonly', 'no'],
                                    executable=BINARY, stdout=subprocess.DEVNULL, cwd='/tmp', preexec_fn=same_addresses)
    while not os.path.exists(SOCKET):
      time.sleep(0.02)
    self.peer = socket.socket(socket.AF_UNIX)
    self.peer.connect(SOCKET)
    self.buffer = bytearray(1 << 20)
    self.random = random.Random(seed)
    self.ranks = list(range(KEYS - 1, -1, -1))  # latest: the key that was set last is asked for most
    if order == 'scrambled':
      self.random.shuffle(self.ranks)
    total, self.sums = 0, []
    for rank in range(KEYS):
      total += (rank + 1) ** -EXPONENT
      self.sums.append(total)

  def send(self, commands, answer):
    self.peer.sendall(b''.join(b'*%d\r\n' % len(c) + b''.join(b'$%d\r\n%s\r\n' % (len(w), w) for w in c) for c in commands))
    left = answer * len(commands)
    while left > 0:
      n = self.peer.recv_into(self.buffer, min(left, len(self.buffer)))
      if n == 0:
        sys.exit('redis closed the connection')
      left -= n

  def fill(self):
    for first in range(0, KEYS, FILL_BATCH):
      self.send([(b'SET', b'%d' % key, (b'%d:' % key).ljust(SIZE, b'x')) for key in range(first, first + FILL_BATCH)], len(b'+OK\r\n'))

  def ask(self):
    picks = (self.random.random() * self.sums[-1] for _ in range(BATCH))
    self.send([(b'GET', b'%d' % self.ranks[bisect.bisect_left(self.sums, x)]) for x in picks], ANSWER)

  def ask_for(self, seconds):
    """By the clock; late ones are made up for."""
    begun, ticks = time.monotonic_ns(), 0
    while ticks * TICK_MS < seconds * 1000:
      self.ask()
      ticks += 1
      wait = begun + ticks * TICK_MS * 1_000_000 - time.monotonic_ns()
      if wait > 0:
        time.sleep(wait / 1e9)

  def pages(self):
    """(address, frame) of all pages that are there."""
    result = []
    with open(f'/proc/{self.process.pid}/maps', encoding='ascii') as maps, open(f'/proc/{self.process.pid}/pagemap', 'rb', 0) as pagemap:
      for line in maps:
        start, end = (int(x, 16) for x in line.split()[0].split('-'))
        if '[v' in line:  # vvar, vdso, vsyscall
          continue
        entries = os.pread(pagemap.fileno(), (end - start) // PAGE * 8, start // PAGE * 8)
        result += [(start + i * PAGE, entry & (1 << 55) - 1) for i, (entry,) in enumerate(struct.iter_unpack('<Q', entries)) if entry >> 63]
    return result

  def end(self):
    self.peer.close()
    self.process.kill()
    self.process.wait()


def runs_of(words):
  """(first, how many) of consecutive numbers."""
  result = []
  for word in sorted(words):
    if result and word == result[-1][0] + result[-1][1]:
      result[-1][1] += 1
    else:
      result.append([word, 1])
  return result


def sweep(redis):
  """For each interval: in how many of the sweeps each page was touched."""
  pages = redis.pages()
  runs = runs_of({frame // 64 for _, frame in pages})
  result = {}
  with open('/sys/kernel/mm/page_idle/bitmap', 'r+b', 0) as bitmap:
    for interval, times in SWEEPS.items():
      touched = [0] * len(pages)
      for _ in range(times):
        for first, n in runs:
          os.pwrite(bitmap.fileno(), b'\xff' * (8 * n), first * 8)
        for _ in range(interval // TICK_MS):
          redis.ask()
        words = {}
        for first, n in runs:
          words.update(zip(range(first, first + n), struct.unpack(f'<{n}Q', os.pread(bitmap.fileno(), 8 * n, first * 8))))
        for i, (_, frame) in enumerate(pages):
          touched[i] += not words[frame // 64] >> frame % 64 & 1
      result[interval] = [n / times for n in touched]
  stayed = set(redis.pages())
  kept = [i for i, page in enumerate(pages) if page in stayed]
  if len(kept) < STAYED * len(pages):
    sys.exit(f'inside-redis: {len(pages) - len(kept)} of {len(pages)} pages moved meanwhile')
  kept = [i for i in kept if result[0][i] < QUIET]
  return {'pages': [pages[i][0] for i in kept], 'rates': {k: [rates[i] for i in kept] for k, rates in result.items()}}


def monitored(redis, args):
  monitor = {'udamon': lambda: inside.Udamon(args), 'kdamon': lambda: inside.KernelDamon(args)}[args.tool]()
  monitor.begin()
  monitor.start(redis.process.pid)
  before = inside.usage(monitor.pid)
  redis.ask_for(args.seconds)
  after = inside.usage(monitor.pid)
  redis.end()
  figures = monitor.end()
  monitor.save(args.out)
  return {'before': before, 'after': after, **figures}


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--tool', choices=['udamon', 'kdamon', 'truth'], required=True)
  parser.add_argument('--order', choices=['latest', 'scrambled'], required=True)
  parser.add_argument('--seconds', type=int, default=40)
  parser.add_argument('--build', default='build/gcc')
  parser.add_argument('--intervals', default='')
  parser.add_argument('--options', default='')
  parser.add_argument('--cpu-limit', default='')
  parser.add_argument('--seed', type=int, default=1)
  parser.add_argument('--out', required=True)
  args = parser.parse_args()
  args.record = True
  if not os.path.exists(BINARY):
    sys.exit('inside-redis: no redis-tools installed (contrib/deps test)')
  redis = Redis(args.order, args.seed)
  redis.fill()
  redis.ask_for(WARM_UP)
  if args.tool == 'truth':
    figures = sweep(redis)
    redis.end()
  else:
    figures = monitored(redis, args)
    figures['real_offset'] = time.time_ns() - time.monotonic_ns()
  json.dump(figures, sys.stdout)
  print()


if __name__ == '__main__':
  main()
