import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../../support/eventually.ts'
import { echo, type RawTcpOptions, startMuxTcp, startRawTcp } from './start-tcp.ts'
import { connectTcp } from './tcp-client.ts'

const MIB = 1024 * 1024

describe('a TCP listener bears', () => {
  test('2,000 connections that are opened, used and cut', async (t) => {
    const tcp = await startRawTcp(t, { handler: echo })
    let echoed = 0
    for (let round = 0; round < 4; round++) {
      const sockets = Array.from({ length: 500 }, (_, index) => {
        const socket = connect(tcp.port, '127.0.0.1')
        // `close` follows.
        socket.on('error', () => {})
        socket.on('data', () => echoed++)
        socket.write('x')
        if (index % 3 === 0) socket.once('connect', () => socket.resetAndDestroy())
        return socket
      })
      await eventually('most have their echo', () => echoed >= (round + 1) * 300)
      await Promise.all(
        sockets.map(async (socket) => {
          socket.destroy()
          await closed(socket)
        }),
      )
    }
    await tcp.assertRouterIdle()
    assert.ok(tcp.ended.length > 1200)
    // Those that leave with a FIN get theirs.
    assert.ok(tcp.ended.every(({ code }) => code === 'client_gone' || code === 'ok'))
    assert.ok(tcp.ended.some(({ code }) => code === 'client_gone'))
  })

  test('a reader that stops: the backend is stopped, memory stays bounded, and all arrives in the end', async (t) => {
    const total = 64 * MIB
    let sent = 0
    const tcp = await startRawTcp(t, {
      handler(stream) {
        stream.accept(1, 64 * 1024)
        stream.head({ status: 200, headers: [] })
        const chunk = Buffer.alloc(64 * 1024, 'x')
        const send = () => {
          while (sent < total) {
            sent += chunk.length
            if (!stream.data(chunk)) return
          }
          stream.end()
        }
        send()
        return { drained: send }
      },
    })
    const client = connectTcp(t, tcp.port)
    client.socket.pause()
    let last = -1
    let since = Date.now()
    await eventually('the backend is stopped', () => {
      if (sent !== last) since = Date.now()
      last = sent
      return sent > 0 && Date.now() - since > 200
    })
    // What the system's own buffers take of a connection, and our window.
    assert.ok(sent < 24 * MIB, `${sent} bytes were sent to a client that does not read`)
    client.socket.resume()
    client.socket.end()
    assert.equal(await client.outcome, 'end')
    assert.equal(client.received().length, total)
    await tcp.assertIdle()
  })

  test('a backend that does not read: the client is stopped', async (t) => {
    let take: (() => void) | undefined
    let taken = 0
    const tcp = await startRawTcp(t, {
      framing: 'line',
      handler(stream) {
        stream.accept(1, 64 * 1024)
        stream.head({ status: 200, headers: [] })
        return {
          data(chunk) {
            taken += chunk.length
            if (take === undefined) take = () => stream.drained()
            return taken > MIB
          },
          end: () => stream.end(),
        }
      },
    })
    const client = connectTcp(t, tcp.port)
    const line = `${'x'.repeat(999)}\n`
    const lines = 30_000
    for (let i = 0; i < lines; i++) client.socket.write(line)
    client.socket.end()
    await eventually('the first line', () => taken > 0)
    let last = -1
    let since = Date.now()
    await eventually('the client is stopped', () => {
      if (client.socket.bytesWritten - client.socket.writableLength !== last) since = Date.now()
      last = client.socket.bytesWritten - client.socket.writableLength
      return Date.now() - since > 200
    })
    assert.ok(last < 24 * MIB, `${last} bytes were taken from the client`)
    assert.equal(taken, 999)
    while (taken <= MIB) {
      const before = taken
      take!()
      await eventually('more', () => taken > before)
    }
    take!()
    assert.equal(await client.outcome, 'end')
    assert.equal(taken, lines * 999)
    await tcp.assertIdle()
  })

  test('a client that is cut off while its backend does not read', async (t) => {
    let nowMs = 0
    const tcp = await startRawTcp(t, {
      now: () => nowMs,
      handler(stream) {
        stream.accept(1, 64 * 1024)
        return { data: () => false }
      },
    })
    const client = connectTcp(t, tcp.port)
    // More than is read ahead, so that the connection is not read any more.
    for (let i = 0; i < 16; i++) client.socket.write(Buffer.alloc(MIB))
    let last = -1
    await eventually('the client is stopped', async () => {
      const before = last
      last = client.socket.bytesWritten - client.socket.writableLength
      await delay(100)
      return last > 0 && last === before
    })
    client.socket.resetAndDestroy()
    await once(client.socket, 'close')
    assert.equal(tcp.adapter.connections, 1)
    nowMs += 10_100
    tcp.wheel.advance()
    await tcp.assertIdle()
    assert.equal(tcp.ended[0]!.code, 'client_gone')
  })

  test('random bytes, on every kind of listener', async (t) => {
    const random = createRandom(7)
    const kinds: RawTcpOptions[] = [
      { framing: 'none' },
      { framing: 'line' },
      { framing: 'u32', route: { limits: { bodyBytes: '1KiB' } } },
      { framing: 'line', proxyProtocol: true },
    ]
    const listeners = await Promise.all([
      ...kinds.map((options) => startRawTcp(t, { ...options, handler: echo })),
      startMuxTcp(t, [{ name: 'nobody', match: { path: '/{rest...}' }, subject: 'nobody.{rest}' }]),
    ])
    const beginnings = [
      '',
      '{',
      '{"t":"open","id":1,',
      'SX1\n',
      'SX1\n\x01\x01',
      'PROXY ',
      '\0\0\0\x04',
      '\r\n\r\n\0\r\nQUIT\n',
    ]
    for (const { port } of listeners) {
      await Promise.all(
        Array.from({ length: 100 }, async (_, index) => {
          const socket = connect(port, '127.0.0.1')
          socket.on('error', () => {})
          socket.resume()
          socket.write(Buffer.from(beginnings[index % beginnings.length]!, 'latin1'))
          const noise = Buffer.from(
            Array.from({ length: Math.floor(random() * 4000) }, () => Math.floor(random() * 256)),
          )
          for (let from = 0; from < noise.length; ) {
            const to = from + 1 + Math.floor(random() * 1000)
            socket.write(noise.subarray(from, to))
            from = to
          }
          if (index % 4 === 0) socket.once('connect', () => socket.resetAndDestroy())
          else socket.end()
          await closed(socket)
        }),
      )
    }
    for (const listener of listeners) await listener.assertIdle()

    // And is as good as before.
    const client = connectTcp(t, listeners[1]!.port)
    client.socket.end('well\n')
    assert.equal(await client.outcome, 'end')
    assert.equal(client.received().toString(), 'well\n')
  })
})

/** Unlike `once`, whether or not there was an error. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
}

/** A small generator, so that a run can be repeated. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
