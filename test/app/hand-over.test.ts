import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { connect, type Msg, type NatsConnection } from 'nats'
import { query } from '../store/migrated-database.ts'
import { connectError } from '../support/connect-error.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { natsUrl, startNats } from '../support/nats.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import type { HandOverReport } from './hand-over-under-load.ts'
import { type RouterSettings, spawnRouter, startRouter, writeSettings } from './router-process.ts'

const P = `t${process.pid}handover`

/** A network of our own, in which the kernel hands the connections of a listener that closes to the others. */
const IN_OWN_NETWORK = [
  '-rn',
  'sh',
  '-c',
  'ip link set lo up && echo 1 >/proc/sys/net/ipv4/tcp_migrate_req && exec "$@"',
]
// Not of `needs`: what is missing may be a right, which no package gives.
const noOwnNetwork =
  spawnSync('unshare', [...IN_OWN_NETWORK, 'sh', 'true'], { stdio: 'ignore' }).status !== 0 &&
  'no network of one’s own here, for lack of unshare, ip, the right to it, or Linux 5.14'
const noSharing = process.platform !== 'linux' && 'ports are shared on Linux only'

describe('routers that share their ports', { skip: noSharing }, () => {
  let database: TestDatabase
  let nats: NatsConnection
  let slow: Msg | undefined

  before(async () => {
    database = await createTestDatabase({ migrated: true })
    await query(
      database.url,
      `insert into routes (name, path, subject, timeout) values
        ('here', '/here', 'here', '60s'), ('slow', '/slow', '${P}.slow', '60s')`,
    )
    await query(
      database.url,
      `insert into routes (name, kind, subject, body) values ('raw', 'tcp', '${P}.raw', 'stream')`,
    )
    nats = await connect({ servers: await natsUrl() })
    nats.subscribe('here', { callback: (_error, message) => void message.respond('here') })
    nats.subscribe(`${P}.slow`, {
      callback: (_error, message) => {
        slow = message
      },
    })
    await nats.flush()
  })
  after(async () => {
    await nats.close()
    await database.drop()
  })

  async function sharedSettings(): Promise<RouterSettings> {
    return {
      natsUrl: await natsUrl(),
      databaseUrl: database.url,
      httpPort: await freePort(),
      adminPort: await freePort(),
      tcp: [{ host: '127.0.0.1', port: await freePort(), reusePort: true, protocol: 'raw', route: 'raw' }],
      reusePort: true,
    }
  }

  test('a new one takes over the ports of an old one, which finishes what it has', async (t) => {
    const settings = await sharedSettings()
    const old = await startRouter(t, settings)
    const underWay = fetch(`${old.url}/slow`)
    const request = await eventually('the request', () => slow)

    const next = await startRouter(t, settings)
    assert.deepEqual([next.port, next.adminUrl], [old.port, old.adminUrl])
    old.signal('SIGTERM')
    await eventually('it drains', () => old.logged('info').includes('draining'))
    for (let i = 0; i < 20; i++) {
      assert.equal((await fetch(`${next.adminUrl}/readyz`)).status, 200)
      assert.equal(await (await fetch(`${next.url}/here`)).text(), 'here')
    }
    request.respond('at last')
    assert.equal(await (await underWay).text(), 'at last')
    assert.equal(await old.exitCode, 0)
    assert.equal((await next.readiness()).status, 200)
  })

  test('one listens when it is ready, and not before, and can be stopped while it waits', async (t) => {
    const natsPort = await freePort()
    const settings = { ...(await sharedSettings()), natsUrl: `nats://127.0.0.1:${natsPort}` }
    const waiting = spawnRouter(t, await writeSettings(settings))
    const isRefused = () => Promise.all([settings.httpPort!, settings.adminPort!].map(connectError))
    await eventually('it waits', () => waiting.log().some(({ msg }) => msg.startsWith('will listen')), {
      timeoutMs: 20_000,
    })
    assert.deepEqual(await isRefused(), ['ECONNREFUSED', 'ECONNREFUSED'])
    waiting.signal('SIGTERM')
    assert.equal(await waiting.exitCode, 0, waiting.output())

    const starting = startRouter(t, settings)
    const server = await startNats({ port: natsPort })
    t.after(() => server.stop())
    assert.equal((await (await starting).readiness()).status, 200)
  })

  test('no request is lost while one after the other takes over under load', { skip: noOwnNetwork }, async (t) => {
    const router = await startRouter(t, { natsUrl: await natsUrl(), databaseUrl: database.url })
    await router.ready()
    router.signal('SIGTERM')
    await router.exitCode
    const program = join(import.meta.dirname, 'hand-over-under-load.ts')
    const args = [...IN_OWN_NETWORK, 'sh', process.execPath, program, router.directory]
    const { TEST_NATS_URL: _, ...env } = process.env
    const { stdout } = await promisify(execFile)('unshare', args, { env, timeout: 100_000 })
    const report = JSON.parse(stdout) as HandOverReport
    t.diagnostic(stdout)
    assert.deepEqual(report.failures, {})
    assert.deepEqual(report.exitCodes, [0, 0, 0])
    assert.ok(report.answered > 500, `only ${report.answered} requests`)
  })
})
