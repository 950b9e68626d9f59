import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect, type Msg, type NatsConnection } from 'nats'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { createSigningKey, signToken, startTokenIssuer, type TokenIssuer } from '../../support/token-issuer.ts'
import { createSocket, openSocket, refusedSocket } from './start-client.ts'

const P = `t${process.pid}wsid`

describe('a WebSocket on a route that asks who it is', () => {
  let nats: NatsConnection
  let gateway: Gateway
  let issuer: TokenIssuer
  const requests: Msg[] = []

  before(async () => {
    issuer = await startTokenIssuer()
    nats = await connect({ servers: await natsUrl() })
    nats.subscribe(`${P}.rpc`, {
      callback(_, message) {
        requests.push(message)
        message.respond(message.data)
      },
    })
    nats.subscribe(`${P}.stream`, {
      callback(_, message) {
        requests.push(message)
        message.respond('hello')
      },
    })
    await nats.flush()
    const policies = [
      {
        jwt: {
          jwks: issuer.jwks.url,
          from: { query: 'access_token' },
          grace: '0s',
          clockTolerance: '0s',
          headers: { 'x-mail': 'mail' },
        },
      },
    ]
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      webSocket: { lingerMs: 50 },
      routes: [
        { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject: `${P}.rpc`, websocket: 'rpc', policies },
        { name: 'stream', match: { kind: 'ws', path: '/stream' }, subject: `${P}.stream`, reply: 'many', policies },
      ],
    })
  })

  after(async () => {
    await gateway.assertIdle()
    await gateway.close()
    await nats.close()
    await issuer.close()
  })

  const open = (path: string, token: string) =>
    openSocket(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${token}` } })
  const shortToken = () => issuer.sign({ exp: Math.floor(Date.now() / 1000) + 2 })

  test('is refused before the upgrade, with the status and challenge of HTTP', async () => {
    const none = await refusedSocket(`${gateway.url}/rpc`)
    assert.equal(none.status, 401)
    assert.equal(none.headers['www-authenticate'], 'Bearer')
    assert.equal(none.problem.code, 'unauthorized')
    const forged = await signToken(await createSigningKey('one'))
    const bad = await refusedSocket(`${gateway.url}/stream?access_token=${forged}`)
    assert.equal(bad.status, 401)
    assert.equal(bad.headers['www-authenticate'], 'Bearer error="invalid_token"')
    assert.deepEqual([gateway.ended.at(-1)!.route, gateway.ended.at(-1)!.code], ['stream', 'unauthorized'])
  })

  test('tells the backend who it is with every message, and not the token of the query', async () => {
    const token = await issuer.sign({ mail: 'a@b.c' })
    // Once with a signature to be checked, once known.
    for (let i = 0; i < 2; i++) {
      const socket = await openSocket(`${gateway.url}/rpc?access_token=${token}&a=1`, { headers: { 'x-mail': 'root' } })
      socket.ws.send('one')
      socket.ws.send('two')
      assert.deepEqual(await socket.messages(2), ['one', 'two'])
      for (const { headers } of requests.slice(-2)) {
        assert.equal(headers?.get('Sx-Subject-Id'), 'alice')
        assert.deepEqual(headers?.values('x-mail'), ['a@b.c'])
        assert.equal(headers?.get('Sx-Query'), 'a=1')
      }
      socket.ws.close()
      await socket.closed()
    }
  })

  test('is asked once, at the upgrade', async () => {
    const socket = await open('/stream', await issuer.sign())
    assert.deepEqual(await socket.messages(1), ['hello'])
    assert.equal(requests.at(-1)?.headers?.get('Sx-Subject-Id'), 'alice')
    socket.ws.close()
    await socket.closed()
  })

  for (const path of ['/stream', '/rpc']) {
    test(`closes with 4401 when the token has expired, also while nothing is said: ${path}`, async () => {
      const socket = await open(path, await shortToken())
      assert.deepEqual(await socket.closed(), { code: 4401, reason: 'unauthorized' })
    })
  }

  test('that goes while its token is looked at leaves nothing behind', async (t) => {
    const gate = Promise.withResolvers<void>()
    t.after(() => gate.resolve())
    issuer.jwks.gate = gate.promise
    const policies = [{ jwt: { jwks: `${issuer.jwks.url}?slow` } }]
    gateway.setRoutes([{ name: 'slow', match: { kind: 'ws', path: '/slow' }, subject: `${P}.slow`, policies }])
    const asked = issuer.jwks.requests
    const headers = { authorization: `Bearer ${await issuer.sign()}` }
    const socket = createSocket(`${gateway.url}/slow`, { headers })
    // It says that it was closed before it was open.
    socket.ws.on('error', () => {})
    await eventually('the keys are asked for', () => issuer.jwks.requests > asked)
    socket.ws.terminate()
    await socket.closed()
    await eventually('it is over', () => gateway.ended.at(-1)?.route === 'slow')
    assert.equal(gateway.ended.at(-1)?.code, 'client_gone')
    gate.resolve()
    issuer.jwks.gate = undefined
    await gateway.assertIdle()
  })
})
