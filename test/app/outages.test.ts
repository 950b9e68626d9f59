import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import { openDatabase } from '../../src/store/database.ts'
import { migrateUp } from '../../src/store/migrations.ts'
import { query } from '../store/migrated-database.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { natsUrl, startNats } from '../support/nats.ts'
import { createTestDatabase, startPostgres, type TestDatabase, type TestPostgres } from '../support/postgres.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { type RouterProcess, startRouter, temporaryDirectory } from './router-process.ts'

const AT_ONCE_MS = 1000

// Each waits for a server of its own to be missed.
describe('outages', { concurrency: true }, () => {
  describe('a router whose NATS comes and goes', () => {
    let database: TestDatabase
    before(async () => {
      database = await createTestDatabase({ migrated: true })
      await query(database.url, `insert into routes (name, path, subject) values ('echo', '/echo', 'echo')`)
    })
    after(() => database.drop())

    /** The code of the error, which must come long before the route's timeout. */
    async function refusal(router: RouterProcess) {
      const beganMs = performance.now()
      const response = await fetch(`${router.url}/echo`)
      const { code } = (await response.json()) as { code: string }
      assert.ok(performance.now() - beganMs < AT_ONCE_MS, 'the refusal took long')
      return `${response.status} ${code}`
    }

    test('starts without it, says so once, is live but not ready, and serves when it comes and comes back', async (t) => {
      const port = await freePort()
      const router = await startRouter(t, { natsUrl: `nats://127.0.0.1:${port}`, databaseUrl: database.url })
      await eventually('a table', async () => (await router.readiness()).reasons.length === 1)
      assert.deepEqual(await router.readiness(), { status: 503, reasons: ['NATS is not connected'] })
      assert.equal((await fetch(`${router.adminUrl}/healthz`)).status, 200)
      assert.equal(await refusal(router), '503 nats_unavailable')
      const unreachable = () => router.logged('error').filter((message) => message.includes('NATS is not reachable'))
      assert.equal(unreachable().length, 1)

      const serve = async () => {
        const nats = await startNats({ port })
        t.after(() => nats.stop())
        const responder = await connect({ servers: nats.url, reconnect: false })
        t.after(() => responder.close())
        responder.subscribe('echo', { callback: (_error, message) => void message.respond('here') })
        await responder.flush()
        await router.ready()
        assert.equal(await (await fetch(`${router.url}/echo`)).text(), 'here')
        return nats
      }
      const nats = await serve()
      assert.equal(unreachable().length, 1)
      assert.ok(router.logged('info').includes('NATS is reachable'))

      await nats.kill()
      await eventually('not ready', async () => (await router.readiness()).status === 503)
      assert.equal((await fetch(`${router.adminUrl}/healthz`)).status, 200)
      assert.equal(await refusal(router), '503 nats_unavailable')

      await serve()
      const about = (text: string) => router.log().filter(({ msg }) => msg.includes(text)).length
      await eventually('the log says so', () => about('NATS is back') > 0)
      assert.deepEqual([about('NATS is gone'), about('NATS is back')], [1, 1])
    })
  })

  describe('a router whose Postgres comes and goes', () => {
    let postgres: TestPostgres
    let nats: NatsConnection
    const subject = `t${process.pid}outage`
    before(async () => {
      postgres = await startPostgres()
      nats = await connect({ servers: await natsUrl() })
      nats.subscribe(`${subject}.*`, {
        callback: (_error, message) => void message.respond(message.subject.slice(subject.length + 1)),
      })
      const database = openDatabase(postgres.url, { logger: silentLogger, maxConnections: 1 })
      await migrateUp(database.db)
      await database.close()
      await query(postgres.url, `insert into routes (name, path, subject) values ('who', '/who', '${subject}.first')`)
      await postgres.stop()
    })
    after(async () => {
      await nats.close()
      await postgres.close()
    })

    const who = async (router: RouterProcess) => (await fetch(`${router.url}/who`)).text()
    const unreadable = (router: RouterProcess) => router.logged('error').filter((line) => line.includes('not readable'))
    const loadedFrom = (router: RouterProcess) =>
      router
        .log()
        .filter(({ msg }) => msg === 'routing table loaded')
        .map(({ source }) => source)

    test('starts without it, serves when it comes, goes on when it goes, and starts from disk', async (t) => {
      const directory = await temporaryDirectory()
      const settings = { natsUrl: await natsUrl(), databaseUrl: postgres.url }
      const router = await startRouter(t, settings, directory)
      await eventually('only the table is missing', async () => (await router.readiness()).reasons.length === 1)
      assert.deepEqual(await router.readiness(), { status: 503, reasons: ['no routing table is loaded'] })
      assert.equal((await fetch(`${router.adminUrl}/healthz`)).status, 200)
      // Not 404: nobody can say yet that the route is not there.
      assert.equal((await fetch(`${router.url}/who`)).status, 503)
      await eventually('the complaint', () => unreadable(router).length > 0)

      await postgres.start()
      await router.ready()
      assert.equal(await who(router), 'first')
      // Several attempts have failed by now, all for the same reason, or for "starting up" in the last moment.
      assert.equal(unreadable(router).filter((line) => line.includes('ECONNREFUSED')).length, 1)

      const complaints = unreadable(router).length
      await postgres.kill()
      await eventually('it has noticed', () => unreadable(router).length > complaints)
      assert.equal((await router.readiness()).status, 200)
      assert.equal(await who(router), 'first')

      const second = await startRouter(t, settings, directory)
      await second.ready()
      assert.equal(await who(second), 'first')
      assert.deepEqual(loadedFrom(second), ['cache'])

      await postgres.start()
      await query(postgres.url, `update routes set subject = '${subject}.second'`)
      for (const each of [router, second]) {
        await eventually('the change', async () => (await who(each)) === 'second', { timeoutMs: 15_000 })
      }
      for (const each of [router, second]) assert.equal(loadedFrom(each).at(-1), 'database')
    })
  })
})
