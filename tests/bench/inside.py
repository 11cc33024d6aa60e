#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One measured run, within the guest: a workload, with or without a monitor; figures as JSON on standard output.

The monitor starts once the workload has announced its first phase, so that all its memory is mapped. CPU time is
taken from /proc/PID/schedstat, in nanoseconds, from then until the workload has ended and is a zombie. Kernel DAMON's
results wait in the kernel's trace buffer until then, so that reading them costs nothing while it runs.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time

ADMIN = '/sys/kernel/mm/damon/admin/kdamonds'
TRACING = '/sys/kernel/tracing'
SOCKET = '/tmp/udamond.socket'


def put(path, value):
  with open(path, 'w', encoding='ascii') as f:
    f.write(f'{value}\n')


def get(path):
  with open(path, encoding='utf-8', errors='replace') as f:
    return f.read()


def status_field(pid, name):
  for line in get(f'/proc/{pid}/status').split('\n'):
    if line.startswith(name + ':'):
      return int(line.split()[1])
  return 0


def usage(pid):
  stat = get(f'/proc/{pid}/stat').rsplit(')', 1)[1].split()
  return {
    'mono_ns': time.monotonic_ns(),
    'cpu_ns': int(get(f'/proc/{pid}/schedstat').split()[0]),
    'user_ticks': int(stat[11]),
    'system_ticks': int(stat[12]),
    'wakeups': status_field(pid, 'voluntary_ctxt_switches'),
  }


class NoMonitor:
  pid = os.getpid()  # of the driver, which sleeps; so that every run reads the same files

  def begin(self):
    pass

  def start(self, target):
    pass

  def end(self):
    return {}

  def save(self, out):
    pass


class Udamon:
  """A udamond of its own, a recording client beside it."""

  def __init__(self, args):
    self.args = args
    self.ctl = os.path.join(args.build, 'daemon/ctl/udamonctl')
    self.daemon = self.recorder = None
    self.pid = 0

  def call(self, verb, *words):
    command = [self.ctl, verb, '--socket', SOCKET, '--json', *words]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

  def begin(self):
    command = [os.path.join(self.args.build, 'daemon/udamond'), '--config', 'none', '--socket', SOCKET, '--log-level', 'warning']
    command += ['--cpu-limit', self.args.cpu_limit] if self.args.cpu_limit else []
    self.daemon = subprocess.Popen(command)
    self.pid = self.daemon.pid
    while not os.path.exists(SOCKET):
      time.sleep(0.02)
    self.call('status')

  def start(self, target):
    words = ['--pid', str(target), '--name', 'bench', '--seed', str(self.args.seed)]
    words += ['--intervals', self.args.intervals] if self.args.intervals else []
    self.call('start', *words, *self.args.options.split())
    if self.args.record:
      command = [self.ctl, 'record', 'bench', '--socket', SOCKET, '-o', '/tmp/recording.db', '--json']
      self.recorder = subprocess.Popen(command, stdout=subprocess.DEVNULL)

  def end(self):
    figures = {
      'rss_kib': status_field(self.pid, 'VmRSS'),
      'rss_max_kib': status_field(self.pid, 'VmHWM'),
      'status': self.call('status'),
    }
    if self.recorder:
      figures['recorder'] = self.recorder.wait()
    self.daemon.terminate()
    figures['daemon'] = self.daemon.wait()
    return figures

  def save(self, out):
    if self.recorder:
      shutil.copy('/tmp/recording.db', out + '.db')


class KernelDamon:
  """DAMON of the guest's own kernel, over sysfs; its tracepoint's records."""

  def __init__(self, args):
    self.sample, self.aggregate, self.update = (int(us) for us in args.intervals.split(','))
    self.pid = 0

  def begin(self):
    put(f'{TRACING}/trace_clock', 'mono')
    put(f'{TRACING}/buffer_size_kb', 98304)
    put(f'{TRACING}/events/damon/damon_aggregated/enable', 1)

  def set_up(self, target):
    put(f'{ADMIN}/nr_kdamonds', 1)
    put(f'{ADMIN}/0/contexts/nr_contexts', 1)
    context = f'{ADMIN}/0/contexts/0'
    put(f'{context}/operations', 'vaddr')
    put(f'{context}/monitoring_attrs/intervals/sample_us', self.sample)
    put(f'{context}/monitoring_attrs/intervals/aggr_us', self.aggregate)
    put(f'{context}/monitoring_attrs/intervals/update_us', self.update)
    put(f'{context}/monitoring_attrs/nr_regions/min', 10)
    put(f'{context}/monitoring_attrs/nr_regions/max', 1000)
    put(f'{context}/targets/nr_targets', 1)
    put(f'{context}/targets/0/pid_target', target)

  def start(self, target):
    self.set_up(target)
    put(f'{ADMIN}/0/state', 'on')
    self.pid = int(get(f'{ADMIN}/0/pid'))

  def end(self):
    put(f'{TRACING}/events/damon/damon_aggregated/enable', 0)
    return {}

  def save(self, out):
    with open(f'{TRACING}/trace', encoding='ascii') as trace, open(out + '.trace', 'w', encoding='ascii') as f:
      f.writelines(line for line in trace if 'damon_aggregated' in line or line.startswith('# entries'))


def wait_for_phase(truth, process):
  while True:
    if os.path.exists(truth) and '"event":"phase"' in get(truth):
      return
    if process.poll() is not None:
      sys.exit('inside: the workload ended before its first phase')
    time.sleep(0.005)


def run(args):
  monitor = {'none': lambda: NoMonitor(), 'udamon': lambda: Udamon(args), 'kdamon': lambda: KernelDamon(args)}[args.tool]()
  monitor.begin()
  process = subprocess.Popen(args.command + ['-t', args.truth], stdout=subprocess.DEVNULL)
  wait_for_phase(args.truth, process)
  monitor.start(process.pid)
  before = usage(monitor.pid)
  os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
  after = usage(monitor.pid)
  figures = monitor.end()
  _, status, resources = os.wait4(process.pid, 0)
  if status:
    sys.exit(f'inside: the workload ended with status {status}')
  shutil.copy(args.truth, args.out + '.truth')
  monitor.save(args.out)
  workload_ns = round((resources.ru_utime + resources.ru_stime) * 1e9)
  return {'tool': args.tool, 'before': before, 'after': after, 'workload_cpu_ns': workload_ns, **figures}


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--tool', choices=['none', 'udamon', 'kdamon'], default='none')
  parser.add_argument('--build', default='build/gcc')
  parser.add_argument('--intervals', default='')
  parser.add_argument('--options', default='')
  parser.add_argument('--cpu-limit', default='')
  parser.add_argument('--seed', type=int, default=1)
  parser.add_argument('--no-record', dest='record', action='store_false')
  parser.add_argument('--truth', default='/tmp/truth.jsonl')
  parser.add_argument('--out', required=True)
  parser.add_argument('command', nargs='+')
  json.dump(run(parser.parse_args()), sys.stdout)
  print()


if __name__ == '__main__':
  main()
