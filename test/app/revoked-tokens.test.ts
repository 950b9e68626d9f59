import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'nats'
import { applyRoutes } from '../../src/store/apply-routes.ts'
import { openDatabase } from '../../src/store/database.ts'
import { runCli } from '../cli/run-cli.ts'
import { query } from '../store/migrated-database.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { natsUrl } from '../support/nats.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { createSigningKey, signToken } from '../support/token-issuer.ts'
import { assertEndedSoon, openLastingClients, startLastingBackend } from './revoked-clients.ts'
import { type RouterProcess, startRouter, temporaryDirectory } from './router-process.ts'

const P = `t${process.pid}revoked`

test('revoking tokens ends all that was opened with them, on every router, within a second of the commit', async (t) => {
  const key = await createSigningKey('one')
  const jwks = join(await temporaryDirectory(), 'jwks.json')
  writeFileSync(jwks, JSON.stringify({ keys: [key.jwk] }))
  const backend = await startLastingBackend(t, P, [{ jwt: { jwks } }])
  const database = await createTestDatabase({ migrated: true })
  t.after(() => database.drop())
  const store = openDatabase(database.url, { logger: silentLogger, maxConnections: 1 })
  await applyRoutes(store.db, backend.routes, { author: 'test', comment: undefined })
  await store.close()
  const tokens = async (...words: string[]) => {
    const { code, stdout, stderr } = await runCli(['tokens', ...words, '--json'], {
      env: { DATABASE_URL: database.url },
    })
    assert.deepEqual([code, stderr], [0, ''])
    return stdout
  }
  /** @returns when, by the clock of the database: the transaction had begun, and was committed after that */
  const revoke = async (...words: string[]) =>
    Date.parse((JSON.parse(await tokens('revoke', ...words)) as { revokedAt: string }).revokedAt)
  const tcp = [{ host: '127.0.0.1', port: 0, protocol: 'mux' }]
  const settings = { natsUrl: await natsUrl(), databaseUrl: database.url, tcp }
  const routers = await Promise.all([startRouter(t, settings), startRouter(t, settings)])
  await Promise.all(routers.map((router) => router.ready()))

  const headersOf = (token: string) => ({ authorization: `Bearer ${token}` })
  const open = (token: string) => {
    const credential = { headers: headersOf(token), token }
    return Promise.all(routers.map((router) => openLastingClients(router, backend, credential)))
  }
  const status = async (router: RouterProcess, token: string) => {
    const response = await fetch(`${router.url}/events`, { headers: headersOf(token) })
    await response.body?.cancel()
    return response.status
  }
  const old = await signToken(key, { jti: 'old' })
  const lost = await signToken(key, { sub: 'bob', jti: 'lost' })
  const other = await signToken(key, { sub: 'bob', jti: 'other' })
  const [ofOld, ofLost, ofOther] = [await open(old), await open(lost), await open(other)]

  await assertEndedSoon(ofOld, await revoke('--subject', 'alice'))
  for (const kept of [...ofLost, ...ofOther]) await kept.goOn()
  for (const router of routers) {
    assert.equal(await status(router, old), 401)
    // In the second of the revocation a token of the same second may be an old one.
    await eventually('a new token works', async () => (await status(router, await signToken(key))) === 200)
    assert.equal(await status(router, old), 401)
  }

  await assertEndedSoon(ofLost, await revoke('--id', 'lost'))
  for (const kept of ofOther) await kept.goOn()
  await tokens('restore', '--subject', 'alice')
  for (const router of routers) {
    await eventually('the old token works again', async () => (await status(router, old)) === 200)
    assert.deepEqual([await status(router, lost), await status(router, other)], [401, 200])
  }
  await assertEndedSoon(ofOther, await revoke('--subject', 'bob'))
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
