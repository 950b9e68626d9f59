import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { type StreamBackend, startStreamBackend } from '../../support/stream-backend.ts'
import { frame } from './raw-socket.ts'
import { openSocket } from './start-client.ts'

const HEADS = ['/stream', '/rpc', '/_sx'].map((path) =>
  Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  ),
)

const frames = fc.array(
  fc
    .record({
      opcode: fc.constantFrom(0, 1, 1, 1, 2, 2, 8, 9, 10, 3, 15),
      fin: fc.boolean(),
      rsv: fc.constantFrom(0, 0, 0, 0, 4, 1),
      payload: fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.string({ maxLength: 100, unit: 'grapheme' }).map((text) => Uint8Array.from(Buffer.from(text))),
        fc
          .constantFrom(
            '{"t":"open","id":1,"method":"POST","path":"/page","body":"x"}',
            '{"t":"data","id":1,"body":"x"}',
            '{"t":"end","id":1}',
            '{"t":"ping"}',
            '{"t":"credit","id":1,"to":-1}',
            '[',
          )
          .map((text) => Uint8Array.from(Buffer.from(text))),
      ),
    })
    .map(({ opcode, payload, ...options }) => frame(opcode, payload, options)),
  { maxLength: 12 },
)

/** Bytes to put in place of others, anywhere. */
const mutations = fc.array(fc.record({ at: fc.nat(100_000), byte: fc.nat(255) }), { maxLength: 4 })

describe('bytes that are not what a WebSocket client sends', () => {
  let gateway: Gateway
  let backend: StreamBackend
  const subject = (name: string) => `t${process.pid}wsfuzz.${name}`

  before(async () => {
    const server = await natsUrl()
    gateway = await startGateway({
      natsUrl: server,
      routes: [
        { name: 'stream', match: { kind: 'ws', path: '/stream' }, subject: subject('stream') },
        { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject: subject('rpc'), websocket: 'rpc' },
        { name: 'page', match: { path: '/page' }, subject: subject('rpc') },
      ],
    })
    backend = await startStreamBackend(server)
    await backend.handle(subject('stream'), (stream) => {
      stream.accept(1, 65536)
      stream.head({ status: 200, headers: [] })
      return {
        data: (chunk, meta) => stream.data(chunk, meta),
        drained: () => stream.drained(),
        end: () => stream.end(),
      }
    })
    backend.nats.subscribe(subject('rpc'), { callback: (_error, message) => message.respond(message.data) })
    await backend.nats.flush()
  })
  after(async () => {
    await gateway.close()
    await backend.close()
  })

  /** Upgrades, sends the pieces and leaves. */
  async function sendFrames(head: Uint8Array, pieces: readonly Uint8Array[]): Promise<void> {
    const socket = connect(gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(head)
    await once(socket, 'data')
    socket.resume()
    await sendOn(socket, pieces)
  }

  async function send(...pieces: readonly Uint8Array[]): Promise<void> {
    const socket = connect(gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    await sendOn(socket, pieces)
  }

  async function sendOn(socket: Socket, pieces: readonly Uint8Array[]): Promise<void> {
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    for (const piece of pieces) {
      await new Promise<void>((resolve) => socket.write(piece, () => resolve()))
      await new Promise((resolve) => setImmediate(resolve))
    }
    socket.end()
    await Promise.race([closed, eventually('the end', () => socket.readyState !== 'open')])
    socket.destroy()
  }

  async function assertWell(): Promise<void> {
    await gateway.assertIdle()
    await eventually('the streams of the backend', () => backend.open === 0)
    const socket = await openSocket(`${gateway.url}/rpc`)
    socket.ws.send('well?')
    assert.deepEqual(await socket.messages(1), ['well?'])
    socket.ws.close()
    await gateway.assertIdle()
  }

  test('leave nothing behind, as frames that were changed and cut anywhere', async () => {
    const cuts = fc.array(fc.nat(2000), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...HEADS), frames, mutations, cuts, async (head, list, changes, cutAt) => {
        const bytes = Buffer.concat(list)
        for (const { at, byte } of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte
        const points = [0, ...cutAt.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
        await sendFrames(
          head,
          points.slice(1).map((end, i) => bytes.subarray(points[i], end)),
        )
      }),
      { numRuns: 300, seed: 20 },
    )
    await assertWell()
    const carried = (name: string) => gateway.ended.some(({ route, bytesIn }) => route === name && bytesIn > 0)
    assert.ok(['stream', 'rpc', 'page'].every(carried), 'no message came through at all')
  })

  test('leave nothing behind, as handshakes that were changed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...HEADS),
        mutations,
        fc.uint8Array({ maxLength: 50 }),
        async (head, changes, rest) => {
          const bytes = Buffer.from(head)
          for (const { at, byte } of changes) bytes[at % bytes.length] = byte
          await send(bytes, rest)
        },
      ),
      { numRuns: 200, seed: 21 },
    )
    await assertWell()
  })

  test('leave nothing behind, at random', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...HEADS), fc.uint8Array({ maxLength: 2000 }), async (head, bytes) => {
        await sendFrames(head, [bytes])
      }),
      { numRuns: 200, seed: 22 },
    )
    await assertWell()
  })
})
