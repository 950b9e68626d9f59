import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from 'nats'
import type { RouteDocument } from '../../src/routing/spec.ts'
import { connectTcp } from '../adapters/tcp/tcp-client.ts'
import { openSocket, refusedSocket } from '../adapters/websocket/start-client.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'
import { createSigningKey, signToken } from '../support/token-issuer.ts'
import { temporaryDirectory } from './router-process.ts'
import { type RouterWithRoutes, startRouterWithRoutes } from './router-with-routes.ts'

const P = `t${process.pid}defaults`

/** Asks a path, and returns the backend's word or the code of the error. */
type Ask = (router: RouterWithRoutes, path: string, headers: Readonly<Record<string, string>>) => Promise<string>

const askHttp: Ask = async ({ url }, path, headers) => {
  const response = await fetch(url + path, { headers })
  return response.ok ? response.text() : ((await response.json()) as { code: string }).code
}

const askWebSocket: Ask = async ({ url }, path, headers) => {
  const socket = await openSocket(url + path, { headers }).catch(() => undefined)
  if (socket === undefined) return (await refusedSocket(url + path, { headers })).problem.code
  socket.ws.send('x')
  const [text] = await socket.messages(1)
  socket.ws.close()
  return text!
}

function open(path: string, headers: Readonly<Record<string, string>>): string {
  return JSON.stringify({ t: 'open', id: 1, path, headers })
}

/** @param frames the head and the body, or a reset */
function heard(frames: string): string {
  const [, body = '', code] = /"body":"(\w+)"|"t":"reset".*"code":"(\w+)"/.exec(frames) ?? []
  return code ?? body
}

const askMuxSocket: Ask = async ({ url }, path, headers) => {
  const socket = await openSocket(`${url}/_sx`, { protocols: ['sx.v1.json'] })
  socket.ws.send(open(path, headers))
  while (heard(socket.texts.join('\n')) === '') await socket.messages(socket.texts.length + 1)
  socket.ws.close()
  return heard(socket.texts.join('\n'))
}

const askMuxTcp: Ask = async ({ tcpPorts }, path, headers) => {
  const raw = await openRaw(tcpPorts[0]!)
  raw.write(`${open(path, headers)}\n`)
  const frames = await raw.until(/"body"|"t":"reset"/)
  raw.destroy()
  return heard(frames)
}

const PROTOCOLS: Readonly<Record<string, Ask>> = {
  HTTP: askHttp,
  WebSocket: askWebSocket,
  'multiplexed WebSocket': askMuxSocket,
  'multiplexed TCP': askMuxTcp,
}

async function start(t: TestContext) {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  const reached: string[] = []
  nats.subscribe(`${P}.*`, {
    callback: (_error, message) => {
      reached.push(message.subject)
      message.respond('served')
    },
  })
  await nats.flush()

  const key = await createSigningKey('one')
  const jwks = join(await temporaryDirectory(), 'jwks.json')
  writeFileSync(jwks, JSON.stringify({ keys: [key.jwk] }))
  const policies: Readonly<Record<string, NonNullable<RouteDocument['policies']>>> = {
    plain: [],
    admin: [{ jwt: { jwks, scopes: ['admin'] } }],
    open: [{ off: 'jwt' }, { headers: { response: { set: { 'x-policy': 'own' } } } }],
  }
  const routes = Object.entries(policies).flatMap(([name, own]): RouteDocument[] => {
    const route = { subject: `${P}.${name}`, ...(own.length > 0 && { policies: own }) }
    return [
      { ...route, name, match: { path: `/${name}` } },
      { ...route, name: `${name}-ws`, match: { kind: 'ws', path: `/${name}` }, websocket: 'rpc' },
    ]
  })
  const router = await startRouterWithRoutes(
    t,
    [...routes, { name: 'raw', match: { kind: 'tcp' }, subject: `${P}.raw` }],
    {
      policies: [{ headers: { response: { set: { 'x-policy': 'default' } } } }, { jwt: { jwks, scopes: ['use'] } }],
      tcp: [
        { host: '127.0.0.1', port: 0, protocol: 'mux' },
        { host: '127.0.0.1', port: 0, protocol: 'raw', route: 'raw' },
      ],
    },
  )
  const bearer = async (scope: string) => ({ authorization: `Bearer ${await signToken(key, { scope })}` })
  return { router, reached, user: await bearer('use'), admin: await bearer('admin') }
}

test('the policies of the settings file guard every route that does not say otherwise', async (t) => {
  const { router, reached, user, admin } = await start(t)
  for (const [protocol, ask] of Object.entries(PROTOCOLS)) {
    await t.test(`over ${protocol}`, async () => {
      const asked = async (path: string) => [
        await ask(router, path, {}),
        await ask(router, path, user),
        await ask(router, path, admin),
      ]
      reached.length = 0
      assert.deepEqual(await asked('/plain'), ['unauthorized', 'served', 'forbidden'])
      assert.deepEqual(await asked('/admin'), ['unauthorized', 'forbidden', 'served'], 'its own stands for the default')
      assert.deepEqual(await asked('/open'), ['served', 'served', 'served'], 'it has none of this kind')
      assert.equal(reached.length, 5, 'what is refused reaches no backend')
    })
  }

  await t.test('over raw TCP, where nobody can show a token', async () => {
    reached.length = 0
    const raw = connectTcp(t, router.tcpPorts[1]!)
    raw.socket.write('let me in')
    assert.equal(await raw.outcome, 'reset')
    assert.deepEqual(reached, [])
    const series = 'engine_router_exchanges_total{route="raw",kind="tcp",code="unauthorized"}'
    await eventually('it is counted', async () => (await router.metric(series)) === 1)
  })

  await t.test('those of the kinds that a route does not name stay', async () => {
    const policyOf = async (path: string) =>
      (await fetch(router.url + path, { headers: admin })).headers.get('x-policy')
    assert.deepEqual(await Promise.all(['/plain', '/admin', '/open'].map(policyOf)), ['default', 'default', 'own'])
  })
})
