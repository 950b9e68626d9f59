import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { MESSAGE_OVERHEAD_BYTES } from '../../../src/adapters/websocket/overrun.ts'
import type { Stream } from '../../../src/wire/stream.ts'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { type StreamBackend, startStreamBackend } from '../../support/stream-backend.ts'
import { openSocket, type TestSocket } from './start-client.ts'

const MAX_OVERRUN_BYTES = 1024 * 1024
const CHUNK = Buffer.alloc(32 * 1024, 'c')

describe('backpressure on a WebSocket', () => {
  let gateway: Gateway
  let backend: StreamBackend
  const subject = (name: string) => `t${process.pid}wsflow.${name}`

  before(async () => {
    const nats = await natsUrl()
    gateway = await startGateway({
      natsUrl: nats,
      routes: [
        { name: 'flow', match: { kind: 'ws', path: '/{id}' }, subject: subject('{id}') },
        { name: 'rpc', match: { kind: 'ws', path: '/rpc/{id}' }, subject: subject('{id}'), websocket: 'rpc' },
      ],
    })
    backend = await startStreamBackend(nats)
  })
  after(async () => {
    await gateway.close()
    await backend.close()
  })

  test('stops the backend of a client that does not read, and goes on when it does', async () => {
    const total = 32 * 1024 * 1024
    let sent = 0
    const pump = (stream: Stream) => {
      while (sent < total) {
        sent += CHUNK.length
        if (!stream.data(CHUNK, { type: 'binary' })) return
      }
      stream.end()
    }
    await backend.handle(subject('slow'), (stream) => {
      stream.accept(1, 65536)
      stream.head({ status: 200, headers: [] })
      pump(stream)
      return { drained: () => pump(stream) }
    })
    const socket = await openSocket(`${gateway.url}/slow`)
    socket.ws.pause()
    let rest = -1
    await eventually('rest', async () => {
      const before = sent
      await backend.nats.flush()
      rest = before === sent ? rest + 1 : 0
      return rest > 20 && sent > CHUNK.length
    })
    // The window, what the system takes at both ends, and one chunk.
    assert.ok(sent < 16 * 1024 * 1024, `${sent} bytes were sent to a client that reads nothing`)
    socket.ws.resume()
    assert.equal((await socket.closed()).code, 1000)
    assert.equal(
      socket.received.reduce((sum, { data }) => sum + data.length, 0),
      total,
    )
    await gateway.assertIdle()
  })

  test('closes with 1013 a client that sends more than 1 MiB which nobody takes', async () => {
    await backend.handle(subject('stuck'), (stream) => {
      stream.accept(1, 65536)
      stream.head({ status: 200, headers: [] })
      stream.data(Buffer.from('accepted'))
      return { data: () => false }
    })
    const socket = await openSocket(`${gateway.url}/stuck`)
    await socket.messages(1)
    // The first of which something is left counts whole.
    await eventually('a full backend', () => {
      if (gateway.buffers.heldBytes === 0) socket.ws.send(CHUNK)
      return gateway.buffers.heldBytes > 0
    })
    await assertOverrun(socket, CHUNK.length + MESSAGE_OVERHEAD_BYTES)
    await gateway.assertIdle()
    await eventually('the backend hears of it', () => backend.resets.at(-1)?.code === 'rate_limited')
  })

  test('closes with 1013 a client that sends as much before a backend has accepted', async () => {
    const silent = backend.nats.subscribe(subject('silent'), { callback() {} })
    await backend.nats.flush()
    const socket = await openSocket(`${gateway.url}/silent`)
    await assertOverrun(socket, 0)
    silent.unsubscribe()
    await gateway.assertIdle()
  })

  test('closes with 1013 a client of which more than 1 MiB waits behind 16 requests in flight', async () => {
    const silent = backend.nats.subscribe(subject('calls'), { callback() {} })
    await backend.nats.flush()
    const socket = await openSocket(`${gateway.url}/rpc/calls`)
    for (let i = 0; i < 16; i++) socket.ws.send('')
    await eventually('all in flight', () => gateway.transport.size === 16)
    const before = gateway.ended.length
    await assertOverrun(socket, 0)
    assert.equal(gateway.transport.size, 0)
    assert.deepEqual(
      gateway.ended.slice(before).map(({ code }) => code),
      Array(16).fill('rate_limited'),
    )
    silent.unsubscribe()
    await gateway.assertIdle()
  })

  /** Fills the 1 MiB that may wait, of which so much is taken, and then sends a message that is empty. */
  async function assertOverrun(socket: TestSocket, takenBytes: number): Promise<void> {
    const heldBefore = gateway.buffers.heldBytes
    const endedBefore = gateway.ended.length
    let left = MAX_OVERRUN_BYTES - takenBytes
    let sent = 0
    while (left > 0) {
      const bytes = Math.min(left, CHUNK.length) - MESSAGE_OVERHEAD_BYTES
      socket.ws.send(CHUNK.subarray(0, bytes))
      left -= bytes + MESSAGE_OVERHEAD_BYTES
      sent += bytes
    }
    await eventually('all of it', () => gateway.buffers.heldBytes >= heldBefore + sent)
    assert.equal(gateway.ended.length, endedBefore)
    assert.equal(socket.ws.readyState, 1)
    socket.ws.send('')
    assert.deepEqual(await socket.closed(), { code: 1013, reason: 'rate_limited' })
    assert.equal(gateway.ended.at(-1)!.code, 'rate_limited')
    await eventually('nothing waits', () => gateway.buffers.heldBytes === 0)
  }

  test('takes any amount from a fast client as fast as the backend takes it', async () => {
    let taken = 0
    await backend.handle(subject('fast'), (stream) => {
      stream.accept(1, 65536)
      stream.head({ status: 200, headers: [] })
      return {
        data(chunk) {
          taken += chunk.length
          return true
        },
        end: () => stream.end(),
      }
    })
    const socket = await openSocket(`${gateway.url}/fast`)
    for (let i = 0; i < 200; i++) {
      socket.ws.send(CHUNK)
      // A client that heeds its own buffer, and with it what the backend takes.
      await eventually('room', () => taken >= (i - 8) * CHUNK.length)
    }
    socket.ws.close()
    await socket.closed()
    await gateway.assertIdle()
    assert.equal(taken, 200 * CHUNK.length)
  })

  test('keeps 1 MiB of pongs for a client that does not read, and cuts it with the next message', async () => {
    let toClient: Stream | undefined
    await backend.handle(subject('pings'), (stream) => {
      toClient = stream
      stream.accept(1, 65536)
      stream.head({ status: 200, headers: [] })
      return {}
    })
    const socket = await openSocket(`${gateway.url}/pings`)
    await eventually('the backend', () => toClient)
    socket.ws.pause()
    const payload = Buffer.alloc(125)
    for (let i = 0; i < 150_000; i++) socket.ws.ping(payload)
    await eventually('all sent', () => socket.ws.bufferedAmount === 0, { timeoutMs: 20_000 })
    assert.ok(gateway.buffers.heldBytes <= 1024 * 1024, `${gateway.buffers.heldBytes} bytes wait`)
    assert.deepEqual([gateway.limited.count('slow_reader'), gateway.transport.size], [0, 1])
    toClient!.data(CHUNK)
    await eventually('it is cut', () => gateway.limited.count('slow_reader') === 1)
    socket.ws.resume()
    assert.equal((await socket.closed()).code, 1006)
    assert.equal(socket.received.length, 0)
    await gateway.assertIdle()
  })
})
