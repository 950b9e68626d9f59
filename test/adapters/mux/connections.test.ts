import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect, headers as createHeaders, type NatsConnection } from 'nats'
import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { type StreamBackend, type StreamHandler, startStreamBackend } from '../../support/stream-backend.ts'
import { connectMuxClient, type MuxClient } from './mux-client.ts'

const P = `mux${process.pid}c`

/** Answers each chunk with itself, with its backpressure, and ends when the client does. */
const echo: StreamHandler = (stream, { payload, more }) => {
  stream.accept(1, 64 * 1024)
  stream.head({ status: 200, headers: [] })
  if (payload.length > 0) stream.data(payload)
  // Of a body that was whole in the OPEN, no end is told.
  if (!more) stream.end()
  return {
    data: (chunk, meta) => stream.data(chunk, meta),
    end: () => stream.end(),
    drained: () => stream.drained(),
  }
}

let gateway: Gateway
let nats: NatsConnection
let backend: StreamBackend

before(async () => {
  const url = await natsUrl()
  nats = await connect({ servers: url })
  backend = await startStreamBackend(url)
  nats.subscribe(`${P}.one`, {
    callback: (_error, message) => {
      const head = createHeaders()
      head.set('x-cookie', message.headers?.get('cookie') ?? '')
      head.set('x-kind', message.headers?.get('Sx-Kind') ?? '')
      message.respond(`you said ${message.string()}`, { headers: head })
    },
  })
  nats.subscribe(`${P}.many`, {
    callback: (_error, message) => {
      for (const id of ['1', '2', '3']) {
        const head = createHeaders()
        head.set('Sx-Id', id)
        message.respond(`event ${id}`, { headers: head })
      }
      message.respond()
    },
  })
  await backend.handle(`${P}.echo`, echo)
  await backend.handle(`${P}.term`, echo)
  await Promise.all([nats.flush(), backend.nats.flush()])
  gateway = await startGateway({
    natsUrl: url,
    tcp: [{ protocol: 'mux', route: undefined }],
    routes: [
      { name: 'one', match: { path: '/one' }, subject: `${P}.one` },
      { name: 'many', match: { path: '/many' }, subject: `${P}.many`, reply: 'many' },
      { name: 'nobody', match: { path: '/nobody' }, subject: `${P}.nobody` },
      { name: 'echo', match: { path: '/echo' }, subject: `${P}.echo`, body: 'stream' },
      { name: 'term', match: { kind: 'ws', path: '/term' }, subject: `${P}.term`, websocket: 'stream' },
    ],
  })
})

after(async () => {
  await gateway.close()
  await nats.close()
  await backend.close()
})

/** Keeps what comes, and gives it once there is enough. */
function collect(client: MuxClient): (what: string, isEnough: (frames: MuxFrame[]) => boolean) => Promise<MuxFrame[]> {
  const frames: MuxFrame[] = []
  client.onFrame = (frame) => {
    if ('body' in frame && frame.body instanceof Uint8Array) frames.push({ ...frame, body: Buffer.from(frame.body) })
    else frames.push(frame)
  }
  return (what, isEnough) => eventually(what, () => (isEnough(frames) ? frames : undefined))
}

function bodyOf(frames: readonly MuxFrame[], id: number): Buffer {
  return Buffer.concat(
    frames.flatMap((frame) =>
      'body' in frame && frame.id === id && frame.body !== undefined ? Buffer.from(frame.body as string) : [],
    ),
  )
}

function hasEnded(frames: readonly MuxFrame[], id: number): boolean {
  return frames.some(
    (frame) => 'id' in frame && frame.id === id && (frame.t === 'end' || ('end' in frame && frame.end)),
  )
}

for (const kind of ['ws', 'tcp'] as const) {
  for (const encoding of ['json', 'binary'] as const) {
    describe(`mux over ${kind} in ${encoding}`, () => {
      const open = () =>
        connectMuxClient({ port: kind === 'ws' ? gateway.port : gateway.tcp.ports[0]!, kind, encoding })

      test('has many requests at once, each with its own answer', async () => {
        const client = await open()
        const heard = collect(client)
        for (let id = 1; id <= 50; id++) {
          client.send({ t: 'open', id, method: 'POST', path: '/one', body: `message ${id}` })
        }
        const frames = await heard('all answers', ({ length }) => length === 50)
        for (let id = 1; id <= 50; id++) assert.equal(bodyOf(frames, id).toString(), `you said message ${id}`)
        assert.ok(frames.every((frame) => frame.t === 'head' && frame.end && frame.headers?.['x-kind'] === kind))
        client.close()
        await client.closed
        await gateway.assertIdle()
      })

      test('has a stream of messages', async () => {
        const client = await open()
        const heard = collect(client)
        client.send({ t: 'open', id: 1, path: '/many' })
        const frames = await heard('the end', (all) => hasEnded(all, 1))
        assert.deepEqual(
          frames.flatMap((frame) => (frame.t === 'data' ? [[frame.eventId, String(frame.body)]] : [])),
          [
            ['1', 'event 1'],
            ['2', 'event 2'],
            ['3', 'event 3'],
          ],
        )
        client.close()
        await client.closed
        await gateway.assertIdle()
      })

      test('has a reset where nobody listens', async () => {
        const client = await open()
        const heard = collect(client)
        client.send({ t: 'open', id: 1, path: '/nobody' })
        const [frame] = await heard('a reset', ({ length }) => length > 0)
        assert.partialDeepStrictEqual(frame, { t: 'reset', id: 1, code: 'no_responders', status: 503, retryable: true })
        client.close()
        await client.closed
        await gateway.assertIdle()
      })

      test('moves a large body there and back within the credit of both', async () => {
        const client = await open()
        const body = Buffer.alloc(3 * 1024 * 1024)
        for (let i = 0; i < body.length; i++) body[i] = (i * 7 + (i >> 8)) % 256
        let granted = 256 * 1024
        let sent = 0
        let credit = 100_000
        const received: Buffer[] = []
        let receivedBytes = 0
        let isWhole = false
        const pump = () => {
          while (sent < body.length && granted > sent) {
            const piece = body.subarray(sent, Math.min(sent + 60_000, granted))
            sent += piece.length
            client.send({ t: 'data', id: 1, body: piece, end: sent === body.length })
          }
        }
        client.onFrame = (frame) => {
          if (frame.t === 'credit') {
            granted = frame.to
            pump()
          } else if (frame.t === 'data') {
            received.push(Buffer.from(frame.body as Uint8Array))
            receivedBytes += frame.body.length
            assert.ok(receivedBytes <= credit, 'within the credit')
            credit = receivedBytes + 100_000
            client.send({ t: 'credit', id: 1, to: credit })
            isWhole ||= frame.end === true
          } else if (frame.t === 'end') isWhole = true
          else if (frame.t !== 'head' && frame.t !== 'ping') assert.fail(JSON.stringify(frame))
        }
        client.send({ t: 'open', id: 1, method: 'POST', path: '/echo', more: true, credit })
        pump()
        await eventually('the whole body', () => isWhole, { timeoutMs: 20_000 })
        assert.ok(Buffer.concat(received).equals(body))
        client.close()
        await client.closed
        await gateway.assertIdle()
      })

      test('has duplex exchanges on routes of WebSockets', async () => {
        const client = await open()
        const heard = collect(client)
        client.send({ t: 'open', id: 1, path: '/term', more: true })
        client.send({ t: 'data', id: 1, body: 'grüß gott' })
        client.send({ t: 'data', id: 1, body: new Uint8Array([0, 1, 255]) })
        await heard('both messages', (frames) => frames.filter(({ t }) => t === 'data').length === 2)
        client.send({ t: 'end', id: 1 })
        const frames = await heard('the end', (all) => hasEnded(all, 1))
        assert.deepEqual(
          frames.flatMap((frame) => (frame.t === 'data' ? [frame.body] : [])),
          ['grüß gott', Buffer.from([0, 1, 255])],
        )
        client.close()
        await client.closed
        await gateway.assertIdle()
      })

      test('leaves nothing behind after a storm of exchanges, resets and clients that go', async () => {
        const clients = await Promise.all(Array.from({ length: 10 }, open))
        const paths = ['/one', '/many', '/echo', '/term', '/nobody']
        for (let id = 1; id <= 100; id++) {
          for (const [i, client] of clients.entries()) {
            const path = paths[(id * 7 + i) % paths.length]!
            const more = id % 3 === 0
            client.send({
              t: 'open',
              id,
              path,
              method: 'POST',
              body: `b${id}`,
              more,
              credit: id % 4 === 0 ? 3 : undefined,
            })
            if (more) client.send({ t: 'data', id, body: 'more', end: id % 2 === 0 })
            // Some at once, some when they are likely to be under way, some not at all.
            if (id % 5 === 0) client.send({ t: 'reset', id: id - (id % 4), code: 'client_gone' })
          }
          if (id % 10 === 0) await new Promise(setImmediate)
        }
        for (const client of clients) client.close()
        await Promise.all(clients.map(({ closed }) => closed))
        await gateway.assertIdle()
        await eventually('the backend knows', () => backend.open === 0)
      })

      test('leaves nothing behind when the client goes in the middle of everything', async () => {
        const client = await open()
        const heard = collect(client)
        client.send({ t: 'open', id: 1, path: '/term', more: true })
        client.send({ t: 'open', id: 2, method: 'POST', path: '/echo', more: true })
        client.send({ t: 'data', id: 2, body: 'x' })
        await heard('both are under way', (frames) => frames.filter(({ t }) => t === 'head').length === 2)
        client.close()
        await client.closed
        await gateway.assertIdle()
        await eventually('the backend knows', () => backend.open === 0)
      })
    })
  }
}

describe('mux over a WebSocket', () => {
  test('has the cookies of the handshake in each request', async () => {
    const headers = { cookie: 'session=1' }
    const client = await connectMuxClient({ port: gateway.port, kind: 'ws', encoding: 'json', headers })
    const heard = collect(client)
    client.send({ t: 'open', id: 1, path: '/one' })
    client.send({ t: 'open', id: 2, path: '/one', headers: { cookie: 'session=2' } })
    const frames = await heard('both answers', ({ length }) => length === 2)
    assert.deepEqual(frames.map((frame) => frame.t === 'head' && frame.headers?.['x-cookie']).sort(), [
      'session=1',
      'session=2',
    ])
    client.close()
    await client.closed
  })

  const faults: Record<string, [code: number, message: string | Uint8Array]> = {
    'no JSON': [4400, 'hello'],
    'bytes in place of text': [4400, Buffer.from('{"t":"ping"}')],
    'an id that was never opened': [4400, '{"t":"end","id":1}'],
    'too much in one frame': [1009, JSON.stringify({ t: 'open', id: 1, path: '/one', body: 'x'.repeat(70_000) })],
  }
  for (const [what, [code, message]] of Object.entries(faults)) {
    test(`is closed with ${code} for ${what}, after a goaway that says why`, async () => {
      const client = await connectMuxClient({ port: gateway.port, kind: 'ws', encoding: 'json' })
      const heard = collect(client)
      client.sendRaw(message)
      assert.equal((await client.closed).code, code)
      const [frame] = await heard('a goaway', ({ length }) => length > 0)
      assert.equal(frame?.t, 'goaway')
    })
  }

  test('is closed with 4409 for an id that was used', async () => {
    const client = await connectMuxClient({ port: gateway.port, kind: 'ws', encoding: 'binary' })
    client.send({ t: 'open', id: 3, path: '/one' })
    client.send({ t: 'open', id: 3, path: '/one' })
    assert.equal((await client.closed).code, 4409)
    await gateway.assertIdle()
  })
})
