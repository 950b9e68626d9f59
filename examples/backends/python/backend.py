#!/usr/bin/env python3
"""Backends for engine-router in plain Python: no package, one file. See README.md.

    python3 backend.py plain demo.echo     a responder that knows nothing of streams
    python3 backend.py sx demo             streams on demo.echo, demo.upload, demo.download and more

From top to bottom: a NATS client, the frames of SX/1, one exchange as a state machine without any I/O (what vectors.py
tests), the service that ties the two together, and the handlers. docs/protocol.md is the contract.
"""

import argparse
import asyncio
import hashlib
import os
import re
import secrets
import signal
import struct
import time
import urllib.parse
from collections import deque

WINDOW = 256 * 1024  # bytes that the router may have on the way to us, on one exchange
MAX_FRAME = 64 * 1024
LEAST_MAX_FRAME = 4096  # that an end takes
MAX_META = 400  # characters of the name or id of an event
FRAME_COST = 64  # what a frame costs of the credit beside its payload
PING_AFTER, DEAD_AFTER, BLOCKED_PING = 10.0, 30.0, 1.0  # seconds
# No response may send these on: fields of ours, of NATS, and of one connection (RFC 9110, 7.6.1).
NOT_FORWARDED = re.compile(
    r'(sx|sx-.*|nats-.*|connection|keep-alive|te|trailer|transfer-encoding|upgrade|proxy-.*)', re.IGNORECASE)


# --- NATS ---------------------------------------------------------------------------------------------------------


class Nats:
    """As much of the NATS client protocol as a backend needs. It does not reconnect: a supervisor starts us again."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.callbacks = {}
        self.last_sid = 0
        self.pongs = deque()

    @classmethod
    async def connect(cls, url):
        address = urllib.parse.urlsplit(url)
        self = cls(*await asyncio.open_connection(address.hostname, address.port or 4222, limit=1 << 20))
        await self.reader.readline()  # INFO
        self.write(b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,'
                   b'"lang":"python","version":"1"}\r\n')
        return self

    def write(self, data):
        self.writer.write(data)

    def subscribe(self, subject, callback, queue=''):
        self.last_sid += 1
        self.callbacks[self.last_sid] = callback
        self.write(f'SUB {subject} {queue} {self.last_sid}\r\n'.encode())
        return self.last_sid

    def unsubscribe(self, sid):
        self.write(f'UNSUB {sid}\r\n'.encode())

    def publish(self, subject, payload=b'', headers='', reply=''):
        if headers:
            block = headers.encode()
            self.write(f'HPUB {subject} {reply} {len(block)} {len(block) + len(payload)}\r\n'.encode() + block)
        else:
            self.write(f'PUB {subject} {reply} {len(payload)}\r\n'.encode())
        self.write(payload + b'\r\n')

    async def flush(self):
        """Returns once the server has taken all that was written."""
        pong = asyncio.get_running_loop().create_future()
        self.pongs.append(pong)
        self.write(b'PING\r\n')
        await pong

    async def run(self):
        """Reads until the connection ends. Callbacks are called as callback(subject, reply, headers, payload)."""
        while line := await self.reader.readline():
            verb, *words = line.decode().split()
            if verb in ('MSG', 'HMSG'):
                subject, sid, *rest = words
                total = int(rest.pop())
                split = int(rest.pop()) if verb == 'HMSG' else 0
                body = (await self.reader.readexactly(total + 2))[:-2]
                self.callbacks[int(sid)](subject, rest[0] if rest else '', body[:split], body[split:])
            elif verb == 'PING':
                self.write(b'PONG\r\n')
            elif verb == 'PONG' and self.pongs:
                self.pongs.popleft().set_result(None)
            elif verb == '-ERR':
                raise ConnectionError(line.decode().strip())


# --- Frames -------------------------------------------------------------------------------------------------------


class Broken(Exception):
    """A message that breaks the protocol."""


class Headers:
    """One block of NATS headers: names in lower case, of a field given twice the first one."""

    def __init__(self, block):
        first, *lines = block.decode('latin-1').split('\r\n')
        self.status = 503 if first.startswith('NATS/1.0 503') else 0
        self.fields = {}
        for line in lines:
            name, _, value = line.partition(':')
            self.fields.setdefault(name.lower(), value.strip())

    def text(self, name, default=''):
        return self.fields.get(name, default)

    def number(self, name, default=None):
        text = self.fields.get(name)
        if text is None and default is not None:
            return default
        if text is None or not re.fullmatch(r'[0-9]{1,15}', text):
            raise Broken(f'{name} is not a number: {text}')
        return int(text)

    def frame(self):
        """The type and number of a frame; -1 if it has none."""
        match = re.fullmatch(r'([a-z]+) (-|[0-9]{1,15})', self.text('sx'))
        if not match:
            raise Broken(f'the Sx header is not a type and a number: {self.text("sx")}')
        return match[1], -1 if match[2] == '-' else int(match[2])


def encode(sx, headers=()):
    """A header block. A field that would not be one line of visible ASCII is left out: none can smuggle in another."""
    lines = [f'{name}: {value}' for name, value in headers]
    lines = [line for line in lines if re.fullmatch(r'[!-9;-~]+: [ -~]*', line)]
    return '\r\n'.join(['NATS/1.0', f'Sx: {sx}', *lines, '', ''])


# --- One exchange -------------------------------------------------------------------------------------------------


class Reset(Exception):
    """The exchange is over before its end; `code` is one of the table in docs/protocol.md."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Exchange:
    """The backend's end of an exchange. Does no I/O: send(headers, payload, asks_reply), clock() and changed() do.

    Each direction is open, then ended. Closed when both are, or at once by a reset of either end, a gap, an overrun, a
    broken frame, a 503 or silence; `error` then says why.
    """

    def __init__(self, headers, payload, send, clock=time.monotonic, changed=lambda: None, window=WINDOW):
        self.open = headers
        self.version = 1
        self.send, self.clock, self.changed = send, clock, changed
        self.error = None  # a Reset that the handler has to hear
        self.closed = False
        # What comes: numbers, credit, and what the handler has not read.
        self.window = self.granted = window
        self.in_seq = self.in_bytes = self.in_cost = self.used = 0
        self.in_ended = headers.text('sx-more') != '1'
        self.inbox = deque([(payload, None)] if payload else [])
        # What goes.
        self.credit = headers.number('sx-credit', 0)
        self.max_frame = min(headers.number('sx-max', MAX_FRAME), MAX_FRAME)
        if self.max_frame < LEAST_MAX_FRAME:
            raise Broken('Sx-Max is too small')
        self.out_seq = self.out_bytes = self.out_cost = self.data_frames = 0
        self.outbox = deque()
        self.end_wanted = self.out_ended = False
        self.told_seq = 0  # the last frame that a ping or pong has told of
        self.heard_at = self.pinged_at = self.blocked_at = clock()

    # The handler speaks.

    def accept(self):
        self.send(encode(f'accept {self.version}', [('Sx-Credit', self.granted), ('Sx-Max', MAX_FRAME)]), b'', True)

    def head(self, status=200, headers=()):
        if self.closed:
            return
        self.out_seq += 1
        self.out_cost += FRAME_COST
        others = [(name.lower(), value) for name, value in headers if not NOT_FORWARDED.fullmatch(name)]
        fields = [('Sx-Status', status), ('Sx-Credit', self.granted), ('Sx-Max', MAX_FRAME), *others]
        self.send(encode(f'head {self.out_seq}', fields), b'', True)

    def data(self, payload, kind=''):
        """Queues it; what credit covers leaves at once. Wait while `blocked` is true."""
        if not (self.closed or self.end_wanted):
            if not self.blocked:
                self.blocked_at = self.clock()
            self.outbox.append((payload, kind))
            self.pump()

    def end(self):
        if not self.closed:
            self.end_wanted = True
            self.pump()

    def reset(self, code):
        if not self.closed:
            self.send(encode('reset -', [('Sx-Code', code)]), b'', False)
            self.close(None)

    def take(self):
        """The next chunk, or None if there is none now. Reading is what grants the router more."""
        if not self.inbox:
            return None
        payload, seq = self.inbox.popleft()
        if seq is None:  # the payload of OPEN costs nothing
            return payload
        self.used += len(payload) + FRAME_COST
        if self.used + self.window - self.granted >= self.window / 2:
            self.granted = self.used + self.window
            if not (self.closed or self.in_ended):
                self.send(encode('credit -', [('Sx-Credit', self.granted)]), b'', False)
        return payload

    @property
    def blocked(self):
        return bool(self.outbox)

    # The router speaks.

    def on_message(self, headers, payload):
        if self.in_ended and self.out_ended and headers.text('sx').startswith('ping '):
            self.position('pong', False)  # a router that asks has missed our end
        if self.closed:
            return
        if headers.status == 503:
            self.close(Reset('client_gone'))
            return
        self.heard_at = self.clock()
        try:
            self.on_frame(*headers.frame(), headers, payload)
        except Broken:
            self.fail('protocol_error')
        self.changed()

    def on_frame(self, kind, n, headers, payload):
        if kind in ('data', 'end'):
            if n < 1:
                raise Broken(f'{kind} without a sequence number')
            total = headers.number('sx-bytes') if kind == 'end' else 0
            if max(len(headers.text('sx-event')), len(headers.text('sx-id'))) > MAX_META:
                raise Broken('the name or id of an event is too long')
            if n <= self.in_seq:
                return  # a duplicate
            if n != self.in_seq + 1:
                return self.fail('gap')
            if self.in_ended:
                raise Broken('a frame after the end')
            self.in_seq = n
            if kind == 'data':
                self.in_bytes += len(payload)
                self.in_cost += len(payload) + FRAME_COST
                if self.in_cost > self.granted:
                    raise Broken('more than the credit covers')
                self.inbox.append((payload, n))
            elif total != self.in_bytes:
                self.fail('gap')
            else:
                self.in_ended = True
                self.close_if_ended()
        elif kind == 'reset':
            self.close(Reset(headers.text('sx-code', 'backend_error')))
        elif kind == 'credit':
            self.credit = max(self.credit, headers.number('sx-credit'))
            self.pump()
        elif kind in ('ping', 'pong'):
            if n < 0:
                raise Broken(f'{kind} without a sequence number')
            sent = headers.number('sx-bytes')
            if n > self.in_seq or (n == self.in_seq and sent != self.in_bytes):
                return self.fail('gap')
            if kind == 'ping':
                self.position('pong', False)
            self.credit = max(self.credit, headers.number('sx-credit', 0))
            self.pump()
        elif kind in ('accept', 'head') or n != -1:
            raise Broken(f'a router sends no {kind}')

    def tick(self):
        """Call it once a second or so."""
        if self.closed:
            return
        now = self.clock()
        if now - self.heard_at >= DEAD_AFTER:
            return self.close(Reset('client_gone'))
        since, every = (self.blocked_at, BLOCKED_PING) if self.blocked else (self.heard_at, PING_AFTER)
        if not self.blocked and self.out_seq > self.told_seq:
            since = self.pinged_at  # a last frame that was lost shows in no other way while the router goes on
        if now - max(since, self.pinged_at) >= every:
            self.pinged_at = now
            self.position('ping', True)

    def pump(self):
        while self.outbox and not self.closed:
            payload, kind = self.outbox[0]
            room = min(self.max_frame, self.credit - self.out_cost - FRAME_COST)
            # Little is not worth a frame: the router grants more when half of a window is used up.
            if room < 0 or room < min(len(payload), 4096, self.max_frame):
                return
            piece, rest = payload[:room], payload[room:]
            if rest:
                self.outbox[0] = (rest, kind)
            else:
                self.outbox.popleft()
            self.out_seq += 1
            self.out_bytes += len(piece)
            self.out_cost += len(piece) + FRAME_COST
            self.blocked_at = self.clock()
            fields = ([('Sx-Type', kind)] if kind else []) + ([('Sx-Fin', 0)] if kind and rest else [])
            self.send(encode(f'data {self.out_seq}', fields), piece, self.data_frames % 16 == 0)
            self.data_frames += 1
        if self.end_wanted and not self.out_ended:
            self.out_ended = True
            self.out_seq += 1
            self.send(encode(f'end {self.out_seq}', [('Sx-Bytes', self.out_bytes)]), b'', True)
            self.close_if_ended()

    def position(self, kind, asks_reply):
        self.told_seq = self.out_seq
        fields = [('Sx-Credit', self.granted), ('Sx-Bytes', self.out_bytes)]
        self.send(encode(f'{kind} {self.out_seq}', fields), b'', asks_reply)

    def fail(self, code):
        self.reset(code)
        self.error = Reset(code)
        self.changed()

    def close_if_ended(self):
        if self.in_ended and self.out_ended:
            self.close(None)

    def close(self, error):
        self.closed = True
        self.error = error
        self.outbox.clear()
        if error:
            self.inbox.clear()
        self.changed()


# --- The service --------------------------------------------------------------------------------------------------


class Stream:
    """An exchange as a handler sees it: await read() and write()."""

    def __init__(self):
        self.event = asyncio.Event()
        self.exchange = self.task = None

    @property
    def query(self):
        return dict(urllib.parse.parse_qsl(self.exchange.open.text('sx-query')))

    async def read(self):
        """The next chunk of the request's body; None at its end."""
        while (chunk := self.exchange.take()) is None:
            if self.exchange.error:
                raise self.exchange.error
            if self.exchange.in_ended:
                return None
            await self.wait()
        return chunk

    async def write(self, payload):
        """Returns when the router has room for more."""
        self.exchange.data(payload)
        while self.exchange.blocked:
            await self.wait()
        if self.exchange.error:
            raise self.exchange.error

    async def wait(self):
        self.event.clear()
        await self.event.wait()


def is_peer(subject):
    """Whether a peer may listen there: we publish with permissions that it may lack."""
    return re.fullmatch(r'[^$*>][^*>]{0,511}', subject)


class Service:
    """Takes OPENs on the subjects of the routes, and all that follows on a subject of its own."""

    def __init__(self, nats, max_exchanges=1000):
        self.nats = nats
        self.max_exchanges = max_exchanges
        self.inbox = f'_INBOX.{secrets.token_hex(12)}'
        self.exchanges = {}
        self.tasks = set()
        self.sids = []
        self.draining = False
        nats.subscribe(f'{self.inbox}.>', self.on_frame)

    def handle(self, subject, handler):
        self.sids.append(self.nats.subscribe(subject, lambda *message: self.on_open(handler, *message), queue='q'))

    def on_open(self, handler, subject, reply, block, payload):
        if not is_peer(reply):
            return
        try:
            headers = Headers(block)
            kind, version = headers.frame()
            if kind != 'open' or version < 1:
                raise Broken('not an OPEN')
            own = f'{self.inbox}.{secrets.token_hex(12)}'
            stream = Stream()

            def changed():
                stream.event.set()
                if exchange.error and stream.task:
                    stream.task.cancel()  # whatever the handler waits for: nobody waits for it any more

            def send(header_block, data, asks_reply):
                self.nats.publish(reply, data, header_block, own if asks_reply else '')

            exchange = stream.exchange = Exchange(headers, payload, send, changed=changed)
        except Broken:
            self.nats.publish(reply, b'', encode('reset -', [('Sx-Code', 'protocol_error')]))
            return
        if self.draining or len(self.tasks) >= self.max_exchanges:
            return exchange.reset('draining' if self.draining else 'busy')
        exchange.accept()  # before any work
        self.exchanges[own] = exchange
        stream.task = asyncio.create_task(self.run_handler(handler, stream, own))
        self.tasks.add(stream.task)
        stream.task.add_done_callback(self.tasks.discard)

    async def run_handler(self, handler, stream, own):
        exchange = stream.exchange
        try:
            await handler(stream)
            exchange.end()
            while await stream.read() is not None:  # what the handler did not want to read
                pass
        except (Reset, asyncio.CancelledError):
            pass  # the other end knows
        except Exception as error:
            print(f'handler failed: {error!r}', flush=True)
            exchange.reset('backend_error')
        finally:
            del self.exchanges[own]

    def on_frame(self, subject, reply, block, payload):
        headers = Headers(block)
        exchange = self.exchanges.get(subject)
        if exchange:
            exchange.on_message(headers, payload)
        elif is_peer(reply) and headers.text('sx'):  # it is over: whoever still holds it may let go
            self.nats.publish(reply, b'', encode('reset -', [('Sx-Code', 'backend_lost')]))

    async def tick(self):
        while True:
            await asyncio.sleep(1)
            for exchange in list(self.exchanges.values()):
                exchange.tick()

    async def drain(self, seconds):
        """No new exchanges; those under way have so long to finish."""
        self.draining = True
        for sid in self.sids:
            self.nats.unsubscribe(sid)
        await self.nats.flush()  # what was on its way here has come, and was refused
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=seconds)
        for exchange in list(self.exchanges.values()):
            exchange.reset('draining')
        await self.nats.flush()


# --- Handlers -----------------------------------------------------------------------------------------------------


async def echo(stream):
    """Sends each chunk back as it comes."""
    stream.exchange.head(200, [('content-type', 'application/octet-stream')])
    while (chunk := await stream.read()) is not None:
        await stream.write(chunk)


async def upload(stream):
    """Says how long the body was, and its sha256."""
    digest, length = hashlib.sha256(), 0
    while (chunk := await stream.read()) is not None:
        digest.update(chunk)
        length += len(chunk)
    stream.exchange.head(200, [('content-type', 'text/plain')])
    await stream.write(f'{length} {digest.hexdigest()}\n'.encode())


async def slow(stream):
    """As upload, by a handler that has something else to do for ?ms= before it reads."""
    await asyncio.sleep(int(stream.query.get('ms', 2000)) / 1000)
    await upload(stream)


async def download(stream):
    """Streams as many bytes as ?bytes= says: the numbers from 0 on, four bytes each, big-endian."""
    left, number = int(stream.query.get('bytes', 16 << 20)), 0
    stream.exchange.head(200, [('content-type', 'application/octet-stream')])
    while left > 0:
        count = min(MAX_FRAME // 4, -(-left // 4))
        block = struct.pack(f'>{count}I', *range(number, number + count))[:left]
        await stream.write(block)
        number += count
        left -= len(block)


async def fail(stream):
    """Breaks off: after as many bytes as ?bytes= says, or before the head of the response if that is 0."""
    if size := int(stream.query.get('bytes', 1 << 16)):
        stream.exchange.head(200)
        await stream.write(bytes(size))
    raise RuntimeError('as it was asked to')


async def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('mode', choices=['plain', 'sx'])
    parser.add_argument('subject', help='plain: the subject; sx: what the subjects begin with')
    parser.add_argument('--nats', default=os.environ.get('NATS_URL', 'nats://127.0.0.1:4222'))
    parser.add_argument('--drain', type=float, default=10, metavar='SECONDS')
    options = parser.parse_args()

    nats = await Nats.connect(options.nats)
    reading = asyncio.create_task(nats.run())
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    if options.mode == 'plain':
        nats.subscribe(options.subject, lambda _, reply, __, payload: reply and nats.publish(reply, payload), queue='q')
        drain = nats.flush
    else:
        service = Service(nats)
        for handler in (echo, upload, slow, download, fail):
            service.handle(f'{options.subject}.{handler.__name__}', handler)

        def say_how_many_are_open(subject, reply, headers, payload):  # a plain responder beside them
            nats.publish(reply, str(len(service.exchanges)).encode())

        nats.subscribe(f'{options.subject}.open', say_how_many_are_open)
        ticking = asyncio.create_task(service.tick())
        drain = lambda: service.drain(options.drain)
    await nats.flush()
    print('ready', flush=True)

    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait([reading, stopped], return_when=asyncio.FIRST_COMPLETED)
    if reading.done():
        raise SystemExit(f'NATS is gone: {reading.exception() or "connection closed"}')
    await drain()


if __name__ == '__main__':
    asyncio.run(main())
