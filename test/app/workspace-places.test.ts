import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { connect } from 'nats'
import { decodeJsonFrame } from '../../src/adapters/framing/json-frames.ts'
import type { RouteDocument } from '../../src/routing/spec.ts'
import { openDatabase } from '../../src/store/database.ts'
import { addWorkspace } from '../../src/store/workspaces.ts'
import { createSocket, openSocket } from '../adapters/websocket/start-client.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { startTestApp } from './start-test-app.ts'

const P = `t${process.pid}places`
const UNKNOWN_ID = '0f0e0d0c-0b0a-4908-8706-050403020100'
const ANY_HOST = 'any.example'

/** A request that names a workspace somewhere. */
interface Target {
  readonly path: string
  readonly host: string
}

/** Where a client may name its workspace: what a route says of that, and a request with that value there. */
const PLACES = {
  query: {
    pattern: '/by-query',
    params: { of: { query: 'workspace', workspace: true } },
    target: (value: string): Target => ({ path: `/by-query?workspace=${encodeURIComponent(value)}`, host: ANY_HOST }),
  },
  host: {
    pattern: '/by-host',
    params: { of: { host: 0, workspace: true } },
    target: (value: string): Target => ({ path: '/by-host', host: `${value}.tenants.example` }),
  },
  path: {
    pattern: '/by-path/{of}',
    params: { of: { workspace: true } },
    target: (value: string): Target => ({ path: `/by-path/${encodeURIComponent(value)}`, host: ANY_HOST }),
  },
} as const

const ROUTES = Object.entries(PLACES).flatMap(([place, { pattern, params }]): RouteDocument[] => {
  const subject = `${P}.${place}.{of}`
  return [
    { name: `${place}-http`, match: { path: pattern }, subject, params },
    { name: `${place}-stream`, match: { kind: 'ws', path: `/stream${pattern}` }, subject, params, reply: 'many' },
    { name: `${place}-rpc`, match: { kind: 'ws', path: `/rpc${pattern}` }, subject, params, websocket: 'rpc' },
  ]
})

/** What each protocol says of the answer of a backend, or of a refusal: by its status, or by a close code. */
const PROTOCOLS: Readonly<Record<string, (url: string, target: Target) => Promise<string>>> = {
  async http(url, { path, host }) {
    const [response] = (await once(get(`${url}${path}`, { headers: { host } }), 'response')) as [IncomingMessage]
    return answerOf(response)
  },
  stream: (url, { path, host }) => answerOfSocket(`${url}/stream${path}`, host),
  rpc: (url, { path, host }) => answerOfSocket(`${url}/rpc${path}`, host, 'x'),
  async mux(url, { path, host }) {
    const socket = await openSocket(`${url}/_sx`, { protocols: ['sx.v1.json'], headers: { host } })
    socket.ws.send(JSON.stringify({ t: 'open', id: 1, path }))
    const [first] = await socket.messages(1)
    socket.ws.close()
    const frame = decodeJsonFrame(first!)
    if (frame.t === 'reset') return `${frame.status} ${frame.code}`
    assert.ok(frame.t === 'head' && frame.status === 200 && frame.end)
    return Buffer.from(frame.body!).toString()
  },
}

async function answerOf(response: IncomingMessage): Promise<string> {
  const body = await text(response)
  return response.statusCode === 200 ? body : `${response.statusCode} ${(JSON.parse(body) as { code: string }).code}`
}

async function answerOfSocket(url: string, host: string, said?: string): Promise<string> {
  const socket = createSocket(url, { headers: { host } })
  const refused = new Promise<IncomingMessage>((resolve) => {
    socket.ws.on('unexpected-response', (_request, response) => resolve(response))
  })
  if (said !== undefined) socket.ws.on('open', () => socket.ws.send(said))
  const answer = await Promise.race([
    socket.messages(1).then(([first]) => first!),
    socket.closed().then(({ code, reason }) => `${code} ${reason}`),
    refused.then(answerOf),
  ])
  socket.ws.terminate()
  return answer
}

test('a workspace comes from the query, the host or the path over each protocol, or nobody is asked', async (t) => {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  const asked: string[] = []
  nats.subscribe(`${P}.>`, {
    callback(_error, message) {
      asked.push(message.subject)
      message.respond(message.subject.slice(P.length + 1))
    },
  })
  await nats.flush()
  const { url, databaseUrl, idle } = await startTestApp(t, ROUTES)
  const store = openDatabase(databaseUrl, { logger: silentLogger })
  t.after(() => store.close())
  const { id } = (await addWorkspace(store.db, 'acme'))!
  const inQuery = PLACES.query.target('acme')
  await eventually('the router knows acme', async () => (await PROTOCOLS.http!(url, inQuery)) === `query.${id}`)

  for (const [protocol, ask] of Object.entries(PROTOCOLS)) {
    const closes = protocol === 'stream' || protocol === 'rpc'
    const unknown = closes ? '4404 unknown_workspace' : '404 unknown_workspace'
    const invalid = closes ? '4400 subject_invalid' : '400 subject_invalid'
    for (const [place, { target }] of Object.entries(PLACES)) {
      const what = (value: string) => `${value} in the ${place} over ${protocol}`
      for (const value of ['acme', id, id.toUpperCase()]) {
        assert.equal(await ask(url, target(value)), `${place}.${id}`, what(value))
      }
      asked.length = 0
      for (const value of ['initech', UNKNOWN_ID]) assert.equal(await ask(url, target(value)), unknown, what(value))
      assert.equal(await ask(url, target('-x')), invalid, what('-x'))
      // What can be no token of a path is known before the upgrade, and refused as over HTTP.
      const empty = place === 'path' ? '400 subject_invalid' : invalid
      assert.equal(await ask(url, target('')), empty, what('none'))
      assert.deepEqual(asked, [])
    }
    for (const value of ['acme.globex', '*', '>', ' ', 'acme&workspace=globex']) {
      const { path, host } = PLACES.query.target(value)
      assert.equal(await ask(url, { path: path.replace('%26workspace%3D', '&workspace='), host }), invalid, value)
    }
    assert.equal(await ask(url, { path: '/by-query', host: ANY_HOST }), invalid, 'none in the query')
    assert.deepEqual(asked, [])
  }
  await idle()
})
