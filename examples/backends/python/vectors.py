#!/usr/bin/env python3
"""Replays the vectors of SX/1 for the backend's role: python3 vectors.py docs/vectors. See docs/vectors/README.md."""

import json
import pathlib
import sys

from backend import Broken, Exchange, Headers, WINDOW

def bytes_of(payload):
    return (payload if isinstance(payload, str) else payload['repeat'] * payload['count']).encode()


class Replay:
    def __init__(self, conversation):
        self.window = conversation.get('window', WINDOW)
        self.now = 1.0
        self.exchange = None
        self.published, self.heard, self.paused = [], [], False
        self.was_reset = self.ended = False

    def send(self, headers, payload, asks_reply):
        self.published.append((headers.split('\r\n')[1:-2], payload, asks_reply))

    def read(self):
        """The application: reads all there is, unless it pauses."""
        exchange = self.exchange
        while not self.paused and (chunk := exchange.take()) is not None:
            self.heard.append(('data', chunk))
        if exchange.error and not self.was_reset:
            self.heard.append(('reset', exchange.error.code))
            self.was_reset = True
        if exchange.in_ended and not (exchange.inbox or exchange.error or self.ended):
            self.heard.append(('end', None))
            self.ended = True

    def step(self, step):
        exchange = self.exchange
        if 'receive' in step:
            headers = Headers(('NATS/1.0\r\n' + '\r\n'.join(step['receive']) + '\r\n\r\n').encode())
            payload = bytes_of(step.get('payload', ''))
            if exchange:
                exchange.on_message(headers, payload)
            else:
                self.exchange = Exchange(headers, payload, self.send, lambda: self.now, window=self.window)
        elif 'expect' in step:
            lines, payload, asks_reply = self.published.pop(0)
            assert lines[0] == step['expect'][0] and set(step['expect']) <= set(lines), lines
            assert payload == bytes_of(step.get('payload', '')), payload[:80]
            assert step.get('asksReply', asks_reply) == asks_reply, 'reply subject'
        elif 'expectNothing' in step:
            assert not self.published, self.published
        elif 'hears' in step:
            what, value = self.heard.pop(0)
            while step['hears'] == 'reset' and what == 'data':
                what, value = self.heard.pop(0)
            assert what == step['hears'], what
            assert what != 'data' or value == bytes_of(step['payload'])
            assert what != 'reset' or value == step['code'], value
        elif 'advanceMs' in step:
            self.now += step['advanceMs'] / 1000
            exchange.tick()
        elif 'noResponders' in step:
            exchange.on_message(Headers(b'NATS/1.0 503\r\n\r\n'), b'')
        else:
            self.act(step['local'], step)
        self.read()

    def act(self, action, step):
        exchange = self.exchange
        if action in ('pause', 'resume'):
            self.paused = action == 'pause'
        elif action == 'head':
            pairs = step['headers']
            exchange.head(step['status'], list(zip(pairs[::2], pairs[1::2])))
        elif action == 'data':
            exchange.data(bytes_of(step['payload']), step.get('type', ''))
        elif action == 'reset':
            exchange.reset(step['code'])
        else:
            {'accept': exchange.accept, 'end': exchange.end}[action]()


def check_decode(vector):
    """As far as a backend reads it: of each frame the type, the number and whether it is sound."""
    headers, result = Headers(vector['headers'].encode('latin-1')), vector['result']
    payload = bytes_of(vector.get('payload', ''))
    if result == 'no responders':
        assert headers.status == 503
    elif isinstance(result, dict):
        kind, n = headers.frame()
        frame = result['frame']
        assert (kind, n) == (frame['type'], frame.get('seq', frame.get('version', -1))), (kind, n)
        if kind == 'open':
            exchange = Exchange(headers, payload, None)
            assert exchange.credit == frame['credit'] and exchange.in_ended != frame['more']
            assert exchange.max_frame == frame.get('maxBytes', exchange.max_frame)
    elif result == 'broken' and vector['reads'] == 'first':
        try:
            Exchange(headers, payload, None)
        except Broken:
            return
        raise AssertionError('was read')
    elif result in ('broken', 'ignored'):
        published = []
        opened = Headers(b'NATS/1.0\r\nSx: open 1\r\nSx-More: 1')
        exchange = Exchange(opened, b'', lambda *frame: published.append(frame))
        exchange.on_message(headers, payload)
        assert (exchange.error and exchange.error.code) == ('protocol_error' if result == 'broken' else None)
        assert len(published) == (1 if result == 'broken' else 0), published


def main(root):
    failed = passed = 0
    frames = json.loads((root / 'frames.json').read_text())['decode']
    conversations = [json.loads(path.read_text()) for path in sorted(root.glob('conversations/backend/*.json'))]
    cases = [(each['name'], check_decode, each) for each in frames]
    # This backend ends with its connection.
    cases += [(each['name'], replay, each) for each in conversations if each.get('needs') != 'reconnect']
    for name, check, vector in cases:
        try:
            check(vector)
            passed += 1
        except (AssertionError, IndexError) as error:
            failed += 1
            print(f'FAILED {name}: {error}')
    print(f'{passed} passed, {failed} failed')
    return 1 if failed or not passed else 0


def replay(conversation):
    end = Replay(conversation)
    for number, step in enumerate(conversation['steps'], 1):
        try:
            end.step(step)
        except (AssertionError, IndexError) as error:
            raise AssertionError(f'step {number}, {json.dumps(step)[:120]}: {error!r}') from error
    assert not end.published and not end.heard, (end.published, end.heard)


if __name__ == '__main__':
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else 'docs/vectors')))
