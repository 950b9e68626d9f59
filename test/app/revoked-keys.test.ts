import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { addApiKey, revokeApiKey } from '../../src/store/api-keys.ts'
import { applyRoutes } from '../../src/store/apply-routes.ts'
import { createTestStore } from '../store/migrated-database.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { assertEndedSoon, openLastingClients, startLastingBackend } from './revoked-clients.ts'
import { startRouter } from './router-process.ts'

const P = `t${process.pid}revokedkeys`

test('revoking an API key ends all that was opened with it, on every router, within a second of the commit', async (t) => {
  const backend = await startLastingBackend(t, P, [{ apiKey: {} }])
  const store = await createTestStore()
  t.after(() => store.drop())
  await applyRoutes(store.db, backend.routes, { author: 'test', comment: undefined })
  const keyOf = (subjectId: string) =>
    addApiKey(store.db, { name: subjectId, subjectId, scopes: [], expiresAt: undefined })
  const [lost, other] = [await keyOf('alice'), await keyOf('bob')]
  const tcp = [{ host: '127.0.0.1', port: 0, protocol: 'mux' }]
  const settings = { natsUrl: await natsUrl(), databaseUrl: store.url, tcp }
  const routers = await Promise.all([startRouter(t, settings), startRouter(t, settings)])
  await Promise.all(routers.map((router) => router.ready()))

  const headersOf = ({ key }: typeof lost) => ({ 'x-api-key': key })
  const open = (key: typeof lost) =>
    Promise.all(routers.map((router) => openLastingClients(router, backend, { headers: headersOf(key) })))
  const statuses = (key: typeof lost) =>
    Promise.all(
      routers.map(async ({ url }) => {
        const response = await fetch(`${url}/events`, { headers: headersOf(key) })
        await response.body?.cancel()
        return response.status
      }),
    )
  const revoke = async ({ id }: typeof lost) => {
    const { rows } = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(store.db)
    assert.ok(await revokeApiKey(store.db, id))
    return rows[0]!.at.getTime()
  }
  await eventually(
    'they know the keys',
    async () => `${await statuses(lost)} ${await statuses(other)}` === '200,200 200,200',
  )
  const [ofLost, ofOther] = [await open(lost), await open(other)]

  await assertEndedSoon(ofLost, await revoke(lost))
  for (const kept of ofOther) await kept.goOn()
  assert.deepEqual(
    [await statuses(lost), await statuses(other)],
    [
      [401, 401],
      [200, 200],
    ],
  )
  await assertEndedSoon(ofOther, await revoke(other))
})
