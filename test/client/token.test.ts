import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connect as connectNats } from 'nats'
import { connect } from '../../src/client/index.ts'
import { renewalDelayMs } from '../../src/client/token.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { startTokenIssuer } from '../support/token-issuer.ts'
import { answering, type FakeConnection, startFakeRouter } from './fake-router.ts'
import { ManualClock } from './manual-clock.ts'

const random = () => 0

function tokenUntil(expS: number, claims: object = {}): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${encode({ alg: 'ES256' })}.${encode({ sub: 'jürgen', exp: expS, ...claims })}.c2lnbmF0dXJl`
}

const tokens = (connection: FakeConnection) => connection.of('auth').map(({ token }) => token)
const nowS = () => Math.floor(Date.now() / 1000)

describe('the token of a client', () => {
  test('goes ahead of the first request, once for a connection', async (t) => {
    const router = await startFakeRouter(t, { onFrame: answering('x') })
    const client = connect(router.url, { token: 'secret' })
    await client.fetch('/1')
    await client.fetch('/2')
    const connection = await router.connection()
    assert.deepEqual(
      connection.frames.slice(0, 3).map(({ t }) => t),
      ['auth', 'open', 'open'],
    )
    assert.deepEqual(tokens(connection), ['secret'])
    assert.equal(connection.of('open')[0]!.headers?.authorization, undefined)
    client.close()
  })

  test('is asked for anew by each connection', async (t) => {
    const router = await startFakeRouter(t, { onFrame: answering('x') })
    let asked = 0
    const client = connect(router.url, { random, token: async () => `t${++asked}` })
    await client.fetch('/')
    const first = await router.connection()
    first.close(4401)
    await eventually('it is lost', () => client.state !== 'open')
    await client.fetch('/')
    assert.deepEqual([tokens(first), tokens(await router.connection(2))], [['t1'], ['t2']])
    client.close()
  })

  test('is renewed in band before it expires', async (t) => {
    const router = await startFakeRouter(t, { onFrame: answering('x') })
    const clock = new ManualClock()
    const given = [tokenUntil(nowS() + 20), tokenUntil(nowS() + 200)]
    let asked = 0
    const client = connect(router.url, { clock, token: () => given[asked++] })
    await client.fetch('/')
    const connection = await router.connection()
    clock.advance(14_000)
    assert.equal(asked, 1)
    clock.advance(3000)
    await connection.frame('auth', 2)
    assert.deepEqual(tokens(connection), given)
    client.close()
    assert.equal(clock.pending, 0)
  })

  test('is asked for again every five seconds while there is no newer one, or none', async (t) => {
    const router = await startFakeRouter(t, { onFrame: answering('x') })
    const clock = new ManualClock()
    const first = tokenUntil(nowS() + 20)
    const last = tokenUntil(nowS() + 300)
    const answers = [first, first, new Error('away'), last]
    let asked = 0
    const client = connect(router.url, {
      clock,
      token() {
        const answer = answers[asked++]
        if (typeof answer === 'string') return answer
        throw answer
      },
    })
    await client.fetch('/')
    const connection = await router.connection()
    clock.advance(17_000)
    for (const count of [2, 3]) {
      await eventually('it was asked, and waits', () => asked === count && clock.pending === 2)
      clock.advance(5000)
    }
    await connection.frame('auth', 2)
    assert.deepEqual(tokens(connection), [first, last])
    client.close()
    assert.equal(clock.pending, 0)
  })

  test('that the router does not take any more is replaced, and the request sent again', async (t) => {
    const router = await startFakeRouter(t)
    const given = ['old', 'new']
    const client = connect(router.url, { token: () => given.shift() ?? 'new' })
    const pending = client.fetch('/', { method: 'POST', body: 'x' })
    const connection = await router.connection()
    await connection.frame('open')
    connection.send({ t: 'reset', id: 1, code: 'unauthorized', status: 401 })
    await connection.frame('open', 2)
    assert.deepEqual(tokens(connection), ['old', 'new'])
    connection.send({ t: 'reset', id: 2, code: 'unauthorized', status: 401 })
    await assert.rejects(pending, { code: 'unauthorized', status: 401 })
    assert.equal(connection.of('open').length, 2)
    client.close()
  })

  test('that is no other than before does not help', async (t) => {
    const router = await startFakeRouter(t)
    for (const [n, token] of ['same', () => 'same'].entries()) {
      const client = connect(router.url, { token })
      const pending = client.fetch('/')
      const connection = await router.connection(n + 1)
      await connection.frame('open')
      connection.send({ t: 'reset', id: 1, code: 'unauthorized', status: 401 })
      await assert.rejects(pending, { code: 'unauthorized' })
      client.close()
    }
  })

  test('of another client makes a connection of its own, beside what is open', async (t) => {
    const router = await startFakeRouter(t)
    const clock = new ManualClock()
    const given = [tokenUntil(nowS() + 20), tokenUntil(nowS() + 900)]
    let asked = 0
    const client = connect(router.url, { clock, random, token: () => given[Math.min(asked++, 1)] })
    const held = client.fetch('/held')
    const first = await router.connection()
    await first.frame('open')
    clock.advance(17_000)
    await first.frame('auth', 2)
    first.send({ t: 'auth', code: 'forbidden' })
    await eventually('it goes elsewhere', () => client.state === 'waiting')
    const other = client.fetch('/other')
    clock.advance(1)
    const second = await router.connection(2)
    assert.equal((await second.frame('open')).path, '/other')
    first.send({ t: 'head', id: 1, status: 200, end: true })
    second.send({ t: 'head', id: 1, status: 200, end: true })
    assert.equal((await held).status + (await other).status, 400)
    client.close()
    assert.equal(clock.pending, 0)
  })

  test('that cannot be had fails what waits for it, with the reason', async (t) => {
    const router = await startFakeRouter(t)
    const token = async () => Promise.reject(new Error('logged out'))
    const client = connect(router.url, { random, token })
    await assert.rejects(client.fetch('/'), /logged out/)
    client.close()
  })

  test('is not waited for longer than a request may wait', async (t) => {
    const router = await startFakeRouter(t)
    const clock = new ManualClock()
    const client = connect(router.url, { clock, random, token: () => new Promise<string>(() => undefined) })
    const abort = new AbortController()
    const pending = client.fetch('/', { signal: abort.signal })
    await router.connection()
    abort.abort(new Error('enough'))
    await assert.rejects(pending, /enough/)
    client.close()
    assert.equal(clock.pending, 0)
  })

  test('may be none', async (t) => {
    const router = await startFakeRouter(t, { onFrame: answering('x') })
    const client = connect(router.url, { token: () => undefined })
    await client.fetch('/')
    assert.deepEqual(tokens(await router.connection()), [])
    client.close()
  })

  test('is renewed a little before its end, as far as that can be known', () => {
    const nowMs = 1_000_000_000_000
    const inS = (s: number) => nowMs / 1000 + s
    assert.equal(renewalDelayMs(tokenUntil(inS(3600)), nowMs), 3_570_000)
    assert.equal(renewalDelayMs(tokenUntil(inS(60)), nowMs), 48_000)
    assert.equal(renewalDelayMs(tokenUntil(inS(7200), { iat: inS(3600) }), nowMs), 3_570_000)
    assert.equal(renewalDelayMs(tokenUntil(inS(-60)), nowMs), 5000)
    assert.equal(renewalDelayMs(tokenUntil(1e15), nowMs), 2 ** 31 - 1)
    for (const other of ['opaque', '', 'a.b.c', 'a.bnVsbA.c', tokenUntil(0, { exp: 'never' })]) {
      assert.equal(renewalDelayMs(other, nowMs), undefined)
    }
  })
})

describe('the token of a client, and the router', () => {
  test('a stream goes on when the token that it was opened with has expired', async (t) => {
    const issuer = await startTokenIssuer()
    const nats = await connectNats({ servers: await natsUrl() })
    const subject = `t${process.pid}clienttoken`
    let sendEvent = () => {}
    nats.subscribe(subject, {
      callback(_, message) {
        message.respond('first')
        sendEvent = () => void message.respond('later')
      },
    })
    await nats.flush()
    const jwt = { jwks: issuer.jwks.url, grace: '0s', clockTolerance: '0s' }
    const gateway = await startGateway({
      natsUrl: await natsUrl(),
      routes: [{ name: 'events', match: { path: '/events' }, subject, reply: 'many', policies: [{ jwt }] }],
    })
    t.after(async () => {
      await gateway.close()
      await nats.close()
      await issuer.close()
    })
    const clock = new ManualClock()
    const expiresAtMs = (nowS() + 2) * 1000
    const given = [expiresAtMs / 1000, nowS() + 60]
    const client = connect(gateway.url, { clock, token: () => issuer.sign({ exp: given.shift() ?? nowS() + 60 }) })
    const events = client.open('/events', { body: null })[Symbol.asyncIterator]()
    assert.ok(!(await events.next()).done)
    // That of the client stands still, so that it renews its token now.
    clock.advance(5000)
    await eventually('it was asked for another', () => given.length === 0)
    await eventually('the first is over', () => Date.now() > expiresAtMs + 200)
    sendEvent()
    const { value } = await events.next()
    assert.equal(new TextDecoder().decode(value!.data as Uint8Array), 'later')
    client.close()
    await gateway.assertIdle()
  })
})
