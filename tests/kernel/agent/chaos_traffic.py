#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""For chaos.py: connections that run while everything changes: chaos_traffic.py STATE CONFIG

One process, one loop, with sockets in the network namespaces of the lab's pods.
CONFIG (JSON) has for each family of `always`, `never` and `guest` the two pods'
namespaces and the target's address.

  always  a TCP connection that lives all the time, datagrams, and new connections:
          each must be answered, no datagram may be lost
  never   new connections and datagrams: none may arrive
  guest   a TCP connection and datagrams that are allowed at times. When each was last
          seen, at either end, is in STATE, for chaos.py to read. A connection that
          has stopped is kept, and both ends go on sending: none of it may come through

What is wrong is printed, a line each; at SIGTERM the counts, as JSON.
"""
import ctypes
import json
import mmap
import os
import selectors
import signal
import socket
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
TICK = .005
STALL = 2.0    # seconds without an answer on a connection that is always allowed
CONNECT = .9   # the second SYN would come after a second
LOST = 2.0     # a datagram that was not answered after this time was dropped
CELLS = 32     # doubles in STATE
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(netns):
    with open(netns, encoding='ascii') as f:
        if LIBC.setns(f.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), 'setns')


def make(netns, family, kind, port=None):
    """A socket in a namespace, bound (and listening) where there is a port."""
    enter(netns)
    s = socket.socket(family, kind | socket.SOCK_NONBLOCK)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if port is not None:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(('::' if family == socket.AF_INET6 else '0.0.0.0', port))
        if kind == socket.SOCK_STREAM:
            s.listen(64)
    return s


def start_connect(s, address):
    try:
        s.connect(address)
    except BlockingIOError:
        pass


class Loop:
    def __init__(self, state):
        self.selector, self.cells = selectors.DefaultSelector(), state
        self.ticks, self.stopped, self.gap, self.counts, self.wrong = [], False, 0.0, {}, 0

    def watch(self, sock, events, fn):
        self.selector.register(sock, events, fn)

    def forget(self, sock):
        try:
            self.selector.unregister(sock)
        except (KeyError, ValueError):
            pass
        sock.close()

    def say(self, text):
        self.wrong += 1
        if self.wrong < 50:
            print(f'{time.strftime("%T")} {text}', flush=True)

    def count(self, name, n=1):
        self.counts[name] = self.counts.get(name, 0) + n

    def run(self):
        last = time.monotonic()
        while not self.stopped:
            for key, events in self.selector.select(TICK):
                try:
                    key.data(key.fileobj, events)
                except BlockingIOError:
                    pass
            now = time.monotonic()
            # what this process slept through was not the network's doing
            if now - last > .25:
                self.gap = now
                self.count('gaps')
            last = now
            for tick in self.ticks:
                tick(now)

    def calm(self, now, seconds):
        """Whether this loop itself has run without a gap for so long."""
        return now - self.gap > seconds


class Echo:
    """The server's side: what arrives is sent back, and seen notes when."""

    def __init__(self, loop, netns, family, port, seen=None):
        self.loop, self.seen, self.taken, self.pushed = loop, seen, [], 0.0
        stream = make(netns, family, socket.SOCK_STREAM, port)
        loop.watch(stream, selectors.EVENT_READ, self.accept)
        datagrams = make(netns, family, socket.SOCK_DGRAM, port)
        loop.watch(datagrams, selectors.EVENT_READ, self.datagram)
        loop.ticks.append(self.tick)

    def note(self):
        if self.seen:
            self.seen(time.monotonic())

    def accept(self, listener, _):
        s, _ = listener.accept()
        s.setblocking(False)
        self.taken.append(s)
        self.loop.watch(s, selectors.EVENT_READ, self.read)

    def read(self, s, _):
        try:
            data = s.recv(4096)
            if data:
                self.note()
                s.send(data)
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.taken.remove(s)
        self.loop.forget(s)

    def datagram(self, s, _):
        for _ in range(200):
            try:
                data, source = s.recvfrom(64)
            except BlockingIOError:
                return
            self.note()
            try:
                s.sendto(data, source)
            except OSError:  # EPERM of a hook, or no way: the client will miss it
                self.loop.count('answers not sent')

    def tick(self, now):
        """Connections that were cut: this end goes on sending, too."""
        if not self.seen or now - self.pushed < .05:
            return
        self.pushed = now
        for s in self.taken[:-1]:
            try:
                s.send(b'push....')
            except OSError:
                pass


class Trap:
    """A server to which nothing may come."""

    def __init__(self, loop, what, netns, family, port):
        self.loop, self.what = loop, what
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            loop.watch(make(netns, family, kind, port), selectors.EVENT_READ, self.caught)

    def caught(self, s, _):
        if s.type == socket.SOCK_STREAM:
            s.accept()[0].close()
        else:
            s.recv(64)
        self.loop.say(f'{self.what}: something came through ({s.type!r})')


class Knocking:
    """Datagrams and new connections without an end, to where they must not come."""

    def __init__(self, loop, what, netns, family, address):
        self.loop, self.what, self.netns, self.family, self.address = (
            loop, what, netns, family, address)
        self.datagrams = make(netns, family, socket.SOCK_DGRAM)
        self.tried, self.sent, self.sock = 0.0, 0.0, None
        loop.ticks.append(self.tick)

    def tick(self, now):
        if now - self.sent < TICK:
            return
        self.sent = now
        try:
            self.datagrams.sendto(b'x', self.address)
        except OSError:  # a hook at the sender's side may say so
            pass
        self.loop.count(f'{self.what} datagrams')
        if now - self.tried < .1:
            return
        if self.sock:
            self.loop.forget(self.sock)
        self.tried, self.sock = now, make(self.netns, self.family, socket.SOCK_STREAM)
        self.loop.count(f'{self.what} connections')
        start_connect(self.sock, self.address)
        self.loop.watch(self.sock, selectors.EVENT_WRITE, self.writable)

    def writable(self, s, _):
        if not s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.loop.say(f'{self.what}: connected to {self.address}')
        self.loop.forget(s)
        self.sock = None


class Datagrams:
    """Numbered datagrams to an echo; lost tells of each that did not come back in time."""

    def __init__(self, loop, netns, family, address, every, seen=None, lost=None):
        self.loop, self.address, self.every, self.seen, self.lost = loop, address, every, seen, lost
        self.sock = make(netns, family, socket.SOCK_DGRAM)
        self.number, self.sent, self.waiting = 0, 0.0, {}
        loop.watch(self.sock, selectors.EVENT_READ, self.read)
        loop.ticks.append(self.tick)

    def read(self, s, _):
        for _ in range(200):
            try:
                (number,) = struct.unpack('Q', s.recv(64))
            except (OSError, struct.error):
                return
            self.waiting.pop(number, None)
            if self.seen:
                self.seen(time.monotonic())

    def tick(self, now):
        if now - self.sent < self.every:
            return
        self.sent, self.number = now, self.number + 1
        if self.lost:
            self.waiting[self.number] = now
            for number, at in list(self.waiting.items()):
                if now - at < LOST:
                    break
                if self.loop.calm(now, LOST):
                    self.lost(number, now - at)
                del self.waiting[number]
        try:
            self.sock.sendto(struct.pack('Q', self.number), self.address)
        except OSError as e:
            if self.lost:
                self.lost(self.number, e)


class Stream:
    """One connection that lives all the time, and new ones beside it; all allowed."""

    def __init__(self, loop, what, netns, family, address):
        self.loop, self.what, self.netns, self.family, self.address = (
            loop, what, netns, family, address)
        self.sock, self.told, self.new = None, False, None
        self.heard = self.tried = time.monotonic()
        self.sent = 0.0
        self.connect()
        loop.ticks.append(self.tick)

    def connect(self):
        self.sock = make(self.netns, self.family, socket.SOCK_STREAM)
        start_connect(self.sock, self.address)
        self.loop.watch(self.sock, selectors.EVENT_READ, self.read)

    def again(self, why):
        self.loop.say(f'{self.what}: {why}')
        self.loop.forget(self.sock)
        self.heard = time.monotonic()
        self.connect()

    def read(self, s, _):
        try:
            if s.recv(4096):
                self.heard = time.monotonic()
                self.loop.count(f'{self.what} answers')
                return
            self.again('the connection was closed')
        except BlockingIOError:
            return
        except OSError as e:
            self.again(f'the connection ended: {e}')

    def tick(self, now):
        if now - self.sent > TICK:
            self.sent = now
            try:
                self.sock.send(b'x' * 8)
            except OSError:  # not connected yet, or read() will say it
                pass
        if now - self.heard > STALL and self.loop.calm(now, STALL):
            self.again(f'no answer for {now - self.heard:.1f} s')
        if self.new and now - self.tried > CONNECT and self.loop.calm(now, CONNECT):
            self.loop.say(f'{self.what}: a new connection was not answered')
            self.end_new()
        if now - self.tried > .05 and not self.new:
            self.tried, self.new = now, make(self.netns, self.family, socket.SOCK_STREAM)
            start_connect(self.new, self.address)
            self.loop.watch(self.new, selectors.EVENT_WRITE, self.connected)

    def connected(self, s, _):
        error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.loop.say(f'{self.what}: a new connection failed: {os.strerror(error)}')
        self.loop.count(f'{self.what} connections')
        self.end_new()

    def end_new(self):
        self.loop.forget(self.new)
        self.new = None

    def retransmitted(self):
        info = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        return struct.unpack_from('I', info, 100)[0]


class Guest:
    """A connection that is allowed at times. After a silence another is begun beside it."""

    def __init__(self, loop, netns, family, address, seen):
        self.loop, self.netns, self.family, self.address, self.seen = (
            loop, netns, family, address, seen)
        self.socks, self.heard, self.tried, self.sent = [], 0.0, 0.0, 0.0
        loop.ticks.append(self.tick)

    def begin(self):
        s = make(self.netns, self.family, socket.SOCK_STREAM)
        start_connect(s, self.address)
        self.socks.append(s)
        self.loop.watch(s, selectors.EVENT_READ, self.read)
        for old in self.socks[:-4]:
            self.end(old)

    def end(self, s):
        self.socks.remove(s)
        self.loop.forget(s)

    def read(self, s, _):
        try:
            if s.recv(4096):
                self.heard = time.monotonic()
                self.seen(self.heard)
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.end(s)

    def tick(self, now):
        if now - self.heard > .25 and now - self.tried > .25:
            self.tried = now
            self.begin()
        if now - self.sent < TICK:
            return
        self.sent = now
        for s in self.socks:
            try:
                s.send(b'guest...')
            except OSError:
                pass


def build(loop, config):
    streams, cell = [], 0

    def seen():
        nonlocal cell
        at, cell = cell, cell + 1

        def note(now):
            loop.cells[at] = now
        return note
    for pair in config:
        family = socket.AF_INET6 if ':' in pair['ip'] else socket.AF_INET
        what = f'{pair["kind"]} {pair["name"]} {"ipv6" if ":" in pair["ip"] else "ipv4"}'
        address, near, far = (pair['ip'], pair['port']), pair['from'], pair['to']
        if pair['kind'] == 'always':
            Echo(loop, far, family, pair['port'])
            streams.append(Stream(loop, what, near, family, address))
            Datagrams(loop, near, family, address, .01, None, lambda number, why, what=what:
                      loop.say(f'{what}: datagram {number} had no answer: {why}'))
        elif pair['kind'] == 'never':
            Trap(loop, what, far, family, pair['port'])
            Knocking(loop, what, near, family, address)
        else:  # cells: TCP at the guest, datagrams at the guest, anything at the host
            Guest(loop, near, family, address, seen())
            Datagrams(loop, near, family, address, .005, seen())
            Echo(loop, far, family, pair['port'], seen())
    return streams


def main():
    with open(sys.argv[1], 'r+b') as f:
        state = memoryview(mmap.mmap(f.fileno(), CELLS * 8)).cast('d')
    loop = Loop(state)
    signal.signal(signal.SIGTERM, lambda *_: setattr(loop, 'stopped', True))
    streams = build(loop, json.loads(sys.argv[2]))
    loop.run()
    loop.counts['retransmitted'] = sum(s.retransmitted() for s in streams)
    print('counts ' + json.dumps(loop.counts), flush=True)
    os._exit(0)  # the views of the map outlive it otherwise


if __name__ == '__main__':
    main()
