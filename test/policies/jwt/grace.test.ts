import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { exportSPKI } from 'jose'
import type { Msg } from 'nats'
import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import { type Service, serve } from '../../../src/backend/index.ts'
import { DeadlineWheel } from '../../../src/exchange/deadline-wheel.ts'
import type { RouteDocument } from '../../../src/routing/spec.ts'
import { connectMuxClient } from '../../adapters/mux/mux-client.ts'
import { openSocket } from '../../adapters/websocket/start-client.ts'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { createSigningKey, type SigningKey, signToken } from '../../support/token-issuer.ts'
import { type GuardedBackend, startGuardedBackend } from '../guarded-backend.ts'

const P = `t${process.pid}grace`
const TOKEN_MS = 60_000
/** Of the clocks, which is not spoken of in the options here. */
const DEFAULT_TOLERANCE_MS = 5000
/** What is looked at just before an end, and just after it. */
const MARGIN_MS = 100

/** What was opened with a token. */
interface Opened {
  /** Fails unless it goes on. */
  goesOn(): Promise<void>
  /** Fails unless it has ended, as what is not let in any more does. */
  ends(): Promise<void>
}

describe('the grace after the expiry of a token', () => {
  let directory: string
  let key: SigningKey
  let backend: GuardedBackend
  let service: Service
  let gateway: Gateway
  /** The clock of the policies: nothing here waits for the end of a grace. */
  let nowMs = Math.ceil(Date.now() / 1000) * 1000
  const now = () => nowMs
  const wheel = new DeadlineWheel({ now })
  const pass = (ms: number) => {
    nowMs += ms
    wheel.advance()
  }

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'engine-router-grace-'))
    const publicKeyFile = join(directory, 'key.pem')
    key = await createSigningKey('one')
    writeFileSync(publicKeyFile, await exportSPKI(key.publicKey))
    backend = await startGuardedBackend(P)
    service = await serve({ nats: { servers: await natsUrl() }, name: 'grace-test', version: '1.0.0' })
    service.exchange(`${P}.echo`, async (x) => {
      for await (const { data } of x) await x.send(data)
    })
    await service.flush()
    const routes = (prefix: string, options: object): RouteDocument[] => {
      const policies = [{ jwt: { publicKeyFile, ...options } }]
      const names = ['whole', 'events', 'echo', 'rpc'] as const
      const [whole, events, echo, rpc] = names.map((name) => ({ name: `${prefix}-${name}`, policies }))
      return [
        { ...whole!, match: { path: `/${prefix}/whole` }, subject: `${P}.whole` },
        { ...events!, match: { path: `/${prefix}/events` }, subject: `${P}.many.${prefix}`, reply: 'many' },
        { ...echo!, match: { kind: 'ws', path: `/${prefix}/echo` }, subject: `${P}.echo` },
        { ...rpc!, match: { kind: 'ws', path: `/${prefix}/rpc` }, subject: `${P}.whole`, websocket: 'rpc' },
      ]
    }
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      tcp: [{ protocol: 'mux', route: undefined }],
      policyContext: { wheel, now },
      routes: [...routes('default', {}), ...routes('three', { grace: '3s' }), ...routes('none', { grace: '0s' })],
    })
  })

  after(async () => {
    try {
      await gateway.assertIdle()
      assert.equal(wheel.size, 0)
    } finally {
      await gateway.close()
      wheel.stop()
      await service.drain()
      await backend.close()
      rmSync(directory, { recursive: true })
    }
  })

  const newToken = (claims: object = {}) => signToken(key, { exp: (nowMs + TOKEN_MS) / 1000, ...claims }, nowMs)
  const headersOf = (token: string) => ({ authorization: `Bearer ${token}` })
  /** Runs `open`, and gives what it has brought to a subject of events, for more to be sent. */
  async function firstOf<T>(prefix: string, open: () => Promise<T>): Promise<[T, Msg]> {
    const asked = Promise.withResolvers<Msg>()
    const options = { max: 1, callback: (_: unknown, message: Msg) => asked.resolve(message) }
    backend.nats.subscribe(`${P}.many.${prefix}`, options)
    await backend.nats.flush()
    const opened = open()
    const message = await asked.promise
    message.respond('first')
    return [await opened, message]
  }

  async function openEvents(prefix: string, token: string): Promise<Opened> {
    const accept = { accept: 'text/event-stream' }
    const get = () => fetch(`${gateway.url}/${prefix}/events`, { headers: { ...headersOf(token), ...accept } })
    const [response, message] = await firstOf(prefix, get)
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    assert.match((await reader.read()).value!, /first/)
    return {
      async goesOn() {
        message.respond('more')
        assert.match((await reader.read()).value!, /more/)
      },
      ends: () => assert.rejects(reader.read()),
    }
  }

  async function openWebSocket(path: string, token: string, said: string, answer: string): Promise<Opened> {
    const socket = await openSocket(`${gateway.url}${path}`, { headers: headersOf(token) })
    let count = 0
    const goesOn = async () => {
      socket.ws.send(said)
      const gone = socket.closed().then(({ code }) => assert.fail(`closed with ${code}`))
      assert.equal((await Promise.race([socket.messages(++count), gone]))[count - 1], answer)
    }
    await goesOn()
    return {
      goesOn,
      ends: async () => assert.deepEqual(await socket.closed(), { code: 4401, reason: 'unauthorized' }),
    }
  }

  /** With a stream of events, or with nothing, open on it. */
  async function openMux(kind: 'ws' | 'tcp', prefix: string, token: string, isIdle = false) {
    const port = kind === 'ws' ? gateway.port : gateway.tcp.ports[0]!
    const client = await connectMuxClient({ kind, port, encoding: 'json' })
    const frames: MuxFrame[] = []
    client.onFrame = (frame) => frames.push(frame)
    const count = (isIt: (frame: MuxFrame) => boolean) => frames.filter(isIt).length
    const seen = (part: object) => {
      const isIt = (frame: MuxFrame) =>
        Object.entries(part).every(([name, value]) => Reflect.get(frame, name) === value)
      return eventually(JSON.stringify(part), () => frames.find(isIt))
    }
    client.send({ t: 'auth', token })
    await seen({ t: 'auth' })
    let lastId = 1
    let message: Msg | undefined
    const open = (name: string) => client.send({ t: 'open', id: lastId, path: `/${prefix}/${name}` })
    if (isIdle) {
      open('whole')
      await seen({ t: 'head', id: 1, status: 200 })
    } else {
      ;[, message] = await firstOf(prefix, async () => open('events'))
      await seen({ t: 'data', id: 1 })
    }
    return {
      client,
      frames,
      seen,
      /** The status of a new exchange by the credential of the connection. */
      async status() {
        lastId++
        open('whole')
        const frame = await eventually('an answer', () => frames.find((each) => 'id' in each && each.id === lastId))
        return 'status' in frame ? frame.status : undefined
      },
      async goesOn() {
        const heard = count(({ t }) => t === (isIdle ? 'pong' : 'data'))
        if (message === undefined) client.send({ t: 'ping' })
        else message.respond('more')
        await eventually('more', () => count(({ t }) => t === (isIdle ? 'pong' : 'data')) > heard)
        assert.equal(
          count(({ t }) => t === 'goaway'),
          0,
        )
      },
      async ends() {
        if (!isIdle) await seen({ t: 'reset', id: 1, code: 'unauthorized' })
        await seen({ t: 'goaway', code: 'unauthorized' })
        assert.equal((await client.closed).code, kind === 'ws' ? 4401 : 0)
      },
    }
  }

  for (const [what, prefix, graceMs] of [
    ['is 10 seconds where nothing is said', 'default', 10_000],
    ['is as long as the option says', 'three', 3000],
    ['can be none', 'none', 0],
  ] as const) {
    test(`${what}: what lasts goes on until then, and nobody new comes in`, async () => {
      const token = await newToken()
      const endsAtMs = nowMs + TOKEN_MS + DEFAULT_TOLERANCE_MS + graceMs
      const opened: Record<string, Opened> = {
        events: await openEvents(prefix, token),
        stream: await openWebSocket(`/${prefix}/echo`, token, 'echo', 'echo'),
        rpc: await openWebSocket(`/${prefix}/rpc`, token, 'ask', 'ok'),
        mux: await openMux('ws', prefix, token),
        'idle mux': await openMux('ws', prefix, token, true),
        'mux over TCP': await openMux('tcp', prefix, token),
      }
      const each = (what: keyof Opened) =>
        Promise.all(
          Object.entries(opened).map(([name, one]) =>
            one[what]().catch((error) => assert.fail(`${name}: ${what}: ${error}`)),
          ),
        )
      const status = async () => (await fetch(`${gateway.url}/${prefix}/whole`, { headers: headersOf(token) })).status
      pass(endsAtMs - MARGIN_MS - nowMs)
      assert.equal(await status(), graceMs === 0 ? 200 : 401)
      await each('goesOn')
      pass(2 * MARGIN_MS)
      await each('ends')
      assert.equal(await status(), 401)
    })
  }

  for (const kind of ['ws', 'tcp'] as const) {
    test(`is for a new token to come: what is open over mux goes on by that (${kind})`, async () => {
      const mux = await openMux(kind, 'default', await newToken())
      pass(TOKEN_MS + DEFAULT_TOLERANCE_MS + 9000)
      assert.equal(await mux.status(), 401)
      await mux.goesOn()
      const renewedMs = nowMs
      mux.client.send({ t: 'auth', token: await newToken({ jti: 'new' }) })
      await eventually(
        'it is taken',
        () => mux.frames.filter((frame) => frame.t === 'auth' && !frame.code).length === 2,
      )
      pass(20_000)
      await mux.goesOn()
      assert.equal(await mux.status(), 200)
      await mux.goesOn()
      pass(renewedMs + TOKEN_MS + DEFAULT_TOLERANCE_MS + 10_000 + MARGIN_MS - nowMs)
      await mux.ends()
    })
  }
})
