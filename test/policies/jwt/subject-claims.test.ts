import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import { decodeJsonFrame } from '../../../src/adapters/framing/json-frames.ts'
import { openSocket, type TestSocket } from '../../adapters/websocket/start-client.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { createSigningKey, signToken, startTokenIssuer, type TokenIssuer } from '../../support/token-issuer.ts'

const P = `t${process.pid}claims`

describe('a claim of a token in a subject', () => {
  let nats: NatsConnection
  let gateway: Gateway
  let issuer: TokenIssuer
  const asked: string[] = []

  before(async () => {
    issuer = await startTokenIssuer()
    nats = await connect({ servers: await natsUrl() })
    nats.subscribe('>', {
      callback(_, message) {
        if (!message.subject.includes(P)) return
        asked.push(message.subject)
        message.respond(message.subject)
      },
    })
    await nats.flush()
    const policies = [{ jwt: { jwks: issuer.jwks.url } }]
    const subject = `${P}.{claims.sub}.{item}`
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      webSocket: { lingerMs: 50 },
      routes: [
        { name: 'http', match: { path: '/of/{item}' }, subject, policies },
        { name: 'stream', match: { kind: 'ws', path: '/stream/{item}' }, subject, policies, reply: 'many' },
        { name: 'rpc', match: { kind: 'ws', path: '/rpc/{item}' }, subject, policies, websocket: 'rpc' },
        { name: 'nested', match: { path: '/nested' }, subject: `${P}.{claims.org.id}`, policies },
        { name: 'first', match: { path: '/first' }, subject: `{claims.sub}.${P}`, policies },
        {
          name: 'open',
          match: { path: '/open' },
          subject: `${P}.open.{claims.sub}`,
          policies: [{ jwt: { jwks: issuer.jwks.url, optional: true } }],
        },
      ],
    })
  })

  after(async () => {
    await gateway.assertIdle()
    await gateway.close()
    await nats.close()
    await issuer.close()
  })

  const headersOf = (token: string) => ({ authorization: `Bearer ${token}` })
  const overHttp = async (path: string, token?: string) => {
    const response = await fetch(`${gateway.url}${path}`, { headers: token === undefined ? {} : headersOf(token) })
    const body = await response.text()
    return response.ok ? body : `${response.status} ${(JSON.parse(body) as { code: string }).code}`
  }
  const answerOf = async (socket: TestSocket) => {
    const answer = await Promise.race([
      socket.messages(1).then(([first]) => first!),
      socket.closed().then(({ code, reason }) => `${code} ${reason}`),
    ])
    socket.ws.close()
    await socket.closed()
    return answer
  }
  /** The subject that was asked, or the refusal, over each protocol. */
  const overAll = async (token: string, item: string) => {
    const headers = headersOf(token)
    const http = await overHttp(`/of/${item}`, token)
    const stream = await answerOf(await openSocket(`${gateway.url}/stream/${item}`, { headers }))
    const rpc = await openSocket(`${gateway.url}/rpc/${item}`, { headers })
    rpc.ws.send('x')
    const mux = await openSocket(`${gateway.url}/_sx`, { protocols: ['sx.v1.json'] })
    mux.ws.send(JSON.stringify({ t: 'auth', token }))
    mux.ws.send(JSON.stringify({ t: 'open', id: 1, path: `/of/${item}` }))
    const frame = decodeJsonFrame((await mux.messages(2))[1]!)
    mux.ws.close()
    assert.ok(frame.t === 'head' || frame.t === 'reset')
    const overMux = frame.t === 'head' ? Buffer.from(frame.body!).toString() : `${frame.status} ${frame.code}`
    return { http, stream, rpc: await answerOf(rpc), mux: overMux }
  }

  test('is that of whoever is let in, over each protocol', async () => {
    for (const sub of ['alice', 'auth0|5f7', 'a@b', '$SYS', '{item}']) {
      const subject = `${P}.${sub}.x`
      const expected = { http: subject, stream: subject, rpc: subject, mux: subject }
      assert.deepEqual(await overAll(await issuer.sign({ sub }), 'x'), expected)
    }
    assert.equal(await overHttp('/nested', await issuer.sign({ org: { id: 7 } })), `${P}.7`)
    assert.equal(await overHttp('/first', await issuer.sign({ sub: 'bob' })), `bob.${P}`)
  })

  test('is one token, or nobody is asked', async () => {
    asked.length = 0
    const closed = '4400 subject_invalid'
    for (const sub of ['a.b', '*', '>', 'a.>', '.', `x.${P}`]) {
      assert.deepEqual(
        await overAll(await issuer.sign({ sub }), 'x'),
        { http: '400 subject_invalid', stream: closed, rpc: closed, mux: '400 subject_invalid' },
        sub,
      )
    }
    for (const sub of ['$SYS', '_INBOX']) {
      assert.equal(await overHttp('/first', await issuer.sign({ sub })), '400 subject_invalid', sub)
    }
    for (const claims of [{}, { org: 'x' }, { org: { id: ['x'] } }, { org: { id: 1.5 } }]) {
      assert.equal(await overHttp('/nested', await issuer.sign(claims)), '403 forbidden')
    }
    assert.deepEqual(asked, [])
  })

  test('is nobody’s without a token that is good', async () => {
    asked.length = 0
    assert.equal(await overHttp('/open'), '401 unauthorized')
    assert.equal(await overHttp('/open', await signToken(await createSigningKey('one'))), '401 unauthorized')
    assert.equal(await overHttp('/of/x', await issuer.sign({ exp: 1 })), '401 unauthorized')
    assert.deepEqual(asked, [])
    assert.equal(await overHttp('/open', await issuer.sign()), `${P}.open.alice`)
  })
})
