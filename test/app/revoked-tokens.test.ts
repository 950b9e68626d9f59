import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'nats'
import { openSocket } from '../adapters/websocket/start-client.ts'
import { runCli } from '../cli/run-cli.ts'
import { query } from '../store/migrated-database.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { natsUrl } from '../support/nats.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { createSigningKey, signToken } from '../support/token-issuer.ts'
import { type RouterProcess, startRouter, temporaryDirectory } from './router-process.ts'

const P = `t${process.pid}revoked`
/** From the end of the verb to the last client that hears of it. */
const SOON_MS = 1000

test('revoking a subject cuts all that its tokens have opened, on every router, and a new token works', async (t) => {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  nats.subscribe(`${P}.events`, { callback: (_error, message) => void message.respond('first') })
  nats.subscribe(`${P}.rpc`, { callback: (_error, message) => void message.respond('pong') })
  await nats.flush()

  const key = await createSigningKey('one')
  const jwks = join(await temporaryDirectory(), 'jwks.json')
  writeFileSync(jwks, JSON.stringify({ keys: [key.jwk] }))
  const database = await createTestDatabase({ migrated: true })
  t.after(() => database.drop())
  await query(
    database.url,
    `insert into routes (name, kind, path, subject, reply, websocket, policies) values
      ('events', 'http', '/events', '${P}.events', 'many', null, $1),
      ('rpc', 'ws', '/rpc', '${P}.rpc', null, 'rpc', $1)`,
    [JSON.stringify([{ jwt: { jwks } }])],
  )
  const tokens = async (...words: string[]) => {
    const { code, stderr } = await runCli(['tokens', ...words], { env: { DATABASE_URL: database.url } })
    assert.deepEqual([code, stderr], [0, ''])
  }
  const settings = { natsUrl: await natsUrl(), databaseUrl: database.url }
  const routers = await Promise.all([startRouter(t, settings), startRouter(t, settings)])
  await Promise.all(routers.map((router) => router.ready()))

  const headersOf = (token: string) => ({ authorization: `Bearer ${token}` })
  const open = async (router: RouterProcess, token: string) => {
    const headers = headersOf(token)
    const events = await fetch(`${router.url}/events`, { headers })
    assert.equal(events.status, 200)
    const rpc = await openSocket(`${router.url}/rpc`, { headers })
    rpc.ws.send('ping')
    assert.deepEqual(await rpc.messages(1), ['pong'])
    const mux = await openSocket(`${router.url}/_sx`, { protocols: ['sx.v1.json'], headers })
    mux.ws.send(JSON.stringify({ t: 'open', id: 1, path: '/events' }))
    await mux.messages(2)
    return { events, rpc, mux }
  }
  const status = async (router: RouterProcess, token: string) => {
    const response = await fetch(`${router.url}/events`, { headers: headersOf(token) })
    await response.body?.cancel()
    return response.status
  }

  const old = await signToken(key, { jti: 'old' })
  const other = await signToken(key, { sub: 'bob', jti: 'other' })
  const opened = await Promise.all(routers.map((router) => open(router, old)))
  const kept = await Promise.all(routers.map((router) => open(router, other)))

  await tokens('revoke', '--subject', 'alice')
  const revokedMs = performance.now()
  await Promise.all(
    opened.map(async ({ events, rpc, mux }) => {
      await assert.rejects(events.text())
      assert.equal((await rpc.closed()).code, 4401)
      assert.equal((await mux.closed()).code, 4401)
    }),
  )
  assert.ok(performance.now() - revokedMs < SOON_MS, `it took ${performance.now() - revokedMs} ms`)
  for (const router of routers) {
    assert.equal(await status(router, old), 401)
    // In the second of the revocation a token of the same second may be an old one.
    await eventually('a new token works', async () => (await status(router, await signToken(key))) === 200)
    assert.equal(await status(router, old), 401)
  }
  for (const { rpc, mux } of kept) {
    rpc.ws.send('ping')
    assert.deepEqual(await rpc.messages(2), ['pong', 'pong'])
    mux.ws.send(JSON.stringify({ t: 'ping' }))
    await mux.messages(3)
  }

  await tokens('revoke', '--id', 'other')
  for (const { rpc, mux, events } of kept) {
    await assert.rejects(events.text())
    assert.deepEqual([(await rpc.closed()).code, (await mux.closed()).code], [4401, 4401])
  }
  await tokens('restore', '--subject', 'alice')
  for (const router of routers) {
    await eventually('the old token works again', async () => (await status(router, old)) === 200)
    assert.equal(await status(router, other), 401)
  }
})

test('a router that starts without the database refuses what was revoked before', async (t) => {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  nats.subscribe(`${P}.whole`, { callback: (_error, message) => void message.respond('ok') })
  await nats.flush()
  const key = await createSigningKey('one')
  const directory = await temporaryDirectory()
  writeFileSync(join(directory, 'jwks.json'), JSON.stringify({ keys: [key.jwk] }))
  const database = await createTestDatabase({ migrated: true })
  t.after(() => database.drop())
  await query(database.url, `insert into routes (name, path, subject, policies) values ('a', '/a', '${P}.whole', $1)`, [
    JSON.stringify([{ jwt: { jwks: 'jwks.json' } }]),
  ])
  await query(database.url, `insert into revocations (kind, value) values ('subject', 'alice')`)
  const token = await signToken(key)
  const bobs = await signToken(key, { sub: 'bob' })
  const settings = { natsUrl: await natsUrl(), databaseUrl: database.url }
  const statuses = async ({ url }: RouterProcess) => {
    const ask = async (each: string) =>
      (await fetch(`${url}/a`, { headers: { authorization: `Bearer ${each}` } })).status
    return [await ask(token), await ask(bobs)]
  }

  const first = await startRouter(t, settings, directory)
  await first.ready()
  assert.deepEqual(await statuses(first), [401, 200])
  first.signal('SIGTERM')
  assert.equal(await first.exitCode, 0)
  const nowhere = `postgres://nobody@127.0.0.1:${await freePort()}/none`
  const second = await startRouter(t, { ...settings, databaseUrl: nowhere }, directory)
  await second.ready()
  assert.deepEqual(await statuses(second), [401, 200])
})
