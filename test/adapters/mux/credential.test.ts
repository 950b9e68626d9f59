import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import { createApiKey, hashApiKey } from '../../../src/exchange/api-key.ts'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { createSigningKey, signToken, startTokenIssuer, type TokenIssuer } from '../../support/token-issuer.ts'
import { connectMuxClient, type MuxClient, type MuxClientOptions } from './mux-client.ts'

const P = `t${process.pid}muxauth`

describe('the credential of a multiplexed connection', () => {
  let nats: NatsConnection
  let gateway: Gateway
  let issuer: TokenIssuer
  const clients: MuxClient[] = []

  before(async () => {
    issuer = await startTokenIssuer()
    nats = await connect({ servers: await natsUrl() })
    nats.subscribe(`${P}.who`, {
      callback: (_, message) => void message.respond(message.headers?.get('Sx-Subject-Id') || 'nobody'),
    })
    nats.subscribe(`${P}.events`, { callback: (_, message) => void message.respond('first') })
    await nats.flush()
    const jwt = { jwks: issuer.jwks.url, grace: '0s', clockTolerance: '0s' }
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      tcp: [{ protocol: 'mux', route: undefined }],
      routes: [
        { name: 'who', match: { path: '/who' }, subject: `${P}.who`, policies: [{ jwt }] },
        { name: 'events', match: { path: '/events' }, subject: `${P}.events`, reply: 'many', policies: [{ jwt }] },
        {
          name: 'asked',
          match: { path: '/asked' },
          subject: `${P}.events`,
          reply: 'many',
          policies: [{ authService: { subject: `${P}.decide`, timeout: '8s', grace: '0s' } }],
        },
        {
          name: 'brief',
          match: { path: '/brief' },
          subject: `${P}.events`,
          reply: 'many',
          policies: [{ authService: { subject: `${P}.decide`, grace: '0s' } }],
        },
        {
          name: 'brief-once',
          match: { path: '/brief-once' },
          subject: `${P}.who`,
          policies: [{ authService: { subject: `${P}.decide`, grace: '0s' } }],
        },
        { name: 'key', match: { path: '/key' }, subject: `${P}.events`, reply: 'many', policies: [{ apiKey: {} }] },
        { name: 'open', match: { path: '/open' }, subject: `${P}.events`, reply: 'many' },
      ],
    })
  })

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    gateway.revocations.replace([])
    await gateway.assertIdle()
  })

  after(async () => {
    await gateway.close()
    await nats.close()
    await issuer.close()
  })

  async function open(options: Partial<MuxClientOptions> = {}) {
    const { kind = 'ws', encoding = 'json' } = options
    const port = kind === 'ws' ? gateway.port : gateway.tcp.ports[0]!
    const client = await connectMuxClient({ ...options, port, kind, encoding })
    clients.push(client)
    const frames: MuxFrame[] = []
    client.onFrame = (frame) => frames.push(frame)
    const seen = (part: Partial<Record<string, unknown>>) =>
      eventually(JSON.stringify(part), () =>
        frames.find((frame) => Object.entries(part).every(([name, value]) => frame[name as keyof MuxFrame] === value)),
      )
    return { client, frames, seen }
  }

  const tokenFor = (seconds: number, claims: object = {}) =>
    issuer.sign({ exp: Math.floor(Date.now() / 1000) + seconds, ...claims })
  const revokeAlice = () => {
    const ofAlice = { kind: 'subject', value: 'alice', issuer: undefined } as const
    gateway.revocations.replace([{ ...ofAlice, revokedAtMs: Date.now(), expiresAtMs: Date.now() + 60_000 }])
  }
  const headersFor = (token: string) => ({ authorization: `Bearer ${token}` })

  for (const [kind, encoding] of [
    ['ws', 'json'],
    ['ws', 'binary'],
    ['tcp', 'json'],
    ['tcp', 'binary'],
  ] as const) {
    test(`comes in a frame, for what is opened right behind it: ${kind}, ${encoding}`, async () => {
      const { client, seen } = await open({ kind, encoding })
      client.send({ t: 'open', id: 1, path: '/who' })
      client.send({ t: 'auth', token: await tokenFor(60) })
      client.send({ t: 'open', id: 2, path: '/who' })
      client.send({ t: 'open', id: 3, path: '/who', headers: headersFor(await tokenFor(60, { sub: 'bob' })) })
      await seen({ t: 'reset', id: 1, code: 'unauthorized' })
      await seen({ t: 'auth', code: undefined })
      const bodies = [await seen({ t: 'head', id: 2 }), await seen({ t: 'head', id: 3 })]
      const texts = bodies.map((frame) => Buffer.from((frame as { body: string }).body).toString())
      assert.deepEqual(texts, ['alice', 'bob'])
    })

    test(`closes the connection when it expires with something open by it: ${kind}, ${encoding}`, async () => {
      const { client, seen } = await open({ kind, encoding })
      client.send({ t: 'auth', token: await tokenFor(2) })
      client.send({ t: 'open', id: 1, path: '/events' })
      client.send({ t: 'open', id: 2, path: '/open' })
      await seen({ t: 'data', id: 1 })
      await seen({ t: 'reset', id: 1, code: 'unauthorized' })
      await seen({ t: 'goaway', code: 'unauthorized' })
      assert.equal((await client.closed).code, kind === 'ws' ? 4401 : 0)
    })
  }

  for (const [what, end] of [
    ['has expired', undefined],
    ['is revoked', 'revoked'],
  ] as const) {
    test(`closes an idle connection once it ${what}`, async () => {
      const token = await tokenFor(end === undefined ? 2 : 60)
      const { client, frames, seen } = await open({ headers: headersFor(token) })
      client.send({ t: 'open', id: 1, path: '/who' })
      await seen({ t: 'head', id: 1, status: 200 })
      if (end === 'revoked') revokeAlice()
      await seen({ t: 'goaway', code: 'unauthorized' })
      assert.equal((await client.closed).code, 4401)
      assert.ok(!frames.some((frame) => frame.t === 'reset'))
    })
  }

  test('ends what it has proved for a moment, and not what it has proved for longer', async () => {
    const expires = () => Date.now() / 1000 + 2
    const decide = nats.subscribe(`${P}.decide`, {
      callback: (_, message) => {
        const { path } = message.json<{ path: string }>()
        message.respond(
          JSON.stringify({ allow: true, subjectId: 'alice', ...(path === '/brief' && { expires: expires() }) }),
        )
      },
    })
    await nats.flush()
    const { client, frames, seen } = await open({ headers: { cookie: 'a=b' } })
    client.send({ t: 'open', id: 1, path: '/asked' })
    client.send({ t: 'open', id: 2, path: '/brief' })
    client.send({ t: 'open', id: 3, path: '/brief-once' })
    await seen({ t: 'data', id: 1 })
    await seen({ t: 'data', id: 2 })
    await seen({ t: 'head', id: 3, status: 200 })
    await seen({ t: 'reset', id: 2, code: 'unauthorized' })
    client.send({ t: 'open', id: 4, path: '/asked' })
    await seen({ t: 'data', id: 4 })
    assert.ok(!frames.some((frame) => frame.t === 'goaway' || (frame.t === 'reset' && frame.id === 1)))
    decide.unsubscribe()
  })

  test('closes no connection that shows another by then', async () => {
    const { client, frames, seen } = await open({ headers: headersFor(await tokenFor(60)) })
    client.send({ t: 'open', id: 1, path: '/who' })
    await seen({ t: 'head', id: 1, status: 200 })
    client.send({ t: 'auth', token: await tokenFor(60, { sub: 'bob' }) })
    await seen({ t: 'auth', code: undefined })
    client.send({ t: 'open', id: 2, path: '/who' })
    await seen({ t: 'head', id: 2, status: 200 })
    revokeAlice()
    client.send({ t: 'open', id: 3, path: '/who' })
    await seen({ t: 'head', id: 3, status: 200 })
    assert.ok(!frames.some((frame) => frame.t === 'goaway'))
  })

  test('is renewed for what is open', async () => {
    const { client, frames, seen } = await open({ headers: headersFor(await tokenFor(2)) })
    client.send({ t: 'open', id: 1, path: '/events' })
    await seen({ t: 'data', id: 1 })
    client.send({ t: 'auth', token: await tokenFor(60) })
    await seen({ t: 'auth', code: undefined })
    const short = headersFor(await tokenFor(3))
    client.send({ t: 'open', id: 2, path: '/events', headers: short })
    // By then the first would be over.
    await seen({ t: 'reset', id: 2, code: 'unauthorized' })
    assert.ok(!frames.some((frame) => frame.t === 'reset' && frame.id === 1))
    client.send({ t: 'open', id: 3, path: '/who' })
    await seen({ t: 'head', id: 3, status: 200 })
  })

  test('is no question of what a key has opened over the same connection', async () => {
    const { id, key } = createApiKey()
    gateway.apiKeys.replace([{ id, hash: hashApiKey(key), subjectId: 'billing', scopes: [], expiresAtMs: undefined }])
    const { client, frames, seen } = await open({ headers: headersFor(await tokenFor(60)) })
    client.send({ t: 'open', id: 1, path: '/events' })
    client.send({ t: 'open', id: 2, path: '/key', headers: { 'x-api-key': key } })
    await seen({ t: 'data', id: 1 })
    await seen({ t: 'data', id: 2 })
    client.send({ t: 'auth', token: await tokenFor(61) })
    await seen({ t: 'auth', code: undefined })
    gateway.apiKeys.replace([])
    await seen({ t: 'reset', id: 2, code: 'unauthorized' })
    client.send({ t: 'open', id: 3, path: '/who' })
    await seen({ t: 'head', id: 3, status: 200 })
    assert.ok(!frames.some((frame) => frame.t === 'goaway'))
  })

  test('stays as it was with a token that is bad, or of another client', async () => {
    const { client, frames, seen } = await open({ headers: headersFor(await tokenFor(60)) })
    client.send({ t: 'open', id: 1, path: '/events' })
    await seen({ t: 'data', id: 1 })
    client.send({ t: 'auth', token: await tokenFor(60, { sub: 'bob' }) })
    await seen({ t: 'auth', code: 'forbidden' })
    client.send({ t: 'auth', token: await signToken(await createSigningKey('one')) })
    await seen({ t: 'auth', code: 'unauthorized' })
    client.send({ t: 'open', id: 2, path: '/who' })
    const head = await seen({ t: 'head', id: 2 })
    assert.equal((head as { body: string }).body, 'alice')
    client.send({ t: 'reset', id: 1, code: 'client_gone' })
    client.send({ t: 'auth', token: await tokenFor(60, { sub: 'bob' }) })
    await seen({ t: 'auth', code: undefined })
    assert.ok(!frames.some(({ t }) => t === 'goaway'))
  })

  test('ends alone what was opened by the one before, while the new one was looked at', async (t) => {
    const { client, frames, seen } = await open()
    const gate = Promise.withResolvers<void>()
    t.after(() => gate.resolve())
    const decide = nats.subscribe(`${P}.decide`, {
      async callback(_, message) {
        const { headers } = message.json<{ headers: Record<string, string> }>()
        const isNew = headers.authorization === 'Bearer new'
        if (isNew) await gate.promise
        const expires = isNew ? undefined : expiresAtMs / 1000
        message.respond(JSON.stringify({ allow: true, subjectId: 'alice', expires }))
      },
    })
    await nats.flush()
    const expiresAtMs = Date.now() + 1500
    client.send({ t: 'auth', token: 'old' })
    client.send({ t: 'open', id: 1, path: '/asked' })
    await seen({ t: 'data', id: 1 })
    client.send({ t: 'auth', token: 'new' })
    client.send({ t: 'open', id: 2, path: '/asked' })
    await seen({ t: 'data', id: 2 })
    gate.resolve()
    await eventually('the new one is taken', () => frames.filter((frame) => frame.t === 'auth').length === 2)
    await seen({ t: 'reset', id: 2, code: 'unauthorized' })
    client.send({ t: 'open', id: 3, path: '/asked' })
    await seen({ t: 'data', id: 3 })
    assert.ok(!frames.some((frame) => frame.t === 'goaway' || (frame.t === 'reset' && frame.id === 1)))
    decide.unsubscribe()
  })

  test('comes one after the other', async () => {
    const { client, seen } = await open({ headers: headersFor(await tokenFor(60)) })
    client.send({ t: 'open', id: 1, path: '/events' })
    await seen({ t: 'data', id: 1 })
    const token = await tokenFor(61)
    client.send({ t: 'auth', token })
    client.send({ t: 'auth', token })
    await seen({ t: 'auth', code: 'busy' })
    await seen({ t: 'auth', code: undefined })
  })

  for (const [what, token] of [
    ['none', undefined],
    ['an empty one', ''],
    ['one with a line break', 'a\r\nx: y'],
    ['a huge one', 'x'.repeat(8193)],
  ] as const) {
    test(`is never ${what}`, async () => {
      const { client, seen } = await open()
      client.send({ t: 'auth', token })
      await seen({ t: 'goaway', code: 'bad_request' })
      assert.equal((await client.closed).code, 4400)
    })
  }
})
