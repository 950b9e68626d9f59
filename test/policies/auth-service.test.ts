import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { policyListSchema } from '../../src/policies/policy-list.ts'
import { openSocket, refusedSocket } from '../adapters/websocket/start-client.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { type GuardedBackend, startGuardedBackend } from './guarded-backend.ts'

const P = `t${process.pid}auth`

interface Question {
  readonly route: string
  readonly kind: string
  readonly headers: Readonly<Record<string, string>>
  readonly [fact: string]: unknown
}

describe('authService policy', () => {
  let backend: GuardedBackend
  let gateway: Gateway
  let questions: Question[] = []
  /** Undefined: it says nothing. */
  let answer: (question: Question) => unknown
  let gate: Promise<void> | undefined

  before(async () => {
    backend = await startGuardedBackend(P)
    backend.nats.subscribe(`${P}.decide`, {
      async callback(_, message) {
        const question = message.json<Question>()
        questions.push(question)
        await gate
        const said = answer(question)
        if (said !== undefined) message.respond(typeof said === 'string' ? said : JSON.stringify(said))
      },
    })
    await backend.nats.flush()
    const subject = `${P}.decide`
    const route = (name: string, options: object) => ({
      name,
      match: { path: `/${name}` },
      subject: `${P}.whole`,
      policies: [{ authService: { subject, timeout: '300ms', ...options } }],
    })
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      webSocket: { lingerMs: 50 },
      maxBufferedBytes: 100_000,
      routes: [
        route('plain', {}),
        route('kept', { headers: ['Authorization'], cacheBy: ['authorization', 'ip'], setHeaders: ['X-Role'] }),
        route('nobody', { subject: `${P}.nobody` }),
        {
          ...route('guarded', {}),
          match: { kind: 'ws', path: '/guarded' },
          subject: `${P}.events`,
          reply: 'many',
          policies: [{ rateLimit: { rate: '3/h' } }, { authService: { subject } }],
        },
        {
          ...route('socket', { grace: '0s' }),
          match: { kind: 'ws', path: '/socket' },
          subject: `${P}.events`,
          reply: 'many',
        },
      ],
    })
  })

  beforeEach(() => {
    questions = []
    gate = undefined
    answer = () => ({ allow: true, subjectId: 'alice' })
  })

  after(async () => {
    await gateway.assertIdle()
    await gateway.close()
    await backend.close()
  })

  const get = (path: string, headers: Record<string, string> = {}) => fetch(`${gateway.url}${path}`, { headers })

  test('is told of the request, and tells the backend who it is', async () => {
    const response = await get('/plain?a=1', { authorization: 'Bearer x', 'x-other': '1' })
    assert.equal(response.status, 200)
    assert.equal(backend.request?.headers?.get('Sx-Subject-Id'), 'alice')
    assert.deepEqual(questions, [
      {
        route: 'plain',
        kind: 'http',
        ip: '127.0.0.1',
        method: 'GET',
        host: '127.0.0.1',
        path: '/plain',
        query: 'a=1',
        headers: { authorization: 'Bearer x' },
      },
    ])
    await get('/plain')
    assert.equal(questions.length, 2)
  })

  test('refuses with 403, or with 401 and a challenge', async () => {
    answer = () => ({ allow: false })
    assert.equal((await get('/plain')).status, 403)
    answer = () => ({ allow: false, status: 401 })
    const response = await get('/plain')
    assert.equal(response.status, 401)
    assert.equal(response.headers.get('www-authenticate'), 'Bearer')
  })

  test('is asked again when its answer is as old as that says, and is told only what decides', async () => {
    answer = ({ headers }) => ({ allow: true, subjectId: headers.authorization ?? 'none', ttl: 0.3 })
    for (const authorization of ['one', 'two', 'one', 'two']) {
      assert.equal((await get('/kept?a=1', { authorization })).status, 200)
      assert.equal(backend.request?.headers?.get('Sx-Subject-Id'), authorization)
    }
    await get('/kept')
    assert.equal(backend.request?.headers?.get('Sx-Subject-Id'), 'none')
    assert.equal(questions.length, 3)
    assert.deepEqual(questions[0], { route: 'kept', kind: 'http', ip: '127.0.0.1', headers: { authorization: 'one' } })
    await eventually('it is asked anew', async () => {
      await get('/kept', { authorization: 'one' })
      return questions.length === 4
    })
  })

  test('is told of each kind of client what it decides for that', async () => {
    answer = ({ kind }) => ({ allow: true, subjectId: kind, ttl: 60 })
    const headers = { authorization: 'any kind' }
    await get('/kept', headers)
    const socket = await openSocket(`${gateway.url}/_sx`, { protocols: ['sx.v1.json'] })
    socket.ws.send(JSON.stringify({ t: 'open', id: 1, path: '/kept', headers }))
    await socket.messages(1)
    assert.equal(backend.request?.headers?.get('Sx-Subject-Id'), 'ws')
    socket.ws.close()
    await socket.closed()
  })

  test('keeps refusals too, and what has no time to live not at all', async () => {
    answer = () => ({ allow: false, ttl: 60 })
    for (let i = 0; i < 3; i++) assert.equal((await get('/kept', { authorization: 'refused' })).status, 403)
    assert.equal(questions.length, 1)
    answer = () => ({ allow: true, subjectId: 'alice' })
    for (let i = 0; i < 3; i++) assert.equal((await get('/kept', { authorization: 'fresh' })).status, 200)
    assert.equal(questions.length, 4)
  })

  test('keeps what it decides on long credentials too, each for itself', async () => {
    answer = ({ headers }) => ({ allow: headers.authorization!.endsWith('a'), subjectId: 'alice', ttl: 60 })
    const long = 'x'.repeat(5000)
    for (let i = 0; i < 2; i++) {
      assert.equal((await get('/kept', { authorization: `${long}a` })).status, 200)
      assert.equal((await get('/kept', { authorization: `${long}b` })).status, 403)
    }
    assert.equal(questions.length, 2)
  })

  test('what clients send meanwhile counts among all that waits in the router', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    gate = promise
    const send = (bytes: number) => fetch(`${gateway.url}/kept`, { method: 'POST', body: Buffer.alloc(bytes) })
    const small = send(60_000)
    // With its header fields.
    await eventually('it waits', () => gateway.buffers.heldBytes > 60_000 && gateway.buffers.heldBytes < 61_000)
    assert.equal((await send(60_000)).status, 503)
    resolve()
    assert.equal((await small).status, 200)
    assert.equal(gateway.buffers.heldBytes, 0)
  })

  test('is asked once for all that come at the same time', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    gate = promise
    const all = Array.from({ length: 20 }, () => get('/kept', { authorization: 'many' }))
    await eventually('they wait', () => gateway.http.exchanges === 20)
    resolve()
    for (const response of await Promise.all(all)) assert.equal(response.status, 200)
    assert.equal(questions.length, 1)
  })

  test('sets the fields that it may, which a client cannot', async () => {
    answer = () => ({ allow: true, subjectId: 'alice', headers: { 'X-Role': 'admin', 'x-evil': '1' } })
    await get('/kept', { authorization: 'a', 'x-role': 'root', 'x-evil': '2' })
    assert.deepEqual(backend.request?.headers?.values('x-role'), ['admin'])
    assert.deepEqual(backend.request?.headers?.values('x-evil'), ['2'])
    answer = () => ({ allow: true, subjectId: 'alice' })
    await get('/kept', { authorization: 'b', 'x-role': 'root' })
    assert.deepEqual(backend.request?.headers?.values('x-role'), [])
  })

  test('without an answer nobody comes in', async () => {
    assert.deepEqual([(await get('/nobody')).status, gateway.ended.at(-1)?.code], [503, 'busy'])
    answer = () => undefined
    assert.deepEqual([(await get('/plain')).status, gateway.ended.at(-1)?.code], [503, 'busy'])
    for (const said of [
      '',
      'yes',
      '{}',
      { allow: 'true', subjectId: 'a' },
      { allow: true },
      { allow: true, subjectId: 'ä' },
      { allow: true, subjectId: 'a\r\nSx-Route: b' },
      { allow: true, subjectId: 'a', ttl: -1 },
      { allow: true, subjectId: 'a', padding: 'x'.repeat(70_000) },
    ]) {
      answer = () => said
      const response = await get('/plain')
      assert.deepEqual(
        [response.status, gateway.ended.at(-1)?.code],
        [500, 'internal'],
        JSON.stringify(said).slice(0, 50),
      )
    }
  })

  test('is spared upgrades by a limit that stands before it, to which a WebSocket is one request', async () => {
    answer = () => ({ allow: false })
    for (let i = 0; i < 2; i++) assert.equal((await refusedSocket(`${gateway.url}/guarded`)).status, 403)
    answer = () => ({ allow: true, subjectId: 'alice' })
    const socket = await openSocket(`${gateway.url}/guarded`)
    assert.deepEqual(await socket.messages(1), ['first'])
    socket.ws.close()
    await socket.closed()
    const refusal = await refusedSocket(`${gateway.url}/guarded`)
    assert.deepEqual([refusal.status, refusal.headers['ratelimit-remaining']], [429, '0'])
    assert.equal(questions.length, 3)
  })

  test('decides on WebSockets before the upgrade, and until when they last', async () => {
    answer = () => ({ allow: false })
    assert.equal((await refusedSocket(`${gateway.url}/socket`)).status, 403)
    answer = () => ({ allow: true, subjectId: 'alice', expires: Date.now() / 1000 + 2 })
    const socket = await openSocket(`${gateway.url}/socket`)
    assert.deepEqual(await socket.messages(1), ['first'])
    assert.equal((await socket.closed()).code, 4401)
  })

  const revoke = (kind: 'subject' | 'jti', value: string) => {
    const revokedAtMs = Date.now()
    gateway.revocations.replace([{ kind, value, issuer: undefined, revokedAtMs, expiresAtMs: revokedAtMs + 60_000 }])
  }

  test('ends what it has let in when the subject is revoked, and is asked anew', async (t) => {
    t.after(() => gateway.revocations.replace([]))
    answer = () => ({ allow: true, subjectId: 'revoked', ttl: 60 })
    const socket = await openSocket(`${gateway.url}/socket`)
    assert.deepEqual(await socket.messages(1), ['first'])
    await get('/kept', { authorization: 'revoked' })
    revoke('subject', 'revoked')
    assert.equal((await socket.closed()).code, 4401)
    assert.equal(gateway.revocations.held.size, 0)
    answer = () => ({ allow: false })
    assert.equal((await get('/kept', { authorization: 'revoked' })).status, 403)
    answer = () => ({ allow: true, subjectId: 'revoked' })
    assert.equal((await get('/plain')).status, 200)
  })

  test('lets nobody in by what it was asked before a revocation, or by an id that is revoked', async (t) => {
    t.after(() => gateway.revocations.replace([]))
    const asked = Promise.withResolvers<void>()
    gate = asked.promise
    answer = () => ({ allow: true, subjectId: 'revoked' })
    const response = get('/plain')
    await eventually('it is asked', () => questions.length === 1)
    revoke('subject', 'revoked')
    asked.resolve()
    assert.equal((await response).status, 401)
    answer = () => ({ allow: true, subjectId: 'alice', claims: { jti: 'one' }, ttl: 60 })
    assert.equal((await get('/kept', { authorization: 'one' })).status, 200)
    revoke('jti', 'one')
    assert.equal((await get('/kept', { authorization: 'one' })).status, 401)
    assert.equal((await get('/plain')).status, 401)
  })
})

describe('options of authService', () => {
  const issues = (options: object) =>
    JSON.stringify(policyListSchema.safeParse([{ authService: options }]).error?.issues)

  test('refuse to keep decisions by less than the service is told', () => {
    assert.match(issues({ subject: 'a', cacheBy: ['authorization'] }) ?? '', /told cookie/)
    assert.equal(issues({ subject: 'a', cacheBy: ['Authorization', 'cookie', 'ip'] }), undefined)
    assert.equal(issues({ subject: 'a', headers: [], cacheBy: ['ip'] }), undefined)
  })

  test('refuse to keep decisions by what there is not', () => {
    const said = issues({ subject: 'a', cacheBy: ['authorization', 'cookie', 'pth'] }) ?? ''
    assert.match(said, /pth is none of .*headers.*, nor one of .*path/)
  })

  for (const subject of ['a.*', 'a.>', '', 'a..b', 'a b']) {
    test(`refuse the subject ${JSON.stringify(subject)}`, () => assert.match(issues({ subject }) ?? '', /wildcards/))
  }

  test('refuse fields that are the router’s own', () => {
    assert.match(issues({ subject: 'a', setHeaders: ['Sx-Subject-Id'] }) ?? '', /own/)
  })
})
