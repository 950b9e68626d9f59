import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { connect, headers as createHeaders, type Msg, type NatsConnection } from 'nats'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { openRaw } from '../../support/raw-http.ts'

/** Routes of these tests have subjects of their own: the server is shared. */
const P = `t${process.pid}http`

describe('HTTP to a plain responder', () => {
  let gateway: Gateway
  let nats: NatsConnection
  let received: Msg[] = []

  const respond = (subject: string, answer: (message: Msg) => void) =>
    nats.subscribe(`${P}.${subject}`, {
      callback: (_error, message) => {
        received.push(message)
        answer(message)
      },
    })

  before(async () => {
    const url = await natsUrl()
    nats = await connect({ servers: url })
    respond('echo', (message) => {
      const headers = createHeaders()
      headers.set('content-type', message.headers?.get('content-type') || 'application/octet-stream')
      message.respond(message.data, { headers })
    })
    respond('hello.*', (message) => void message.respond(`hello ${message.subject.split('.').at(-1)}`))
    respond('status.*', (message) => {
      const headers = createHeaders()
      headers.set('Sx-Status', message.subject.split('.').at(-1)!)
      headers.append('set-cookie', 'a=1')
      headers.append('set-cookie', 'b=2')
      message.respond('body', { headers })
    })
    respond('empty', (message) => void message.respond())
    respond('service', (message) => {
      const headers = createHeaders()
      headers.set('Nats-Service-Error-Code', '404')
      headers.set('Nats-Service-Error', 'no such order')
      message.respond('', { headers })
    })
    respond('service-with-body', (message) => {
      const headers = createHeaders()
      headers.set('Nats-Service-Error-Code', '409')
      headers.set('Nats-Service-Error', 'conflict')
      message.respond('{"why":"version"}', { headers })
    })
    respond('silent', () => {})
    respond('copy', (message) => void message.respond(message.data, { headers: message.headers! }))
    respond('twice', (message) => {
      message.respond('first')
      message.respond('second')
    })
    await nats.flush()
    gateway = await startGateway({
      natsUrl: url,
      routes: [
        { name: 'echo', match: { path: '/echo' }, subject: `${P}.echo`, limits: { bodyBytes: '64KiB' } },
        { name: 'large', match: { path: '/large' }, subject: `${P}.echo` },
        { name: 'hello', match: { path: '/hello/{name}', methods: ['GET'] }, subject: `${P}.hello.{name}` },
        { name: 'status', match: { path: '/status/{code}' }, subject: `${P}.status.{code}` },
        { name: 'empty', match: { path: '/empty' }, subject: `${P}.empty` },
        { name: 'service', match: { path: '/service' }, subject: `${P}.service` },
        { name: 'service-with-body', match: { path: '/service-with-body' }, subject: `${P}.service-with-body` },
        { name: 'silent', match: { path: '/silent' }, subject: `${P}.silent`, timeout: '50ms' },
        { name: 'nobody', match: { path: '/nobody' }, subject: `${P}.nobody` },
        { name: 'copy', match: { path: '/copy' }, subject: `${P}.copy` },
        { name: 'twice', match: { path: '/twice' }, subject: `${P}.twice` },
        { name: 'rest', match: { path: '/rest/{rest...}' }, subject: `${P}.rest.{rest}` },
      ],
    })
  })
  after(async () => {
    await gateway.close()
    await nats.close()
  })
  afterEach(async () => {
    received = []
    gateway.ended.length = 0
    await gateway.assertIdle()
  })

  const get = (path: string, init?: RequestInit) => fetch(gateway.url + path, init)
  const problem = async (response: Response) => {
    assert.equal(response.headers.get('content-type'), 'application/problem+json')
    assert.equal(response.headers.get('cache-control'), 'no-store')
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    const body = (await response.json()) as Record<string, unknown>
    assert.equal(body.status, response.status)
    assert.equal(body.requestId, response.headers.get('x-request-id'))
    assert.equal(typeof body.title, 'string')
    return body
  }

  test('maps the path to a subject and the first reply to the response', async () => {
    const response = await get('/hello/world?x=1', {
      headers: { 'x-custom': 'yes', 'Nats-Trace-Only': 'true', 'SX-Status': '500' },
    })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-length'), '11')
    assert.equal(await response.text(), 'hello world')
    const headers = received[0]?.headers
    assert.equal(headers?.get('Sx'), 'open 1')
    assert.equal(headers?.get('Sx-Method'), 'GET')
    assert.equal(headers?.get('Sx-Path'), '/hello/world')
    assert.equal(headers?.get('Sx-Query'), 'x=1')
    assert.equal(headers?.get('Sx-Remote'), '127.0.0.1')
    assert.equal(headers?.get('Sx-Host'), '127.0.0.1')
    assert.equal(headers?.get('Sx-Route'), 'hello')
    assert.equal(headers?.get('Sx-Request-Id'), response.headers.get('x-request-id'))
    assert.equal(headers?.get('x-custom'), 'yes')
    for (const name of headers?.keys() ?? []) assert.doesNotMatch(name, /^nats-|^sx-status$/i)
  })

  test('hands the body over whole, from one chunk or many', async () => {
    const small = await get('/echo', { method: 'POST', body: 'abc', headers: { 'content-type': 'text/csv' } })
    assert.equal(small.headers.get('content-type'), 'text/csv')
    assert.equal(await small.text(), 'abc')
    const raw = await openRaw(gateway.port)
    raw.write('PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    raw.write('4\r\ndefg\r\n')
    raw.write('0\r\n\r\n')
    assert.match(await raw.until(/abcdefg$/), /^HTTP\/1\.1 200 OK\r\n/)
    raw.destroy()
  })

  test('carries a body of max_payload less the headers, and refuses one byte too many before it publishes', async () => {
    const room = gateway.link.maxPayload - 1024
    const body = Buffer.alloc(room, 'x')
    const response = await get('/large', { method: 'POST', body })
    assert.equal(response.status, 200)
    assert.equal(Buffer.from(await response.arrayBuffer()).equals(body), true)
    received = []
    const refused = await get('/large', { method: 'POST', body: Buffer.alloc(gateway.link.maxPayload, 'x') })
    assert.equal(refused.status, 413)
    assert.equal((await problem(refused)).code, 'too_large')
    assert.deepEqual(received, [])
  })

  test('refuses a body over the limit of the route, announced or not', async () => {
    const announced = await get('/echo', { method: 'POST', body: Buffer.alloc(64 * 1024 + 1) })
    assert.equal(announced.status, 413)
    assert.equal((await problem(announced)).route, 'echo')
    const body = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 65; i++) controller.enqueue(new Uint8Array(1024))
        controller.close()
      },
    })
    const streamed = await get('/echo', { method: 'POST', body, duplex: 'half' } as RequestInit)
    assert.equal(streamed.status, 413)
    assert.equal(received.length, 0)
    const atTheLimit = await get('/echo', { method: 'POST', body: Buffer.alloc(64 * 1024) })
    assert.equal(atTheLimit.status, 200)
    await atTheLimit.arrayBuffer()
  })

  test('takes status and headers from the reply', async () => {
    const response = await get('/status/418')
    assert.equal(response.status, 418)
    assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2'])
    assert.equal(await response.text(), 'body')
  })

  test('answers 204 to an empty reply, without content or its length', async () => {
    const raw = await openRaw(gateway.port)
    raw.write('GET /empty HTTP/1.1\r\nHost: x\r\n\r\n')
    const text = await raw.until(/\r\n\r\n$/)
    assert.match(text, /^HTTP\/1\.1 204 No Content\r\n/)
    assert.doesNotMatch(text, /content-length/i)
    raw.destroy()
  })

  test('answers with no content when the status forbids it', async () => {
    const raw = await openRaw(gateway.port)
    raw.write('GET /status/304 HTTP/1.1\r\nHost: x\r\n\r\nGET')
    assert.match(await raw.until(/\r\n\r\n$/), /^HTTP\/1\.1 304 Not Modified\r\n/)
    raw.destroy()
  })

  test('turns a status that no client may see into 502', async () => {
    const response = await get('/status/99')
    assert.equal(response.status, 502)
    assert.equal((await problem(response)).code, 'backend_error')
  })

  test('turns the failure of a micro service into its status, with its words as the detail', async () => {
    const response = await get('/service')
    assert.equal(response.status, 404)
    const body = await problem(response)
    assert.equal(body.code, 'backend_error')
    assert.equal(body.detail, 'no such order')
    const withBody = await get('/service-with-body')
    assert.equal(withBody.status, 409)
    assert.equal(await withBody.text(), '{"why":"version"}')
  })

  test('reads the echo of our own headers as a plain reply and shows none of them to the client', async () => {
    const response = await get('/copy', {
      method: 'POST',
      body: 'abc',
      headers: { cookie: 'secret=1', 'content-type': 'text/csv' },
    })
    assert.equal(response.status, 200)
    assert.equal(await response.text(), 'abc')
    assert.equal(response.headers.get('cookie'), null)
    assert.equal(response.headers.get('content-type'), 'text/csv')
  })

  test('takes the first of two replies and counts the other', async () => {
    const late = gateway.transport.lateMessages
    assert.equal(await (await get('/twice')).text(), 'first')
    await gateway.assertIdle()
    await nats.flush()
    assert.equal(await (await get('/hello/again')).text(), 'hello again')
    assert.equal(gateway.transport.lateMessages, late + 1)
  })

  test('answers 503 within one round trip when nobody listens', async () => {
    await get('/nobody').then((response) => response.text())
    const times: number[] = []
    for (let i = 0; i < 9; i++) {
      const startedMs = performance.now()
      const response = await get('/nobody')
      times.push(performance.now() - startedMs)
      assert.equal(response.status, 503)
      assert.equal(response.headers.get('retry-after'), '1')
      const body = await problem(response)
      assert.equal(body.code, 'no_responders')
      assert.equal(JSON.stringify(body).includes(P), false, 'the subject stays with us')
    }
    assert.ok(times.sort((a, b) => a - b)[4]! < 25, `median of ${times}`)
  })

  test('answers 504 when no reply comes in time', async () => {
    const startedMs = performance.now()
    const response = await get('/silent')
    assert.equal(response.status, 504)
    assert.equal((await problem(response)).code, 'timeout')
    assert.ok(performance.now() - startedMs >= 50)
  })

  test('answers 404 and 405 as the table says', async () => {
    const missing = await get('/missing')
    assert.equal(missing.status, 404)
    assert.equal((await problem(missing)).code, 'no_route')
    const refused = await get('/hello/world', { method: 'DELETE' })
    assert.equal(refused.status, 405)
    assert.equal(refused.headers.get('allow'), 'GET, HEAD')
    assert.equal((await problem(refused)).code, 'method_not_allowed')
  })

  test('answers HEAD like GET, without the body', async () => {
    const raw = await openRaw(gateway.port)
    raw.write('HEAD /hello/world HTTP/1.1\r\nHost: x\r\n\r\n')
    const text = await raw.until(/\r\n\r\n$/)
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
    assert.match(text, /content-length: 11\r\n/i)
    raw.write('HEAD /nobody HTTP/1.1\r\nHost: x\r\n\r\n')
    const second = (await raw.until(/503[\s\S]*\r\n\r\n$/)).slice(text.length)
    assert.match(second, /^HTTP\/1\.1 503 /)
    assert.equal(second.split('\r\n\r\n')[1], '')
    assert.equal(received[0]?.headers?.get('Sx-Method'), 'HEAD')
    raw.destroy()
  })

  test('takes any method as it is written', async () => {
    const raw = await openRaw(gateway.port)
    raw.write('PURGE /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi')
    await raw.until(/hi$/)
    raw.write('OPTIONS /echo HTTP/1.1\r\nHost: x\r\n\r\n')
    await raw.until(/204 No Content/)
    assert.deepEqual(
      received.map(({ headers }) => headers?.get('Sx-Method')),
      ['PURGE', 'OPTIONS'],
    )
    raw.destroy()
  })

  test('keeps a connection for many requests, and answers one that expects 100-continue', async () => {
    const raw = await openRaw(gateway.port)
    for (let i = 0; i < 5; i++) {
      raw.write(`GET /hello/n${i} HTTP/1.1\r\nHost: x\r\n\r\n`)
      await raw.until(new RegExp(`hello n${i}$`))
    }
    raw.write('POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
    await raw.until(/HTTP\/1\.1 100 Continue\r\n\r\n$/)
    raw.write('abc')
    await raw.until(/abc$/)
    raw.destroy()
  })

  test('closes the connection on requests that are sent before the answer, and never mixes answers up', async () => {
    const raw = await openRaw(gateway.port)
    raw.write('GET /hello/a HTTP/1.1\r\nHost: x\r\n\r\nGET /hello/b HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.equal(await raw.closed(), '')
  })

  test('takes a sane request id from the client and replaces any other', async () => {
    const sane = await get('/hello/a', { headers: { 'x-request-id': 'abc-123' } })
    assert.equal(sane.headers.get('x-request-id'), 'abc-123')
    await sane.text()
    const insane = await get('/hello/a', { headers: { 'x-request-id': 'a b"c' } })
    assert.match(insane.headers.get('x-request-id') ?? '', /^test-\d+$/)
    await insane.text()
    assert.equal(received[1]?.headers?.has('x-request-id'), false)
  })

  test('counts every exchange once, with its code', async () => {
    await (await get('/echo', { method: 'POST', body: 'abc' })).text()
    await (await get('/nobody')).text()
    assert.deepEqual(
      gateway.ended.map(({ route, status, code, bytesIn, bytesOut }) => [route, status, code, bytesIn, bytesOut]),
      [
        ['echo', 200, 'ok', 3, 3],
        ['nobody', 503, 'no_responders', 0, 0],
      ],
    )
  })

  test('forgets a client that goes away', async () => {
    const raw = await openRaw(gateway.port)
    raw.write('GET /silent HTTP/1.1\r\nHost: x\r\n\r\n')
    while (received.length === 0) await new Promise((resolve) => setImmediate(resolve))
    raw.destroy()
    await gateway.assertIdle()
    assert.deepEqual(
      gateway.ended.map(({ code }) => code),
      ['client_gone'],
    )
  })

  describe('hostile input', () => {
    const answers: [string, string, number, string][] = [
      ['a dot segment that is captured', '/hello/..', 400, 'subject_invalid'],
      ['an encoded dot', '/hello/%2e', 400, 'subject_invalid'],
      ['two encoded dots', '/hello/%2E%2e', 400, 'subject_invalid'],
      ['an encoded NUL', '/hello/%00', 400, 'subject_invalid'],
      ['a wildcard', '/hello/*', 400, 'subject_invalid'],
      ['an encoded wildcard', '/hello/%3E', 400, 'subject_invalid'],
      ['a full wildcard', '/hello/>', 400, 'subject_invalid'],
      ['a dot inside', '/hello/a.b', 400, 'subject_invalid'],
      ['encoded white space', '/hello/a%20b', 400, 'subject_invalid'],
      ['an encoded line break', '/hello/a%0d%0aPUB%20x', 400, 'subject_invalid'],
      ['an empty segment', '/hello/', 400, 'subject_invalid'],
      ['an empty segment in the rest', '/rest/a//b', 400, 'subject_invalid'],
      ['invalid UTF-8', '/hello/%ff', 400, 'subject_invalid'],
      ['an overlong encoding', '/hello/%c0%ae', 400, 'subject_invalid'],
      ['malformed percent-encoding', '/hello/%zz', 400, 'subject_invalid'],
      ['5,000 characters', `/hello/${'a'.repeat(5000)}`, 400, 'subject_invalid'],
      ['more than the URI may have', `/hello/${'a'.repeat(9000)}`, 414, 'uri_too_long'],
      ['a dot segment that no route captures', '/x/../hello', 404, 'no_route'],
      ['a raw byte beyond ASCII', '/hello/\xe9', 400, 'bad_request'],
    ]
    for (const [what, path, status, code] of answers) {
      test(`answers ${status} ${code} to ${what}, and publishes nothing`, async () => {
        const raw = await openRaw(gateway.port)
        raw.write(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`, 'latin1'))
        const text = await raw.until(/\r\n\r\n\{.*\}\n$/)
        assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `))
        assert.equal((JSON.parse(text.slice(text.indexOf('{'))) as { code: string }).code, code)
        assert.deepEqual(received, [])
        raw.destroy()
      })
    }

    const doubtful: [string, string][] = [
      ['two Host fields', 'Host: a\r\nHost: b'],
      ['two lengths', 'Host: a\r\nContent-Length: 0\r\nContent-Length: 44'],
      ['the same length twice', 'Host: a\r\nContent-Length: 44\r\nContent-Length: 44'],
      ['a coding that is not chunked', 'Host: a\r\nTransfer-Encoding: gzip'],
      ['a coding after chunked', 'Host: a\r\nTransfer-Encoding: chunked, gzip'],
      ['two codings', 'Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity'],
    ]
    for (const [what, fields] of doubtful) {
      for (const method of ['POST', 'HEAD']) {
        test(`answers 400 to ${method} with ${what}, and closes`, async () => {
          const raw = await openRaw(gateway.port)
          raw.write(`${method} /echo HTTP/1.1\r\n${fields}\r\n\r\n`)
          assert.match(await raw.closed(), /^HTTP\/1\.1 400 /)
          assert.deepEqual(
            gateway.ended.map(({ code }) => code),
            ['bad_request'],
          )
        })
      }
      test(`takes nothing behind ${what} for a request`, async () => {
        const raw = await openRaw(gateway.port)
        raw.write(`HEAD /echo HTTP/1.1\r\n${fields}\r\n\r\nGET /hello/smuggled HTTP/1.1\r\nHost: x\r\n\r\n`)
        await raw.closed()
        await gateway.assertIdle()
        assert.equal(gateway.ended.length, 1)
        assert.deepEqual(received, [])
      })
    }

    test('takes no CONNECT, to which a success would mean a tunnel', async () => {
      const raw = await openRaw(gateway.port)
      raw.write('CONNECT /echo HTTP/1.1\r\nHost: x\r\n\r\n')
      assert.match(await raw.closed(), /^HTTP\/1\.1 400 [\s\S]*bad_request/)
      assert.deepEqual(received, [])
    })

    test('answers 431 to header fields over the limit', async () => {
      const response = await get('/hello/a', { headers: { 'x-big': 'x'.repeat(16 * 1024) } })
      assert.equal(response.status, 431)
      assert.equal((await problem(response)).code, 'headers_too_large')
    })

    test('carries what is legal but odd as one token', async () => {
      const response = await get(`/hello/${encodeURIComponent('ü/$,;=@:')}`)
      assert.equal(await response.text(), 'hello ü/$,;=@:')
    })
  })
})
