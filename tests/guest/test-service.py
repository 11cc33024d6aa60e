#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Within a guest with systemd as process 1: the package from contrib/build-deb in /share is installed, its units run under
their whole sandbox, and it is purged again. Wants zram swap; see acting.py for the puppet.
"""
import glob
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time

from acting import MIB, PAGE, SWAPPED, Puppet, Skip, between, read, same, wait_until, want, write

PATIENCE = 30
UNIT, SOCKET = 'udamond.service', '/run/udamon/io.udamon.monitor'
CONF, MONITORS = '/etc/udamon/udamond.conf', '/etc/udamon/monitors.d'
DROP_IN = '/run/systemd/system/udamond.service.d'
CAPABILITIES = {'SYS_PTRACE': 19, 'DAC_READ_SEARCH': 2, 'SYS_ADMIN': 21, 'SYS_NICE': 23}

MONITOR = """
monitors:
  - name: puppets
    source: idle
    intervals: {sample: 20ms, aggregate: 200ms, update: 1s}
    nr_regions: {min: 10, max: 200}
    targets: [{command: puppet}]
    schemes:
      - name: cold
        action: pageout
        access_pattern: {access_rate: [0%, 0%], age: [1s, max]}
        filters:
          - {type: addr, matching: false, addr: [0x200000000000, 0x210000000000], allow: false}
"""


def run(*words, check=True, **options):
  try:
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=4 * PATIENCE, **options)
  except subprocess.TimeoutExpired as e:
    raise AssertionError(f'{words} does not end: {e.stdout}') from None
  want(not check or done.returncode == 0, f'{words}: {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}')
  return done


def systemctl(*words, check=True):
  return run('systemctl', '--no-pager', *words, check=check)


def prop(name, unit=UNIT):
  return systemctl('show', '--value', '-p', name, unit).stdout.strip()


def journal(unit=UNIT):
  return run('journalctl', '--no-pager', '-o', 'cat', '-u', unit).stdout


def ctl(*words, check=True, **options):
  return run('udamonctl', *words, check=check, **options)


def ask(*words):
  return json.loads(ctl(*words, '--json').stdout)


def monitors():
  return {m['name']: m for m in ask('status')['runtime']['monitors']}


def scheme():
  return ask('schemes', 'puppets')['monitors'][0]['schemes'][0]['runtime']


def main_pid(unit=UNIT):
  return int(prop('MainPID', unit))


def is_up(unit=UNIT):
  return prop('ActiveState', unit) == 'active'


def configure(text=MONITOR, conf='[daemon]\nlog_level = info\ncpu_limit = none\n'):
  os.makedirs(MONITORS, exist_ok=True)
  write(CONF, conf)
  write(f'{MONITORS}/puppets.yaml', text)


def watched(target):
  """Its monitor has seen it."""
  def look():
    m = monitors().get('puppets', {'runtime': {}})
    return m['runtime'].get('state') == 'running' and any(t['pid'] == target.pid for t in m['runtime'].get('targets', [{'pid': 0}]))
  wait_until(look, PATIENCE, lambda: json.dumps(monitors()))


def capabilities(pid):
  for line in read(f'/proc/{pid}/status').splitlines():
    if line.startswith('CapEff:'):
      return int(line.split()[1], 16)
  return 0


def socket_activation():
  """the socket starts the daemon; it runs as its own user, with four capabilities, in a seccomp sandbox"""
  os.unlink(f'{MONITORS}/puppets.yaml')
  systemctl('start', 'udamond.socket')
  same(prop('ActiveState'), 'inactive', 'the service before anybody asks')
  st = os.stat(SOCKET)
  same(st.st_mode & 0o777, 0o660, 'mode of the socket')
  status = ask('status')
  same(status['context']['version'] != '', True, 'an answer')
  wait_until(is_up, PATIENCE, lambda: prop('ActiveState'))
  pid = main_pid()
  same(status['runtime']['pid'], pid, 'who answered')
  lines = dict(line.split(':\t', 1) for line in read(f'/proc/{pid}/status').splitlines() if ':\t' in line)
  same(lines['Uid'].split()[0], str(pwd.getpwnam('udamond').pw_uid), 'user')
  same(capabilities(pid), sum(1 << bit for bit in CAPABILITIES.values()), 'capabilities')
  same((lines['NoNewPrivs'], lines['Seccomp']), ('1', '2'), 'no new privileges, seccomp')
  findings = {c['name']: c for c in ask('check')['capabilities']}
  for name in 'page_idle', 'pagemap_pfn', 'kpageflags', 'ptrace', 'process_madvise', 'move_pages':
    same(findings[name]['state'], 'ok', f'{name}: {findings[name]}')


def page_exact():
  """monitoring under the sandbox is page-exact, and a scheme pages out what is cold, nothing else"""
  with Puppet() as p:
    cold, hot = p.map('anon', 24 * MIB), p.map('anon', 8 * MIB)
    p.do('beat', hot, 5)
    configure()
    systemctl('reload', UNIT)
    watched(p)
    same(monitors()['puppets']['context']['source'], 'idle', 'source')
    wait_until(lambda: p.absent(cold) >= 20 * MIB, PATIENCE, lambda: f'{p.absent(cold)} {scheme()}')
    between(p.absent(hot), 0, 2 * MIB, 'hot memory that was paged out')
    regions = ask('regions', 'puppets')['regions']
    warm = sum(min(r['end'], hot[0] + hot[1]) - max(r['start'], hot[0]) for r in regions
               if (r['rate'] or 0) > 0.3 and r['end'] > hot[0] and r['start'] < hot[0] + hot[1])
    between(warm, 5 * MIB, 8 * MIB, 'hot memory that was seen so')
    p.unharmed(cold)


def reload_of_nonsense():
  """a wrong configuration is refused with its place, and everything goes on"""
  before = main_pid()
  configure(MONITOR.replace('pageout', 'pageoot'), '[daemon]\nlog_levle = info\n')
  done = ctl('reload', check=False)
  same(done.returncode, 1, 'status of udamonctl reload')
  for place in f'{CONF}:2:1', f'{MONITORS}/puppets.yaml:10:17':
    want(place in done.stderr, f'{place} is not in: {done.stderr}')
  systemctl('reload', UNIT)
  wait_until(lambda: f"{CONF}:2:1: unknown key 'log_levle'" in journal(), PATIENCE, journal)
  same((main_pid(), is_up(), prop('StatusErrno')), (before, True, '22'), 'the service')
  want('puppets' in monitors(), 'the monitor has gone')
  checked = run('udamond', '--check', check=False)
  same(checked.returncode, 3, 'status of udamond --check')
  configure(conf='[daemon]\nlog_level = debug\ncpu_limit = none\nsocket = /run/udamon/other\n')
  want('socket has changed' in ctl('reload').stdout, 'no word about the socket')
  wait_until(lambda: prop('StatusErrno') == '0', PATIENCE, lambda: prop('StatusErrno'))
  configure()
  ctl('reload')


def lost_directory():
  """a configuration directory that vanishes stops nothing"""
  os.rename(MONITORS, MONITORS + '.away')
  done = ctl('reload', check=False)
  want(done.returncode == 1 and 'was there' in done.stderr, f'{done.returncode} {done.stderr}')
  want('puppets' in monitors(), 'the monitor has gone')
  os.rename(MONITORS + '.away', MONITORS)
  ctl('reload')


def restart_after(what, kill, message):
  pid, restarts = main_pid(), int(prop('NRestarts'))
  kill(pid)
  wait_until(lambda: int(prop('NRestarts')) > restarts and is_up() and main_pid() not in (0, pid), PATIENCE,
             lambda: f'{prop("ActiveState")} {prop("NRestarts")} {journal()[-600:]}')
  want('puppets' in monitors(), f'no monitor after {what}')
  want(message in journal(), f'{message!r} is not in the journal: {journal()[-600:]}')


def killed():
  """kill -9: the service comes back by itself, with its monitors, on the same socket"""
  inode = os.stat(SOCKET).st_ino
  restart_after('kill -9', lambda pid: os.kill(pid, signal.SIGKILL), 'code=killed, status=9/KILL')
  same(os.stat(SOCKET).st_ino, inode, 'the socket')


def watchdog():
  """the watchdog ends a daemon whose loop stands still, and it comes back"""
  os.makedirs(DROP_IN, exist_ok=True)
  write(f'{DROP_IN}/watchdog.conf', '[Service]\nWatchdogSec=4s\nRestartSec=100ms\n')
  systemctl('daemon-reload')
  systemctl('restart', UNIT)
  pid = main_pid()
  time.sleep(9)  # longer than the watchdog's time: it is fed
  same(main_pid(), pid, 'a daemon that works')
  restart_after('the watchdog', lambda pid: os.kill(pid, signal.SIGSTOP), 'Watchdog timeout')
  os.unlink(f'{DROP_IN}/watchdog.conf')
  systemctl('daemon-reload')
  systemctl('restart', UNIT)


def a_long_gap():
  """a daemon that was stopped for a while takes the gap for nothing: idle ages do not jump"""
  begin = time.monotonic()
  with Puppet() as p:
    p.map('anon', 16 * MIB)
    configure(MONITOR.replace('action: pageout', 'action: stat'))
    ctl('reload')
    watched(p)
    before = ask('regions', 'puppets')['sequence']
    os.kill(main_pid(), signal.SIGSTOP)
    stopped = time.monotonic()
    time.sleep(8)
    gap = time.monotonic() - stopped
    os.kill(main_pid(), signal.SIGCONT)
    wait_until(lambda: ask('regions', 'puppets')['sequence'] > before + 1, PATIENCE, 'no new snapshot')
    age = max(r['age_ns'] for r in ask('regions', 'puppets')['regions']) / 1e9
    # not the gap itself, only what was seen before and after it
    between(age, 0, time.monotonic() - begin - gap + 1, f'age in seconds, with a gap of {gap} s')
    want('which does not count' in journal(), 'no word about the gap')
    same(is_up(), True, 'the service')


def clock_jumps():
  """the wall clock jumps a day forth and back: monitoring goes on, ages know nothing of it"""
  with Puppet() as p:
    p.map('anon', 8 * MIB)
    watched(p)
    for step in 86400, -86400:
      before = ask('regions', 'puppets')['sequence']
      time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_REALTIME) + step)
      wait_until(lambda b=before: ask('regions', 'puppets')['sequence'] > b + 2, PATIENCE, 'no new snapshot')
      age = max(r['age_ns'] for r in ask('regions', 'puppets')['regions']) / 1e9
      want(age < 3600, f'an age of {age} s')


def disk_full():
  """nothing can be saved because the disk is full: that is told, and everything goes on"""
  systemctl('stop', UNIT)
  run('mount', '-t', 'tmpfs', '-o', 'size=4k,mode=700,uid=' + str(pwd.getpwnam('udamond').pw_uid), 'tmpfs', '/var/lib/udamon')
  write('/var/lib/udamon/full', 'x' * 4096)
  try:
    systemctl('start', UNIT)
    with Puppet() as p:
      p.map('anon', 8 * MIB)
      watched(p)
      wait_until(lambda: 'cannot save state' in journal() or 'no state is kept' in journal(), PATIENCE, journal)
      same(is_up(), True, 'the service')
  finally:
    systemctl('stop', UNIT)
    run('umount', '/var/lib/udamon')
    systemctl('start', UNIT)


def few_descriptors():
  """without descriptors clients wait, nothing else does; when there are some again, they are served"""
  pid = main_pid()
  with Puppet() as p:
    p.map('anon', 8 * MIB)
    watched(p)
    open_now = len(os.listdir(f'/proc/{pid}/fd'))
    run('prlimit', '--pid', str(pid), f'--nofile={open_now + 4}:4096')
    links = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    for link in links:
      link.connect(SOCKET)
    wait_until(lambda: 'cannot accept connections for now' in journal(), PATIENCE, journal)
    run('prlimit', '--pid', str(pid), '--nofile=4096:4096')
    for link in links:
      link.close()
    wait_until(lambda: ctl('status', check=False).returncode == 0, PATIENCE, 'no answer')
    same(main_pid(), pid, 'the daemon')
    watched(p)


def memory_pressure():
  """while the machine has to swap, the daemon answers, and is neither killed nor swapped out of reach"""
  pid = main_pid()
  with Puppet() as hog:
    hog.map('anon', 880 * MIB)
    want(hog.swapped() > 0 or hog.status('VmRSS') > 600 * MIB, 'no pressure')
    wait_until(lambda: ctl('status', check=False).returncode == 0, PATIENCE, 'no answer')
  same((main_pid(), is_up()), (pid, True), 'the daemon')


def users():
  """strangers cannot connect, members of udamon-read look, those of udamon-admin change"""
  def as_user(groups, *words):
    return run('setpriv', '--reuid=65534', '--regid=65534', *(['--groups', groups] if groups else ['--clear-groups']), 'udamonctl',
               *words, check=False)
  stranger = as_user('', 'status')
  want(stranger.returncode != 0 and 'not permitted' in stranger.stderr, f'{stranger.returncode} {stranger.stderr}')
  same(as_user('udamon-read', 'status').returncode, 0, 'udamon-read looks')
  denied = as_user('udamon-read', 'reload')
  want(denied.returncode != 0, 'udamon-read changed something')
  same(as_user('udamon-read,udamon-admin', 'reload').returncode, 0, 'udamon-admin changes')


def metrics():
  """the timer writes metrics for node_exporter, whole or not at all"""
  target = '/var/lib/prometheus/node-exporter'
  systemctl('start', 'udamon-metrics.service')  # without the directory there is nothing to do
  os.makedirs(target)
  os.makedirs('/run/systemd/system/udamon-metrics.timer.d')
  write('/run/systemd/system/udamon-metrics.timer.d/soon.conf', '[Timer]\nOnActiveSec=1s\n')
  systemctl('daemon-reload')
  systemctl('start', 'udamon-metrics.timer')
  wait_until(lambda: os.path.exists(f'{target}/udamon.prom'), PATIENCE, lambda: journal('udamon-metrics.service'))
  text = read(f'{target}/udamon.prom')
  want('udamon' in text and 'puppets' in text, text[-300:])
  same(os.stat(f'{target}/udamon.prom').st_mode & 0o777, 0o644, 'mode of the file')
  systemctl('stop', 'udamon-metrics.timer')
  # a daemon that cannot be asked leaves what was there
  systemctl('stop', 'udamond.service', 'udamond.socket')
  systemctl('start', 'udamon-metrics.service', check=False)
  same(read(f'{target}/udamon.prom'), text, 'the file without a daemon')
  same(os.listdir(target), ['udamon.prom'], 'what lies there')


def observing():
  """the observing service looks with the same files, and can neither act nor be told to"""
  configure()
  with Puppet() as p:
    cold = p.map('anon', 16 * MIB)
    systemctl('start', 'udamond-observe.service')
    same(is_up(), False, 'the acting one beside it')
    unit = 'udamond-observe.service'
    same(capabilities(main_pid(unit)), sum(1 << bit for name, bit in CAPABILITIES.items() if name != 'SYS_NICE'), 'capabilities')
    before = scheme()  # with what the acting one has left
    watched(p)
    wait_until(lambda: scheme()['would_bytes'] >= before['would_bytes'] + 8 * MIB, PATIENCE, scheme)
    same((p.having(cold, SWAPPED), scheme()['tried_bytes']), (0, before['tried_bytes']), 'what was done')
    done = ctl('scheme', 'act', 'cold', check=False)
    refused = done if done.returncode else ctl('scheme', 'set', 'cold', 'dry_run=false', check=False)
    want(refused.returncode != 0, f'it let itself be told: {refused.stdout}')
    write('/tmp/schemes.yaml', 'schemes:\n  - {name: x, action: pageout}\n')
    done = ctl('start', '--pid', str(p.pid), '--scheme', '/tmp/schemes.yaml', check=False)
    want(done.returncode != 0 and 'only looks' in done.stderr, f'{done.returncode} {done.stderr}')
    findings = {c['name']: c for c in ask('check')['capabilities']}
    same((findings['page_idle']['state'], findings['process_madvise']['state']), ('ok', 'missing'), 'what it may')
  systemctl('start', 'udamond.service')
  same(is_up('udamond-observe.service'), False, 'the observing one beside it')


def wrong_at_the_start():
  """a wrong configuration keeps the service from starting, with status 3 and a reason"""
  configure('monitors: 1\n')
  want(systemctl('restart', UNIT, check=False).returncode != 0, 'it started')
  same(prop('ExecMainStatus'), '3', 'exit status')
  want(f'{MONITORS}/puppets.yaml:1:' in journal(), 'no reason in the journal')
  configure()
  systemctl('reset-failed', UNIT)
  systemctl('start', UNIT)


def stop():
  """stopped: nothing is left but its state"""
  systemctl('stop', 'udamond-observe.service', 'udamond-observe.socket')  # if that failed in between
  systemctl('stop', 'udamond.service', 'udamond.socket')
  same(os.path.exists(SOCKET), False, 'the socket')
  same(prop('Result'), 'success', 'result')
  want(os.path.isdir('/var/lib/udamon'), 'no state')


CHECKS = [socket_activation, page_exact, reload_of_nonsense, lost_directory, killed, watchdog, a_long_gap, clock_jumps, disk_full,
          few_descriptors, memory_pressure, users, wrong_at_the_start, metrics, observing, stop]


def installed():
  """the package installs, and what it starts answers with what is written in /etc/udamon"""
  shutil.rmtree('/etc/udamon', ignore_errors=True)
  # what keeps services of a container from being started; and an index of all manual pages takes minutes here
  for path in '/usr/sbin/policy-rc.d', '/var/lib/man-db/auto-update':
    if os.path.exists(path):
      os.unlink(path)
  run('dpkg', '--force-unsafe-io', '-i', *glob.glob('/share/udamon_*.deb'), env={**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'})
  want(is_up() and is_up('udamond.socket'), f'not started: {systemctl("status", UNIT, check=False).stdout}')
  same([prop('UnitFileState', unit) for unit in (UNIT, 'udamond.socket', 'udamond-observe.service', 'udamon-metrics.timer')],
       ['enabled', 'enabled', 'disabled', 'disabled'], 'what starts at boot')
  same((ask('status')['context']['config_file'], monitors()), ('/etc/udamon', {}), 'what it runs with')
  same(run('udamond', '--check').stdout, '/etc/udamon: correct, 0 monitors in 1 file\n', 'the configuration as shipped')
  systemctl('stop', UNIT, 'udamond.socket')


def purged():
  """the package goes, and leaves nothing but its user and groups"""
  systemctl('start', UNIT)
  configure(conf='[daemon]\nlog_level = debug\ncpu_limit = none\n')
  os.unlink(f'{MONITORS}/puppets.yaml')
  run('dpkg', '--remove', 'udamon')
  same((is_up(), os.path.exists(SOCKET), os.path.exists(CONF)), (False, False, True), 'after removal')
  run('dpkg', '--purge', 'udamon')
  left = [path for pattern in ('/etc/udamon*', '/var/lib/udamon*', '/run/udamon/*', '/etc/systemd/system/*/udamon*', '/usr/*/*udamon*',
                               '/usr/lib/*/udamon*', '/lib/systemd/system/udamon*', '/var/lib/systemd/deb-systemd-helper-*/*udamon*')
          for path in glob.glob(pattern)]
  same(left, [], 'what is left')


def main():
  wanted = sys.argv[2:]
  for check in installed, *CHECKS, purged:
    if wanted and check.__name__ not in wanted and check not in (installed, socket_activation):
      continue
    begin = time.monotonic()
    if check is not installed:
      configure()  # whatever the one before has left
    try:
      check()
      result, reason = 'ok   ', ''
    except Skip as e:
      result, reason = 'skip ', f': {e}'
    except (AssertionError, subprocess.CalledProcessError, OSError, LookupError, TypeError, ValueError) as e:
      result, reason = 'FAIL ', f' ({check.__name__}): {type(e).__name__}: {e}'
      print(journal()[-1500:], file=sys.stderr)
    print(f'{result}{check.__doc__}{reason}', flush=True)
    print(f'{check.__name__}: {time.monotonic() - begin:.1f} s', file=sys.stderr, flush=True)


if __name__ == '__main__':
  main()
