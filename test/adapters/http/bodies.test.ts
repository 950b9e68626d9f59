import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import { heapBytes } from '../../support/abort-storm.ts'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { openRaw } from '../../support/raw-http.ts'

const SUBJECT = `t${process.pid}bodies`

describe('a body that comes in many chunks', () => {
  let gateway: Gateway
  let nats: NatsConnection

  before(async () => {
    const url = await natsUrl()
    nats = await connect({ servers: url })
    nats.subscribe(SUBJECT, { callback: (_error, message) => void message.respond(message.data) })
    await nats.flush()
    gateway = await startGateway({
      natsUrl: url,
      routes: [{ name: 'echo', match: { path: '/echo' }, subject: SUBJECT, limits: { bodyBytes: '300KiB' } }],
    })
  })
  after(async () => {
    await gateway.close()
    await nats.close()
  })

  const openChunked = async () => {
    const raw = await openRaw(gateway.port)
    raw.write('POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
    return raw
  }
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

  test('is handed over whole, up to the very limit', async () => {
    for (const sizes of [[1, 1, 1], [5, 1000, 3], [300 * 1024 - 1, 1], Array.from({ length: 300 }, () => 1024)]) {
      const raw = await openChunked()
      const parts = sizes.map((size, n) => String.fromCharCode(97 + (n % 26)).repeat(size))
      for (const part of parts) raw.write(chunk(part))
      raw.write('0\r\n\r\n')
      const body = parts.join('')
      const text = await raw.until(new RegExp(`content-length: ${body.length}\r\n\r\n.{${body.length}}$`, 'i'))
      assert.ok(text.endsWith(`\r\n\r\n${body}`))
      raw.destroy()
    }
  })

  test('takes memory for its bytes, not for its chunks', async () => {
    const raw = await openChunked()
    raw.write(chunk('x'))
    await eventually('the request', () => gateway.http.exchanges === 1)
    const before = heapBytes()
    const bytes = 200_000
    raw.write(chunk('x').repeat(bytes))
    // When another request is answered after the last byte has left here, the gateway has read most of it.
    while (raw.socket.writableLength > 0) await new Promise((resolve) => setImmediate(resolve))
    await (await fetch(`${gateway.url}/echo`, { method: 'POST', body: 'x' })).text()
    const growth = heapBytes() - before
    assert.ok(growth < 20 * bytes, `the heap grew by ${growth} bytes`)
    raw.write('0\r\n\r\n')
    await raw.until(new RegExp(`content-length: ${bytes + 1}\r\n\r\nx{${bytes + 1}}$`, 'i'))
    raw.destroy()
  })
})
