import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connect, type Msg } from 'nats'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { openRaw } from '../support/raw-http.ts'
import { startLargeNats } from './large-nats.ts'

/** More than the system's buffers take from us. */
const LARGE_BYTES = 24 * 1024 * 1024

describe('a client that reads slowly', () => {
  for (const accept of ['*/*', 'text/event-stream']) {
    test(`gets all of a reply without waiting for the next one (accept: ${accept})`, async (t) => {
      const server = await startLargeNats(t, LARGE_BYTES)
      const nats = await connect({ servers: server.url, reconnect: false })
      t.after(() => nats.close())
      let request: Msg | undefined
      nats.subscribe('large', {
        callback: (_error, message) => {
          request = message
          message.respond(new Uint8Array(LARGE_BYTES).fill(120))
        },
      })
      await nats.flush()
      const gateway = await startGateway({
        natsUrl: server.url,
        routes: [{ name: 'large', match: { path: '/large' }, subject: 'large', reply: 'many' }],
      })
      t.after(() => gateway.close())

      const raw = await openRaw(gateway.port)
      let received = 0
      raw.socket.on('data', (chunk) => {
        received += chunk.length
      })
      raw.write(`GET /large HTTP/1.1\r\nHost: x\r\nAccept: ${accept}\r\n\r\n`)
      await raw.until(/xxx/)
      raw.socket.pause()
      await eventually('the reply', () => gateway.http.exchanges === 1 && request)
      raw.socket.resume()
      await eventually('all of it', () => received > LARGE_BYTES, { timeoutMs: 5000 })

      request!.respond('last')
      request!.respond()
      await eventually('the end', () => raw.text().endsWith('\r\n0\r\n\r\n'))
      const [, body = ''] = raw.text().split(/\r\n\r\n(.*)/s)
      assert.equal(body.length - body.replaceAll('x', '').length, LARGE_BYTES)
      assert.match(body.slice(-100), /last/)
      raw.destroy()
      await gateway.assertIdle()
    })
  }

  test('that leaves in the middle of a large response is logged as gone', async (t) => {
    const server = await startLargeNats(t, LARGE_BYTES)
    const nats = await connect({ servers: server.url, reconnect: false })
    t.after(() => nats.close())
    nats.subscribe('large', { callback: (_error, message) => void message.respond(new Uint8Array(LARGE_BYTES)) })
    await nats.flush()
    const routes = [{ name: 'large', match: { path: '/large' }, subject: 'large' }]
    const gateway = await startGateway({ natsUrl: server.url, routes })
    t.after(() => gateway.close())
    const raw = await openRaw(gateway.port)
    raw.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n')
    await raw.until(/^HTTP/)
    raw.destroy()
    await gateway.assertIdle()
    assert.deepEqual(
      gateway.ended.map(({ status, code }) => `${status} ${code}`),
      ['200 client_gone'],
    )
  })
})
