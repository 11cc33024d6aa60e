#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Hostile input: the edges of the protocol, byte by byte; and a journal that is stuck, gone and back."""
import array
import json
import os
import socket

import harness
from harness import SIM, Case, descriptors, main, status, wait_for

SERVICE = 'org.varlink.service'
OURS = 'io.udamon.monitor'
CLOSED = None
SILENT = ()


def call(method, **rest):
  return json.dumps({'method': method, **rest}).encode()


def error(name, **parameters):
  return {'error': f'{SERVICE}.{name}', 'parameters': parameters}


def nested(depth):
  return b'{"method":"%s.GetStatus","x":' % OURS.encode() + b'[' * depth + b']' * depth + b'}'


STATUS = call(f'{OURS}.GetStatus')
START = f'{OURS}.StartMonitor'

# What is sent, without its NUL, and what comes: a reply, a test of it, nothing at all, or the end of the connection.
EDGES = {
  'unknown method': (call(f'{OURS}.Nope'), error('MethodNotFound', method=f'{OURS}.Nope')),
  'unknown interface': (call('a.b.Nope'), error('InterfaceNotFound', interface='a.b')),
  'no dot': (call('Nope'), error('InvalidParameter', parameter='method')),
  'empty method': (call(''), error('InvalidParameter', parameter='method')),
  'dots alone': (call('...'), lambda reply: 'error' in reply),
  'parameters null': (call(f'{SERVICE}.GetInfo', parameters=None), lambda reply: reply['parameters']['product'] == 'udamond'),
  'parameters absent': (call(f'{SERVICE}.GetInfo'), lambda reply: set(reply) == {'parameters'}),
  'unknown parameter': (call(f'{SERVICE}.GetInfo', parameters={'x': 1}), error('InvalidParameter', parameter='x')),
  'missing parameter': (call(f'{SERVICE}.GetInterfaceDescription'), error('InvalidParameter', parameter='interface')),
  'wrong type': (call(f'{SERVICE}.GetInterfaceDescription', parameters={'interface': 5}), error('InvalidParameter', parameter='interface')),
  'wrong type inside': (call(START, parameters={'context': {'targets': [{'pid': 'x'}]}}),
                        lambda reply: reply['parameters']['parameter'].startswith('context.targets')),
  'unknown header': (call(f'{OURS}.GetStatus', **{'com.example.x': 1}), lambda reply: 'runtime' in reply['parameters']),
  'upgrade false': (call(f'{OURS}.GetStatus', upgrade=False), lambda reply: 'runtime' in reply['parameters']),
  'upgrade': (call(f'{OURS}.GetStatus', upgrade=True), error('MethodNotImplemented', method=f'{OURS}.GetStatus')),
  'more': (call(f'{OURS}.GetStatus', more=True), lambda reply: 'continues' not in reply),
  'more and oneway': (call(f'{OURS}.GetStatus', more=True, oneway=True), SILENT),
  'oneway that fails': (call(f'{OURS}.StopMonitor', oneway=True, parameters={'name': 'x'}), SILENT),
  'oneway to nothing': (call('a.b.C', oneway=True), SILENT),
  'oneway without a dot': (call('x', oneway=True), SILENT),
  'oneway with wrong parameters': (call(f'{OURS}.StopMonitor', oneway=True, parameters={'frob': 1}), SILENT),
  'no JSON': (b'{"method":', CLOSED),
  'text': (b'GET / HTTP/1.1\r\n\r\n', CLOSED),
  'an array': (b'[' + STATUS + b']', CLOSED),
  'a string': (b'"x"', CLOSED),
  'nothing': (b'', CLOSED),
  'no method': (b'{"parameters":{}}', CLOSED),
  'method is a number': (b'{"method":5}', CLOSED),
  'parameters are a list': (b'{"method":"%s.GetStatus","parameters":[]}' % OURS.encode(), CLOSED),
  'more is a number': (b'{"method":"%s.GetStatus","more":1}' % OURS.encode(), CLOSED),
  'a key twice': (b'{"method":"%s.GetStatus","method":"%s.GetInfo"}' % (OURS.encode(), SERVICE.encode()), CLOSED),
  'bad UTF-8': (b'{"method":"%s.GetStatus","x":"\xff"}' % OURS.encode(), CLOSED),
  'an escaped NUL': (b'{"method":"%s.Get\\u0000Status"}' % OURS.encode(), CLOSED),
  'two objects': (STATUS + STATUS, CLOSED),
  'a number too large': (b'{"method":"%s.GetStatus","x":99999999999999999999}' % OURS.encode(), CLOSED),
  'spaces': (b' \r\n\t' + STATUS + b'\n ', lambda reply: 'runtime' in reply['parameters']),
  'a little depth': (nested(14), lambda reply: 'runtime' in reply['parameters']),
  'depth 17': (nested(17), CLOSED),
  'depth 3000': (nested(3000), CLOSED),
  '64 KiB': (STATUS + b' ' * ((64 << 10) - len(STATUS)), lambda reply: 'runtime' in reply['parameters']),
  'a byte more': (STATUS + b' ' * ((64 << 10) - len(STATUS) + 1), CLOSED),
  '100,000 brackets': (b'[' * 100000, CLOSED),
  '17 MiB': (b'x' * (17 << 20), CLOSED),
}


class Edges(Case):

  def setUp(self):
    super().setUp()
    self.server = self.daemon()
    self.link = self.link_to(self.server)
    self.link.start('one', **SIM)

  def check(self, name, pieces, expected):
    """After what is silent, the next call is answered first."""
    with self.server.connect() as peer:
      try:
        for piece in pieces:
          peer.send_raw(piece)
        if expected is SILENT:
          peer.send_raw(call(f'{SERVICE}.GetInfo') + b'\0')
        reply = peer.receive()
      except (BrokenPipeError, ConnectionResetError):
        reply = CLOSED
    if expected is CLOSED:
      self.assertIsNone(reply, name)
    elif expected is SILENT:
      self.assertEqual(reply['parameters']['product'], 'udamond', name)
    elif callable(expected):
      self.assertTrue(reply and expected(reply), (name, reply))
    else:
      self.assertEqual(reply, expected, name)

  def test_edges(self):
    before = descriptors(self.server.pid)
    for name, (data, expected) in EDGES.items():
      with self.subTest(name):
        self.check(name, [data + b'\0'], expected)
    self.link.call('GetStatus')
    self.assert_keeps_descriptors(self.server, before)
    if not harness.sanitized:
      self.assertLess(status(self.server.pid, 'VmHWM'), 32 << 10)

  def test_edges_byte_by_byte(self):
    for name, (data, expected) in EDGES.items():
      if len(data) < 4000:
        with self.subTest(name):
          self.check(name, [bytes([b]) for b in data + b'\0'], expected)

  def test_edges_behind_each_other(self):
    """All calls that are answered, in one piece: as many answers, in order, and then the end of the half that was closed."""
    answered = [(data, expected) for data, expected in EDGES.values() if expected is not CLOSED and len(data) < 4000]
    with self.server.connect() as peer:
      peer.send_raw(b''.join(data + b'\0' for data, _ in answered))
      peer.socket.shutdown(socket.SHUT_WR)
      for _, expected in answered:
        if expected is SILENT:
          continue
        reply = peer.receive()
        self.assertTrue(expected(reply) if callable(expected) else reply == expected, reply)
      self.assertIsNone(peer.receive())

  def test_half_a_message_and_half_closed(self):
    with self.server.connect() as peer:
      peer.send_raw(STATUS[:20])
      peer.socket.shutdown(socket.SHUT_WR)
      self.assertIsNone(peer.receive())

  def test_descriptors_that_are_passed(self):
    """The daemon never holds them."""
    before = descriptors(self.server.pid)
    with self.server.connect() as peer:
      reader, writer = os.pipe()
      rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [writer] * 100))]
      for _ in range(10):
        peer.socket.sendmsg([STATUS + b'\0'], rights)
        self.assertIn('runtime', peer.reply())
      os.close(writer)
      # the last writer has gone: the daemon has none
      self.assertEqual(os.read(reader, 1), b'')
      os.close(reader)
    self.assert_keeps_descriptors(self.server, before)

  def test_1000_connections(self):
    """At once, as far as that is allowed; each sends half a message."""
    before = descriptors(self.server.pid)
    peers = []
    for _ in range(1000):
      try:
        peers.append(self.server.connect())
        peers[-1].send_raw(b'{"method":')
      except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        pass
    runtime = self.link.call('GetStatus')['runtime']
    self.assertLessEqual(runtime['clients'], 144)
    self.assertGreater(runtime['monitors'][0]['runtime']['ticks'], 0)
    for peer in peers:
      peer.close()
    self.assert_keeps_descriptors(self.server, before)


class Journal(Case):
  """A socket of our own stands for the journal's."""

  def setUp(self):
    super().setUp()
    self.journal_path = self.path('journal')
    self.journal = None
    self.addCleanup(self.end_journal)

  def listen(self):
    self.journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    self.journal.bind(self.journal_path)
    self.journal.setblocking(False)

  def end_journal(self):
    if self.journal:
      self.journal.close()
      os.unlink(self.journal_path)
      self.journal = None

  def begin(self):
    # standard error is a file: say that it is the journal's stream
    script = 'JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) && export JOURNAL_STREAM && exec "$@"'
    self.server = self.daemon(prefix=['sh', '-c', script, 'sh'], environment={'UDAMON_JOURNAL_SOCKET': self.journal_path})
    self.link = self.link_to(self.server)

  def entries(self):
    found = []
    while True:
      try:
        data = self.journal.recv(1 << 16)
      except BlockingIOError:
        return found
      found.append(dict(line.split('=', 1) for line in data.decode().splitlines() if '=' in line))

  def test_fields(self):
    self.listen()
    self.begin()
    # few fit between two looks
    entries = self.entries()
    self.link.start('one', **SIM)
    entries += self.entries()
    self.link.call('StopMonitor', {'name': 'one'})
    entries += self.entries()
    audit = [e for e in entries if e.get('UDAMON_EVENT') == 'client_called']
    self.assertEqual([(e['UDAMON_METHOD'], e['UDAMON_OUTCOME']) for e in audit],
                     [(f'{OURS}.StartMonitor', 'done'), (f'{OURS}.StopMonitor', 'done')])
    for entry in audit:
      self.assertEqual(entry['UDAMON_PEER_UID'], str(os.getuid()))
      self.assertEqual(entry['UDAMON_PEER_PID'], str(os.getpid()))
      self.assertRegex(entry['MESSAGE_ID'], '^[0-9a-f]{32}$')
      self.assertEqual(entry['PRIORITY'], '5')
    started = next(e for e in entries if e.get('UDAMON_EVENT') == 'monitor_started')
    self.assertEqual(started['UDAMON_MONITOR'], 'one')
    self.assertEqual(self.server.log(), '')

  def test_stuck_gone_and_back(self):
    self.listen()
    self.begin()
    self.link.start('one', **SIM)
    # nobody reads: the kernel takes so many, and the daemon goes on
    wait_for(lambda: self.link.call('StopMonitor', {'name': self.link.start('more', **SIM)}) is not None and
             self.link.call('GetStatus')['runtime']['messages_lost'] > 10, 'a full journal')
    lost = self.link.call('GetStatus')['runtime']['messages_lost']
    ticks = self.link.monitor('one')['runtime']['ticks']
    wait_for(lambda: self.link.monitor('one')['runtime']['ticks'] > ticks + 10, 'it to go on')
    self.entries()
    self.link.call('StopMonitor', {'name': self.link.start('more', **SIM)})
    told = [e for e in self.entries() if 'UDAMON_LOST' in e]
    self.assertEqual([int(e['UDAMON_LOST']) for e in told], [lost])

    self.end_journal()
    self.link.call('StopMonitor', {'name': self.link.start('gone', **SIM)})
    self.assertEqual(self.server.said(r"^<6>monitor 'gone': stopped"), 1, self.server.log())
    self.listen()
    before = self.server.log()
    self.link.call('StopMonitor', {'name': self.link.start('back', **SIM)})
    self.assertEqual([e['UDAMON_MONITOR'] for e in self.entries() if e.get('UDAMON_EVENT') == 'monitor_stopped'], ['back'])
    self.assertEqual(self.server.log(), before)


if __name__ == '__main__':
  main()
