import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { openRaw } from '../../support/raw-http.ts'
import { openSocket, refusedSocket } from './start-client.ts'

const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
const UPGRADE = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n${KEY}`

describe('the upgrade to WebSocket', () => {
  let gateway: Gateway
  const routes = [
    { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject: `t${process.pid}wsup`, websocket: 'rpc' },
    { name: 'room', match: { kind: 'ws', path: '/room/{id}' }, subject: `t${process.pid}wsup.{id}` },
    { name: 'all', match: { kind: 'ws', path: '/all/{rest...}' }, subject: `t${process.pid}wsup.all` },
    { name: 'page', match: { path: '/page' }, subject: `t${process.pid}wsup.page` },
  ] as const

  before(async () => {
    gateway = await startGateway({ natsUrl: await natsUrl(), routes })
  })
  after(() => gateway.close())

  async function answerTo(request: string): Promise<string> {
    const raw = await openRaw(gateway.port)
    raw.write(request)
    const text = await raw.until(/\r\n\r\n[\s\S]*/)
    raw.destroy()
    return text
  }

  test('answers with the key that RFC 6455 section 1.3 gives', async () => {
    const text = await answerTo(`GET /rpc HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`)
    assert.match(text, /^HTTP\/1\.1 101 Switching Protocols\r\n/)
    assert.match(text, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/)
    assert.doesNotMatch(text, /Sec-WebSocket-(Protocol|Extensions)/i)
    await gateway.assertIdle()
  })

  test('refuses with a problem what has no route, or no subject', async () => {
    const missing = await refusedSocket(`${gateway.url}/nowhere`)
    assert.equal(missing.status, 404)
    assert.equal(missing.headers['content-type'], 'application/problem+json')
    assert.equal(missing.headers['x-content-type-options'], 'nosniff')
    assert.equal(missing.problem.code, 'no_route')
    const page = await refusedSocket(`${gateway.url}/page`)
    assert.equal(page.problem.code, 'no_route')
    const invalid = await refusedSocket(`${gateway.url}/room/a%2Eb`)
    assert.equal(invalid.status, 400)
    assert.equal(invalid.problem.code, 'subject_invalid')
    assert.equal(invalid.problem.route, 'room')
    assert.equal(gateway.ended.at(-1)!.code, 'subject_invalid')
    await gateway.assertIdle()
  })

  test('closes the connection behind a refusal: what follows may be frames', async () => {
    const raw = await openRaw(gateway.port)
    raw.write(`GET /nowhere HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\nGET /page HTTP/1.1\r\nHost: x\r\n\r\n`)
    const text = await raw.closed()
    assert.ok((text.match(/HTTP\/1\.1 /g)?.length ?? 0) <= 1, text)
  })

  test('refuses another version with 426 and the one that it speaks', async () => {
    const text = await answerTo(
      `GET /rpc HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n${KEY}\r\n`,
    )
    assert.match(text, /^HTTP\/1\.1 426 Upgrade Required\r\n/)
    assert.match(text, /\r\nsec-websocket-version: 13\r\n/)
  })

  for (const [name, request, status] of [
    ['without Upgrade', `GET /page HTTP/1.1\r\nHost: x\r\n${KEY}\r\n`, 503],
    ['with an Upgrade to something else', `GET /page HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n${KEY}\r\n`, 503],
    ['with a body', `GET /rpc HTTP/1.1\r\nHost: x\r\n${UPGRADE}Content-Length: 2\r\n\r\nab`, 404],
    [
      'with a body in chunks',
      `GET /rpc HTTP/1.1\r\nHost: x\r\n${UPGRADE}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      404,
    ],
    [
      'with two credentials',
      `GET /rpc HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n${UPGRADE}\r\n`,
      400,
    ],
    ['with two hosts', `GET /rpc HTTP/1.1\r\nHost: x\r\nHost: y\r\n${UPGRADE}\r\n`, 400],
    ['with POST', `POST /page HTTP/1.1\r\nHost: x\r\n${UPGRADE}Content-Length: 0\r\n\r\n`, 503],
    ['with a URI that is too long', `GET /rpc?${'a'.repeat(9000)} HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`, 414],
  ] as const) {
    test(`leaves a request ${name} to HTTP`, async () => {
      assert.match(await answerTo(request), new RegExp(`^HTTP/1\\.1 ${status} `))
    })
  }

  test('refuses a malformed key and malformed subprotocols', async () => {
    const key = UPGRADE.replace('dGhlIHNhbXBsZSBub25jZQ==', '????????????????????????')
    assert.match(await answerTo(`GET /rpc HTTP/1.1\r\nHost: x\r\n${key}\r\n`), /^HTTP\/1\.1 400 [\s\S]*bad_request/)
    const protocol = `${UPGRADE}Sec-WebSocket-Protocol: a, b c\r\n`
    assert.match(await answerTo(`GET /rpc HTTP/1.1\r\nHost: x\r\n${protocol}\r\n`), /^HTTP\/1\.1 400 /)
  })

  test('selects the first subprotocol that is offered, in one field or in many', async () => {
    const text = await answerTo(
      `GET /rpc HTTP/1.1\r\nHost: x\r\n${UPGRADE}Sec-WebSocket-Protocol: one\r\nSec-WebSocket-Protocol: two, three\r\n\r\n`,
    )
    assert.match(text, /\r\nSec-WebSocket-Protocol: one\r\n/)
    await gateway.assertIdle()
  })

  test('lets in pages of the same host, clients that are no pages, and nobody else', async () => {
    const { port, url } = gateway
    for (const origin of [
      undefined,
      `http://127.0.0.1:${port}`,
      `HTTP://127.0.0.1:${port}`,
      `https://127.0.0.1:${port}`,
    ]) {
      const socket = await openSocket(`${url}/rpc`, origin === undefined ? {} : { headers: { origin } })
      socket.ws.close()
      await socket.closed()
    }
    for (const origin of [
      'http://evil.example',
      'http://127.0.0.1',
      `http://127.0.0.1:${port + 1}`,
      `http://127.0.0.1:${port}.evil.example`,
      `http://127.0.0.1:${port}@evil.example`,
      `http://127.0.0.1:${port}/`,
      `ftp://127.0.0.1:${port}`,
      'null',
      '',
    ]) {
      const refused = await refusedSocket(`${url}/rpc`, { headers: { origin } })
      assert.equal(`${refused.status} ${refused.problem.code}`, '403 forbidden', origin)
    }
    const two = `${UPGRADE}Origin: http://x\r\nOrigin: http://x\r\n`
    assert.match(await answerTo(`GET /rpc HTTP/1.1\r\nHost: x\r\n${two}\r\n`), /^HTTP\/1\.1 403 /)
    const https = `${UPGRADE}Origin: https://x\r\n`
    assert.match(await answerTo(`GET /rpc HTTP/1.1\r\nHost: X:443\r\n${https}\r\n`), /^HTTP\/1\.1 101 /)
    await gateway.assertIdle()
  })

  test('lets in the origins of the list, whatever the host, or all with *', async () => {
    const server = await natsUrl()
    const listed = await startGateway({ natsUrl: server, routes, webSocket: { origins: ['https://App.example'] } })
    const open = await startGateway({ natsUrl: server, routes, webSocket: { origins: ['*'] } })
    try {
      const socket = await openSocket(`${listed.url}/rpc`, { headers: { origin: 'https://app.example' } })
      const own = await refusedSocket(`${listed.url}/rpc`, { headers: { origin: listed.url } })
      assert.equal(own.status, 403)
      const any = await openSocket(`${open.url}/rpc`, { headers: { origin: 'null' } })
      for (const { ws } of [socket, any]) ws.terminate()
    } finally {
      await listed.close()
      await open.close()
    }
  })

  test('speaks the frames of a mux session at /_sx, whatever the routes', async () => {
    const cases = [
      [[], ''],
      [['sx.v1.json'], 'sx.v1.json'],
      [['x', 'sx.v1.bin', 'sx.v1.json'], 'sx.v1.bin'],
    ] as const
    for (const [protocols, chosen] of cases) {
      const socket = await openSocket(`${gateway.url}/_sx`, { protocols: [...protocols] })
      assert.equal(socket.ws.protocol, chosen)
      if (chosen !== 'sx.v1.bin') {
        socket.ws.send('{"t":"ping"}')
        assert.deepEqual(await socket.messages(1), ['{"t":"pong"}'])
      }
      socket.ws.close()
      await socket.closed()
    }
    const refused = await refusedSocket(`${gateway.url}/_sx`, { protocols: ['graphql-ws'] })
    assert.equal(refused.status, 400)
    await gateway.assertIdle()
  })

  test('counts towards the connections that the listener takes', async () => {
    const tight = await startGateway({ natsUrl: await natsUrl(), routes, maxConnections: 1 })
    try {
      const socket = await openSocket(`${tight.url}/rpc`)
      const second = await openRaw(tight.port)
      assert.equal(await second.closed(), '')
      socket.ws.terminate()
      // And those that have gone no more, whoever ended them.
      for (let i = 0; i < 3; i++) {
        await eventually('room', () => tight.http.connections === 0)
        const next = await openSocket(`${tight.url}/rpc`)
        assert.equal(tight.http.connections, 1)
        if (i === 1) next.ws.send('nobody answers, which closes it')
        else next.ws.close()
        await next.closed()
      }
      await eventually('room', () => tight.http.connections === 0)
    } finally {
      await tight.close()
    }
  })
})
