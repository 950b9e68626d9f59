import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Stream } from '../../src/wire/stream.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'
import { sendBytes } from '../support/send-bytes.ts'
import { startStreamBackend } from '../support/stream-backend.ts'

const STALL_MS = 1000
/** More than the buffers of two sockets take. */
const LARGE_BYTES = 32 * 1024 * 1024
const POST = 'POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n'

interface Stage {
  readonly gateway: Gateway
  /** That of the last request to /hold, whose body is not read. */
  readonly upload: () => Stream | undefined
  /** A client that does nothing wrong is served. */
  assertServes(): Promise<void>
}

let next = 0

async function start(t: TestContext, options: Partial<GatewayOptions> = {}): Promise<Stage> {
  const url = await natsUrl()
  const subject = `limits.slow.${process.pid}.${next++}`
  const backend = await startStreamBackend(url)
  let upload: Stream | undefined
  await backend.handle(`${subject}.upload`, (stream, open) => {
    stream.accept(1, 64 * 1024)
    let bytes = open.payload.length
    const end = () => {
      stream.head({ status: 200, headers: [] })
      stream.data(Buffer.from(`took ${bytes}`))
      stream.end()
    }
    if (!open.more) end()
    return {
      data(chunk) {
        bytes += chunk.length
        return true
      },
      end,
    }
  })
  await backend.handle(`${subject}.hold`, (stream) => {
    upload = stream
    stream.accept(1, 64 * 1024)
    return { data: () => false, end: () => {} }
  })
  await backend.handle(`${subject}.echo`, (stream, open) => {
    stream.accept(1, 64 * 1024)
    stream.head({ status: 200, headers: [] })
    stream.data(open.payload)
    return {
      data: (chunk) => stream.data(chunk.slice()),
      end: () => stream.end(),
      drained: () => stream.drained(),
    }
  })
  for (const kind of ['sized', 'chunked']) {
    await backend.handle(`${subject}.${kind}`, (stream) => {
      stream.head({ status: 200, headers: kind === 'sized' ? ['content-length', String(LARGE_BYTES)] : [] })
      return sendBytes(stream, LARGE_BYTES)
    })
  }
  const gateway = await startGateway({
    natsUrl: url,
    routes: ['upload', 'hold', 'echo', 'sized', 'chunked'].map((name) => ({
      name,
      match: { path: `/${name}` },
      subject: `${subject}.${name}`,
      body: 'stream' as const,
    })),
    transferLimits: { stallTimeoutMs: STALL_MS, minBodyBytesPerSecond: 1000 },
    ...options,
  })
  t.after(async () => {
    await gateway.close()
    await backend.close()
  })
  return {
    gateway,
    upload: () => upload,
    async assertServes() {
      const response = await fetch(`${gateway.url}/upload`, { method: 'POST', body: 'hello' })
      assert.equal(await response.text(), 'took 5')
    },
  }
}

describe('a client that sends a body', () => {
  test('as fast as it has to is served', async (t) => {
    const { gateway } = await start(t)
    const raw = await openRaw(gateway.port)
    raw.write('POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n')
    for (let i = 0; i < 30; i++) {
      raw.write('x'.repeat(300))
      // Its pace is what is tested.
      await delay(STALL_MS / 10)
    }
    await raw.until(/took 9000/)
    assert.equal(gateway.limited.count('slow_body'), 0)
    raw.destroy()
    await gateway.assertIdle()
  })

  for (const [how, piece] of [
    ['byte by byte', 'x'],
    ['and then no more', ''],
  ] as const) {
    test(`${how} gets 408, and others are served meanwhile`, async (t) => {
      const { gateway, assertServes } = await start(t)
      const raw = await openRaw(gateway.port)
      raw.write(`${POST}begun`)
      const drip = setInterval(() => raw.write(piece), 20)
      t.after(() => clearInterval(drip))
      await assertServes()
      const answer = await raw.closed()
      assert.match(answer, /^HTTP\/1\.1 408 [\s\S]*"code":"timeout"/)
      assert.equal(gateway.limited.count('slow_body'), 1)
      await assertServes()
      await gateway.assertIdle()
    })
  }
})

describe('a client that reads a response', () => {
  for (const path of ['sized', 'chunked']) {
    test(`not at all is cut, ${path}`, async (t) => {
      const { gateway, assertServes } = await start(t)
      const raw = await openRaw(gateway.port)
      raw.socket.pause()
      raw.write(`GET /${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
      await assertServes()
      await eventually('it is cut', () => gateway.limited.count('slow_reader') === 1)
      assert.equal(gateway.ended.at(-1)?.code, 'client_gone')
      raw.socket.resume()
      assert.ok((await raw.closed()).length < LARGE_BYTES)
      await assertServes()
      await gateway.assertIdle()
    })

    test(`after a pause that is not too long gets all of it, ${path}`, async (t) => {
      const { gateway } = await start(t)
      const raw = await openRaw(gateway.port)
      raw.socket.pause()
      raw.write(`GET /${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      await eventually('it is full', () => gateway.wheel.size > 0)
      // The pause that is not too long.
      await delay(STALL_MS / 2)
      raw.socket.resume()
      await eventually('all of it', () => gateway.ended.at(-1)?.bytesOut === LARGE_BYTES, { timeoutMs: 30_000 })
      assert.equal(gateway.ended.at(-1)?.code, 'ok')
      raw.destroy()
    })
  }
})

// uWebSockets has a timer of its own, of 8 to 12 seconds, which is none of ours to set: that it ends nothing shows only
// when it has passed.
const PAST_THEIR_TIMER_MS = 14_000
/** In which a body does not come: that timer has begun, and is not yet over. */
const SLOW_BODY_MS = 5000

describe('for longer than uWebSockets would wait', { concurrency: true }, () => {
  const transferLimits = { stallTimeoutMs: 30_000, minBodyBytesPerSecond: 500 }

  test('a client may send a body of 1 KiB a second, and get the response after a while', async (t) => {
    const { gateway } = await start(t, { transferLimits })
    const raw = await openRaw(gateway.port)
    raw.write('POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 14000\r\n\r\n')
    for (let sent = 0; sent < 14_000; sent += 500) {
      raw.write('x'.repeat(500))
      await delay(PAST_THEIR_TIMER_MS / 28)
    }
    await raw.until(/took 14000/)
    raw.destroy()
  })

  test('a backend may let a client wait with its body', async (t) => {
    const { gateway, upload } = await start(t, { transferLimits })
    const raw = await openRaw(gateway.port)
    const bytes = 4 * 1024 * 1024
    raw.write(`POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`)
    raw.write(Buffer.alloc(bytes))
    await delay(PAST_THEIR_TIMER_MS)
    assert.equal(gateway.http.exchanges, 1)
    upload()?.head({ status: 200, headers: [] })
    upload()?.data(Buffer.from('at last'))
    await raw.until(/at last/)
    raw.destroy()
  })

  for (const path of ['sized', 'chunked']) {
    test(`a client may take nothing of a response for a while, and all of it then, ${path}`, async (t) => {
      const { gateway } = await start(t, { transferLimits })
      const raw = await openRaw(gateway.port)
      raw.socket.pause()
      raw.write(`GET /${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
      await delay(PAST_THEIR_TIMER_MS)
      raw.socket.resume()
      await eventually('all of it', () => gateway.ended.at(-1)?.bytesOut === LARGE_BYTES, { timeoutMs: 15_000 })
      assert.equal(gateway.ended.at(-1)?.code, 'ok')
      raw.destroy()
    })
  }

  test('a client that is held up both ways goes on when it reads', async (t) => {
    const { gateway } = await start(t, { transferLimits })
    const raw = await openRaw(gateway.port)
    raw.socket.pause()
    // The route takes 10 MiB, and buffers of two sockets as much as half of it.
    const bytes = 10 * 1024 * 1024
    raw.write(`POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`)
    raw.write(Buffer.alloc(bytes))
    await delay(PAST_THEIR_TIMER_MS)
    raw.socket.resume()
    await eventually('all of it', () => gateway.ended.at(-1)?.bytesOut === bytes, { timeoutMs: 15_000 })
    assert.equal(gateway.ended.at(-1)?.code, 'ok')
    raw.destroy()
  })

  test('a response may be silent after a slow body', async (t) => {
    const { gateway, upload } = await start(t, { transferLimits })
    const raw = await openRaw(gateway.port)
    raw.write('POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n')
    await delay(SLOW_BODY_MS)
    raw.write('0123456789')
    await eventually('the backend', () => upload())
    upload()?.head({ status: 200, headers: [] })
    await delay(PAST_THEIR_TIMER_MS)
    upload()?.data(Buffer.from('at last'))
    await raw.until(/at last/)
    raw.destroy()
  })
})
