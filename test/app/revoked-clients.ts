/** Clients of every kind that lasts, on a router, for what happens to them when their credential is taken back. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import { connect, type Msg } from 'nats'
import type { MuxFrame } from '../../src/adapters/framing/mux-frame.ts'
import { serve } from '../../src/backend/index.ts'
import type { RouteDocument } from '../../src/routing/spec.ts'
import { connectMuxClient } from '../adapters/mux/mux-client.ts'
import { openSocket } from '../adapters/websocket/start-client.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import type { RouterProcess } from './router-process.ts'

/** From the commit in the database to the last client that sees its end. */
const SOON_MS = 1000
const DEADLINE_MS = 10_000

export interface LastingBackend {
  readonly routes: readonly RouteDocument[]
  /** To all who have asked for events. */
  sayMore(): void
}

/** What a client shows, in each of its requests or, over mux, once for the connection. */
export interface Credential {
  readonly headers: Readonly<Record<string, string>>
  /** Over mux it comes as an `auth`, and the connection ends with it; undefined: with each `open`, which ends alone. */
  readonly token?: string
}

/** All that one client has opened on one router. */
export interface LastingClients {
  /** Fails unless all goes on. */
  goOn(): Promise<void>
  /** When each saw the end that a credential has which is good no more, on the wall clock. */
  ended(): Promise<Readonly<Record<string, number>>>
}

interface LastingClient {
  goesOn(): Promise<void>
  ends(): Promise<void>
}

/** What serves such clients, and the routes to it, under these policies. */
export async function startLastingBackend(
  t: TestContext,
  prefix: string,
  policies: readonly Record<string, unknown>[],
): Promise<LastingBackend> {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  const asked: Msg[] = []
  nats.subscribe(`${prefix}.events`, {
    callback(_error, message) {
      asked.push(message)
      message.respond('first')
    },
  })
  nats.subscribe(`${prefix}.rpc`, { callback: (_error, message) => void message.respond('pong') })
  await nats.flush()
  const service = await serve({ nats: { servers: await natsUrl() }, name: 'lasting', version: '1.0.0' })
  t.after(() => service.drain())
  service.exchange(`${prefix}.echo`, async (x) => {
    for await (const { data } of x) await x.send(data)
  })
  await service.flush()
  return {
    routes: [
      { name: 'events', match: { path: '/events' }, subject: `${prefix}.events`, reply: 'many', policies },
      { name: 'echo', match: { kind: 'ws', path: '/echo' }, subject: `${prefix}.echo`, policies },
      { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject: `${prefix}.rpc`, websocket: 'rpc', policies },
    ],
    sayMore() {
      for (const message of asked) message.respond('more')
    },
  }
}

/** On a router with a TCP listener for mux. */
export async function openLastingClients(
  router: RouterProcess,
  backend: LastingBackend,
  credential: Credential,
): Promise<LastingClients> {
  const [muxPort] = router.log().find(({ msg }) => msg.startsWith('listening on'))!.tcp as number[]
  const { headers } = credential
  const clients: Readonly<Record<string, LastingClient>> = {
    events: await openEvents(`${router.url}/events`, headers, backend),
    stream: await openWebSocket(`${router.url}/echo`, headers, 'ping', 'ping'),
    rpc: await openWebSocket(`${router.url}/rpc`, headers, 'ping', 'pong'),
    mux: await openMux('ws', router.port, credential, backend),
    'mux over TCP': await openMux('tcp', muxPort!, credential, backend),
  }
  const endedMs: Record<string, number> = {}
  const ended = Object.entries(clients).map(async ([what, client]) => {
    await client.ends()
    endedMs[what] = Date.now()
  })
  // Looked at by `ended`, if that is ever asked for.
  const all = Promise.all(ended).catch((error: Error) => error)
  return {
    async goOn() {
      for (const client of Object.values(clients)) await client.goesOn()
      assert.deepEqual(endedMs, {})
    },
    async ended() {
      const late = delay(DEADLINE_MS, undefined, { ref: false }).then(
        () => new Error(`not all of them end: ${inspect(endedMs)}`),
      )
      const outcome = await Promise.race([all, late])
      if (outcome instanceof Error) throw outcome
      return endedMs
    },
  }
}

/** @param committedMs at the latest, by the clock of the database, which is that of this machine */
export async function assertEndedSoon(clients: readonly LastingClients[], committedMs: number): Promise<void> {
  for (const client of clients) {
    for (const [what, atMs] of Object.entries(await client.ended())) {
      const tookMs = atMs - committedMs
      assert.ok(tookMs >= 0 && tookMs < SOON_MS, `${what}: it took ${tookMs} ms`)
    }
  }
}

async function openEvents(
  url: string,
  headers: Readonly<Record<string, string>>,
  backend: LastingBackend,
): Promise<LastingClient> {
  const response = await fetch(url, { headers: { ...headers, accept: 'text/event-stream' } })
  assert.equal(response.status, 200)
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const cut = (async () => {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return 'ended as if it were whole'
      text += value
    }
  })().catch(() => 'cut')
  await eventually('the first event', () => text.includes('data: first'))
  return {
    async goesOn() {
      const { length } = text
      backend.sayMore()
      await eventually('more events', () => text.includes('data: more', length))
    },
    ends: async () => assert.equal(await cut, 'cut'),
  }
}

async function openWebSocket(
  url: string,
  headers: Readonly<Record<string, string>>,
  said: string,
  answer: string,
): Promise<LastingClient> {
  const socket = await openSocket(url, { headers })
  const closed = new Promise<number>((resolve) => void socket.ws.once('close', resolve))
  let count = 0
  const goesOn = async () => {
    socket.ws.send(said)
    assert.equal((await socket.messages(++count)).at(-1), answer)
  }
  await goesOn()
  return { goesOn, ends: async () => assert.equal(await closed, 4401) }
}

async function openMux(
  kind: 'ws' | 'tcp',
  port: number,
  { headers, token }: Credential,
  backend: LastingBackend,
): Promise<LastingClient> {
  const client = await connectMuxClient({ kind, port, encoding: 'json' })
  const frames: MuxFrame[] = []
  const reset = Promise.withResolvers<MuxFrame>()
  client.onFrame = (frame) => {
    frames.push(frame)
    if (frame.t === 'reset') reset.resolve(frame)
  }
  const data = () => frames.filter(({ t }) => t === 'data').length
  if (token !== undefined) client.send({ t: 'auth', token })
  client.send({ t: 'open', id: 1, path: '/events', headers: token === undefined ? headers : {} })
  await eventually('the first event', () => data() === 1)
  return {
    async goesOn() {
      const before = data()
      backend.sayMore()
      await eventually('more events', () => data() > before)
    },
    async ends() {
      const frame = await reset.promise
      assert.ok(frame.t === 'reset' && frame.code === 'unauthorized')
      if (token === undefined) {
        client.close()
        return
      }
      const { code } = await client.closed
      assert.equal(code, kind === 'ws' ? 4401 : 0)
      assert.ok(frames.some((each) => each.t === 'goaway' && each.code === 'unauthorized'))
    },
  }
}
