import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { createAuthority, temporaryFiles } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { startNats } from '../support/nats.ts'
import { needs } from '../support/needs.ts'
import { startPostgres } from '../support/postgres.ts'
import { spawnRouter, temporaryDirectory } from './router-process.ts'

const skip = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')

const NATS_PASSWORD = 's3cret-of-nats'
const ADMIN_TOKEN = 's3cret-of-an-operator'
const COLLECTOR_TOKEN = 's3cret-of-a-collector'
const CREDENTIALS = ['s3cret-bearer', 's3cret-cookie', 's3cret-key', 's3cret-query']

/** A router that logs all it can, with secrets of every kind, from its start to its end. */
async function start(t: TestContext, natsUrl: string, databaseUrl: string, env: NodeJS.ProcessEnv = {}) {
  const home = await temporaryDirectory()
  const pair = createAuthority(temporaryFiles(t)).issue('server')
  const { password } = new URL(databaseUrl)
  writeFileSync(join(home, 'token'), ADMIN_TOKEN)
  writeFileSync(join(home, 'password'), password)
  const config = {
    listen: {
      http: { host: '127.0.0.1', port: 0 },
      admin: { port: 0, tokenFile: 'token' },
      tcp: [{ host: '127.0.0.1', port: 0, protocol: 'mux', tls: pair }],
    },
    nats: { servers: [natsUrl] },
    database: { url: databaseUrl.replace(`:${password}@`, '@'), passwordFile: 'password' },
    drain: { delay: '0s', timeout: '1s' },
    log: { level: 'trace' },
  }
  // JSON is YAML.
  writeFileSync(join(home, 'router.yaml'), JSON.stringify(config))
  const router = spawnRouter(t, home, env)
  const says = (message: RegExp) =>
    eventually(String(message), () => router.log().find(({ msg }) => message.test(msg)), { timeoutMs: 30_000 })
  // It does not, unless it fails at once.
  const ended = router.exitCode.then((code) => assert.fail(`it ended with ${code}: ${router.output()}`))
  const { http, admin } = await Promise.race([says(/^listening on/), ended])
  return {
    says,
    url: `http://127.0.0.1:${http}`,
    adminUrl: `http://127.0.0.1:${admin}`,
    pair,
    /** Ends it, and looks at all that it has said. */
    async assertNothingTold() {
      router.signal('SIGTERM')
      await router.exitCode
      const key = readFileSync(pair.key, 'utf8').split('\n')[1]!
      for (const secret of [NATS_PASSWORD, ADMIN_TOKEN, COLLECTOR_TOKEN, password, key, ...CREDENTIALS]) {
        assert.equal(router.output().includes(secret), false, `the log has ${secret}`)
      }
      assert.doesNotMatch(router.output(), /PRIVATE KEY|SEED/)
    },
  }
}

/** Requests that fail, with credentials wherever clients have them. */
async function ask(url: string, adminUrl: string): Promise<void> {
  const headers = { authorization: 'Bearer s3cret-bearer', cookie: 'a=s3cret-cookie', 'x-api-key': 's3cret-key' }
  await fetch(`${url}/nowhere?token=s3cret-query`, { method: 'POST', body: 's3cret-bearer', headers })
  const wrong = await fetch(`${adminUrl}/api/routes?token=s3cret-query`, { headers })
  assert.equal(wrong.status, 401)
  const right = await fetch(`${adminUrl}/api/routes`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
  assert.equal(right.status, 200)
}

/** A collector that takes no spans, and says back what it got. */
async function startHostileCollector(t: TestContext) {
  const tokens: (string | undefined)[] = []
  const server = createServer((req, res) => {
    tokens.push(req.headers.authorization)
    res.writeHead(401, { 'content-type': 'text/plain', 'www-authenticate': req.headers.authorization ?? '' })
    res.end(`not with ${req.headers.authorization}`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { tokens, endpoint: `http://127.0.0.1:${port}` }
}

describe('the log of a router has no secret', { skip, concurrency: true }, () => {
  test('while it works, loses its servers and stops', async (t) => {
    const nats = await startNats({ args: ['--user', 'router', '--pass', NATS_PASSWORD] })
    t.after(() => nats.stop())
    const postgres = await startPostgres()
    t.after(() => postgres.close())
    const router = await start(t, nats.url.replace('//', `//router:${NATS_PASSWORD}@`), postgres.url)
    await eventually(
      'it has NATS',
      async () => !(await (await fetch(`${router.adminUrl}/readyz`)).text()).includes('NATS'),
    )
    await ask(router.url, router.adminUrl)
    await Promise.all([nats.kill(), postgres.kill()])
    await router.says(/NATS is gone/)
    await ask(router.url, router.adminUrl)
    writeFileSync(router.pair.key, readFileSync(router.pair.key, 'utf8').replaceAll('A', 'B'))
    await router.says(/TLS certificate has changed and cannot be used/)
    await router.assertNothingTold()
  })

  test('while its credentials are refused, and when a file of them cannot be read', async (t) => {
    const nats = await startNats({ args: ['--user', 'router', '--pass', 'another'] })
    t.after(() => nats.stop())
    const postgres = await startPostgres()
    t.after(() => postgres.close())
    const database = new URL(postgres.url)
    database.password = 's3cret-of-postgres'
    const router = await start(t, nats.url.replace('//', `//router:${NATS_PASSWORD}@`), database.href)
    await router.says(/no connection with NATS, .* refuses our credentials/)
    await router.says(/database|routing table/i)
    await ask(router.url, router.adminUrl)
    await router.assertNothingTold()

    const creds = join(temporaryFiles(t), 'router.creds')
    writeFileSync(creds, `-----BEGIN USER NKEY SEED-----\n${NATS_PASSWORD}\n------END USER NKEY SEED------\n`)
    const other = await start(t, nats.url, database.href, { NATS_CREDS: creds })
    await other.says(/no connection with NATS, .* credentials file holds no credentials/)
    await other.assertNothingTold()
  })

  test('while a collector refuses its spans, and where the fields for it cannot be sent', async (t) => {
    const { tokens, endpoint } = await startHostileCollector(t)
    for (const value of [`Bearer%20${COLLECTOR_TOKEN}`, `Bearer%20${COLLECTOR_TOKEN}%0d%0ax`, COLLECTOR_TOKEN]) {
      const router = await start(t, 'nats://127.0.0.1:1', 'postgres://u:s3cret-of-postgres@127.0.0.1:1/d', {
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
        OTEL_EXPORTER_OTLP_HEADERS: value === COLLECTOR_TOKEN ? value : `authorization=${value}`,
        OTEL_BSP_SCHEDULE_DELAY: '50',
      })
      await ask(router.url, router.adminUrl)
      await router.says(/^tracing: /)
      await router.assertNothingTold()
    }
    // It is used, and not only kept from the log.
    assert.ok(tokens.includes(`Bearer ${COLLECTOR_TOKEN}`), String(tokens))
  })
})
