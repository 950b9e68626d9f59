import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { sql } from 'kysely'
import { openDatabase } from '../../src/store/database.ts'
import { explainDatabaseError } from '../../src/store/database-error.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { silentLogger } from '../support/silent-logger.ts'

/** A database behind a network that can be stopped. */
async function reach(
  t: TestContext,
  waits: { readonly connectTimeoutMs: number; readonly statementTimeoutMs: number },
) {
  const { url: direct, drop } = await createTestDatabase()
  const url = new URL(direct)
  const proxy = await startFaultProxy(t, Number(url.port))
  url.port = String(proxy.port)
  const database = openDatabase(url.href, { ...waits, logger: silentLogger, maxConnections: 1 })
  t.after(async () => {
    await database.close()
    await drop()
  })
  const ask = () =>
    sql`select 1`.execute(database.db).then(
      () => 'an answer',
      (error: unknown) => explainDatabaseError(error, url.href, waits),
    )
  return { proxy, ask }
}

test('of a database that takes a connection and says nothing, tells which it is, the wait and what to look at', async (t) => {
  const { proxy, ask } = await reach(t, { connectTimeoutMs: 100, statementTimeoutMs: 1000 })
  proxy.stall()
  assert.match(
    await ask(),
    new RegExp(`^the database at 127\\.0\\.0\\.1:${proxy.port} did not answer within 100ms: .*its log`),
  )
})

test('tells the same of one that falls silent later', async (t) => {
  const { proxy, ask } = await reach(t, { connectTimeoutMs: 5000, statementTimeoutMs: 100 })
  assert.equal(await ask(), 'an answer')
  proxy.stall()
  assert.match(await ask(), /did not answer within 1100ms: .*frozen or overloaded/)
})
