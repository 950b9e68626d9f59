import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { connect, headers as createHeaders, type Msg, type NatsConnection } from 'nats'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { openRaw } from '../../support/raw-http.ts'

const P = `t${process.pid}many`

describe('many plain replies over HTTP', () => {
  let gateway: Gateway
  let nats: NatsConnection
  /** The request that a test answers by hand. */
  let request: Msg | undefined

  before(async () => {
    const url = await natsUrl()
    nats = await connect({ servers: url })
    nats.subscribe(`${P}.hand`, {
      callback: (_error, message) => {
        request = message
      },
    })
    nats.subscribe(`${P}.three`, {
      callback: (_error, message) => {
        const head = createHeaders()
        head.set('content-type', 'application/x-ndjson')
        message.respond('{"n":1}\n', { headers: head })
        message.respond('{"n":2}\n')
        message.respond('{"n":3}\n')
        message.respond()
      },
    })
    await nats.flush()
    gateway = await startGateway({
      natsUrl: url,
      routes: [
        { name: 'three', match: { path: '/three' }, subject: `${P}.three`, reply: 'many' },
        { name: 'hand', match: { path: '/hand' }, subject: `${P}.hand`, reply: 'many' },
        { name: 'idle', match: { path: '/idle' }, subject: `${P}.hand`, reply: 'many', idleTimeout: '80ms' },
        { name: 'short', match: { path: '/short' }, subject: `${P}.hand`, reply: 'many', maxDuration: '150ms' },
      ],
    })
  })
  after(async () => {
    await gateway.close()
    await nats.close()
  })
  afterEach(async () => {
    request = undefined
    gateway.ended.length = 0
    await gateway.assertIdle()
  })

  const openRequest = async (head: string) => {
    const raw = await openRaw(gateway.port)
    raw.write(`GET ${head} HTTP/1.1\r\nHost: x\r\n`)
    return raw
  }
  const arrived = () => eventually('the request', () => request)
  const reply = (text: string, fields: Record<string, string> = {}) => {
    const headers = createHeaders()
    for (const [name, value] of Object.entries(fields)) headers.set(name, value)
    request!.respond(text, Object.keys(fields).length > 0 ? { headers } : {})
  }

  test('become chunks, in order, with the headers of the first', async () => {
    const response = await fetch(`${gateway.url}/three`)
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'application/x-ndjson')
    assert.equal(response.headers.get('transfer-encoding'), 'chunked')
    assert.equal(await response.text(), '{"n":1}\n{"n":2}\n{"n":3}\n')
  })

  test('become events when the client accepts them, and leave at once', async () => {
    const raw = await openRequest('/hand')
    raw.write('Accept: text/event-stream\r\nLast-Event-ID: 41\r\n\r\n')
    await arrived()
    assert.equal(request!.headers?.get('last-event-id'), '41')
    reply('one', { 'Sx-Event': 'tick', 'Sx-Id': '42' })
    const head = await raw.until(/id: 42\nevent: tick\ndata: one\n\n/)
    assert.match(head, /content-type: text\/event-stream\r\n/)
    assert.match(head, /cache-control: no-cache\r\n/)
    reply('two\nlines\r\nand more')
    await raw.until(/data: two\ndata: lines\ndata: and more\n\n/)
    reply('')
    await raw.until(/\r\n0\r\n\r\n$/)
    raw.destroy()
  })

  test('cannot be forged into other events by what a backend sends', async () => {
    const raw = await openRequest('/hand')
    raw.write('Accept: text/event-stream\r\n\r\n')
    await arrived()
    reply('a\rid: 1\n\nevent: x', { 'Sx-Id': '7' })
    const text = await raw.until(/event: x\n\n/)
    assert.match(text, /id: 7\ndata: a\ndata: id: 1\ndata: \ndata: event: x\n\n/)
    raw.destroy()
  })

  test('end as a whole response when the first is empty', async () => {
    const raw = await openRequest('/hand')
    raw.write('\r\n')
    await arrived()
    reply('')
    assert.match(await raw.until(/content-length: 0\r\n\r\n$/i), /^HTTP\/1\.1 200 OK\r\n/)
    raw.destroy()
  })

  test('are cut when the next does not come in time, and never look whole', async () => {
    const raw = await openRequest('/idle')
    raw.write('\r\n')
    await arrived()
    reply('part')
    const text = await raw.closed()
    assert.match(text, /part/)
    assert.doesNotMatch(text, /\r\n0\r\n\r\n/)
    await gateway.assertIdle()
    assert.deepEqual(
      gateway.ended.map(({ code }) => code),
      ['timeout'],
    )
  })

  test('are cut when the exchange lasts longer than the route allows', async () => {
    const raw = await openRequest('/short')
    raw.write('\r\n')
    await arrived()
    reply('part')
    assert.doesNotMatch(await raw.closed(), /\r\n0\r\n\r\n/)
    await gateway.assertIdle()
    assert.deepEqual(
      gateway.ended.map(({ code }) => code),
      ['timeout'],
    )
  })

  test('are cut when the service reports a failure in between', async () => {
    const raw = await openRequest('/hand')
    raw.write('\r\n')
    await arrived()
    reply('part')
    await raw.until(/part/)
    reply('', { 'Nats-Service-Error-Code': '500', 'Nats-Service-Error': 'broke' })
    assert.doesNotMatch(await raw.closed(), /\r\n0\r\n\r\n/)
    await gateway.assertIdle()
    assert.deepEqual(
      gateway.ended.map(({ code }) => code),
      ['backend_error'],
    )
  })

  test('wait for a slow client up to the bound and then cut it, while another goes on', async () => {
    const raw = await openRequest('/hand')
    raw.socket.pause()
    raw.write('\r\n')
    await arrived()
    const slow = request!
    const chunk = 'x'.repeat(64 * 1024)
    // The kernel's buffers take some megabytes before the client counts as slow.
    let sent = 0
    while (gateway.ended.length === 0) {
      slow.respond(chunk)
      await nats.flush()
      sent += chunk.length
      assert.ok(sent < 64 * 1024 * 1024, 'the buffer is not bounded')
    }
    assert.deepEqual(
      gateway.ended.map(({ code }) => code),
      ['too_large'],
    )
    const other = await fetch(`${gateway.url}/three`)
    assert.equal((await other.text()).length, 24)
    raw.destroy()
  })

  test('reach a client that was slow for a while whole and in order', async () => {
    const raw = await openRequest('/hand')
    raw.write('\r\n')
    await arrived()
    reply('start')
    await raw.until(/start/)
    raw.socket.pause()
    const line = 'y'.repeat(1023)
    for (let i = 0; i < 4096; i++) request!.respond(`${String(i).padStart(6, '0')}${line}\n`)
    await nats.flush()
    raw.socket.resume()
    reply('')
    const text = await raw.until(/\r\n0\r\n\r\n$/, 20_000)
    const numbers = [...text.matchAll(/(\d{6})y/g)].map(([, digits]) => Number(digits))
    assert.deepEqual(
      numbers,
      Array.from({ length: 4096 }, (_, i) => i),
    )
    raw.destroy()
  })

  test('stop when the client goes away', async () => {
    const raw = await openRequest('/hand')
    raw.write('\r\n')
    await arrived()
    reply('part')
    await raw.until(/part/)
    raw.destroy()
    await gateway.assertIdle()
    assert.deepEqual(
      gateway.ended.map(({ code }) => code),
      ['client_gone'],
    )
  })

  test('show their head to a client of events before the first of them', async () => {
    const raw = await openRequest('/hand')
    raw.write('Accept: text/event-stream\r\n\r\n')
    await arrived()
    reply('', { 'x-first': 'yes' })
    assert.match(await raw.until(/\r\n\r\n/), /x-first: yes\r\n/)
    raw.destroy()
  })

  test('end with their head where the response has no content, without waiting for the rest', async () => {
    for (const [method, status] of [
      ['HEAD', '200'],
      ['GET', '204'],
      ['GET', '304'],
    ]) {
      request = undefined
      gateway.ended.length = 0
      const raw = await openRaw(gateway.port)
      raw.write(`${method} /hand HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n`)
      await arrived()
      reply('one', { 'Sx-Status': status! })
      const head = await raw.until(/\r\n\r\n$/)
      assert.ok(head.startsWith(`HTTP/1.1 ${status} `))
      assert.doesNotMatch(head, /transfer-encoding|content-length/i)
      await gateway.assertIdle()
      assert.deepEqual(
        gateway.ended.map(({ code, bytesOut }) => [code, bytesOut]),
        [['ok', 0]],
      )
      reply('two')
      raw.write('GET /three HTTP/1.1\r\nHost: x\r\n\r\n')
      const both = await raw.until(/\r\n0\r\n\r\n$/)
      assert.match(both.slice(head.length), /^HTTP\/1\.1 200 /)
      raw.destroy()
    }
  })

  test('give a HEAD request their headers only', async () => {
    const raw = await openRaw(gateway.port)
    raw.write('HEAD /three HTTP/1.1\r\nHost: x\r\n\r\n')
    const text = await raw.until(/\r\n\r\n/)
    assert.match(text, /application\/x-ndjson/)
    raw.write('GET /three HTTP/1.1\r\nHost: x\r\n\r\n')
    const both = await raw.until(/\r\n0\r\n\r\n$/)
    assert.equal(both.match(/HTTP\/1\.1 200 OK/g)?.length, 2)
    assert.match(both.slice(text.length), /^HTTP\/1\.1 200/)
    raw.destroy()
  })
})
