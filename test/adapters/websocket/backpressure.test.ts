import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Stream } from '../../../src/wire/stream.ts'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { type StreamBackend, startStreamBackend } from '../../support/stream-backend.ts'
import { openSocket } from './start-client.ts'

const CHUNK = Buffer.alloc(32 * 1024, 'c')

describe('backpressure on a WebSocket', () => {
  let gateway: Gateway
  let backend: StreamBackend
  const subject = (name: string) => `t${process.pid}wsflow.${name}`

  before(async () => {
    const nats = await natsUrl()
    gateway = await startGateway({
      natsUrl: nats,
      routes: [{ name: 'flow', match: { kind: 'ws', path: '/{id}' }, subject: subject('{id}') }],
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
    let isFull = false
    await backend.handle(subject('stuck'), (stream) => {
      stream.accept(1, 65536)
      stream.head({ status: 200, headers: [] })
      return {
        data() {
          isFull = true
          return false
        },
      }
    })
    const socket = await openSocket(`${gateway.url}/stuck`)
    socket.ws.send(CHUNK)
    await eventually('a full backend', () => isFull)
    const before = process.memoryUsage().rss
    for (let i = 0; i < 2000; i++) socket.ws.send(CHUNK)
    assert.deepEqual(await socket.closed(), { code: 1013, reason: 'rate_limited' })
    const grownMiB = (process.memoryUsage().rss - before) / 1024 / 1024
    assert.ok(grownMiB < 150, `grew by ${grownMiB} MiB`)
    await gateway.assertIdle()
    assert.equal(gateway.ended.at(-1)!.code, 'rate_limited')
    assert.equal(backend.resets.at(-1)!.code, 'rate_limited')
  })

  test('closes with 1013 a client that sends as much before a backend has accepted', async () => {
    const silent = backend.nats.subscribe(subject('silent'), { callback() {} })
    await backend.nats.flush()
    const socket = await openSocket(`${gateway.url}/silent`)
    for (let i = 0; i < 64; i++) socket.ws.send(CHUNK)
    assert.equal((await socket.closed()).code, 1013)
    silent.unsubscribe()
    await gateway.assertIdle()
  })

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

  test('cuts a client that pings and does not read, at 1 MiB of pongs', async () => {
    await backend.handle(subject('pings'), (stream) => {
      stream.accept(1, 65536)
      stream.head({ status: 200, headers: [] })
      return { drained: () => {} }
    })
    const socket = await openSocket(`${gateway.url}/pings`)
    socket.ws.pause()
    const before = process.memoryUsage().rss
    const payload = Buffer.alloc(125)
    for (let i = 0; i < 100_000 && socket.ws.readyState === 1; i++) socket.ws.ping(payload)
    await eventually('all sent', () => socket.ws.bufferedAmount === 0 || socket.ws.readyState !== 1)
    const grownMiB = (process.memoryUsage().rss - before) / 1024 / 1024
    assert.ok(grownMiB < 150, `grew by ${grownMiB} MiB`)
    socket.ws.terminate()
    await gateway.assertIdle()
  })
})
