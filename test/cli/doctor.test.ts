import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import { checkClock } from '../../src/cli/doctor-database.ts'
import { subjectCovers } from '../../src/cli/doctor-subjects.ts'
import { applyRoutes } from '../../src/store/apply-routes.ts'
import { openDatabase } from '../../src/store/database.ts'
import { createAuthority, type KeyPair } from '../support/certificates.ts'
import { natsUrl, startNats } from '../support/nats.ts'
import { needs } from '../support/needs.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { runCli } from './run-cli.ts'

const noOpenssl = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')

interface Report {
  readonly code: number
  readonly ok: boolean
  /** `result detail -> advice` by what was checked. */
  readonly checks: Readonly<Record<string, string>>
}

describe('engine-router doctor', () => {
  let cwd: string
  let database: TestDatabase
  let env: NodeJS.ProcessEnv

  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'engine-router-doctor-'))
    database = await createTestDatabase({ migrated: true })
    env = { NATS_URL: await natsUrl(), DATABASE_URL: database.url }
  })
  after(async () => {
    await database.drop()
    await rm(cwd, { recursive: true })
  })

  async function examine(more: NodeJS.ProcessEnv = {}): Promise<Report> {
    const { code, stdout } = await runCli(['doctor', '--json'], { env: { ...env, ...more }, cwd })
    const { ok, checks } = JSON.parse(stdout)
    return { code, ok, checks: Object.fromEntries(checks.map(line)) }
  }

  test('finds a sound set-up sound, and says that there are no routes', async () => {
    const { code, ok, checks } = await examine()
    assert.equal(code, 0)
    assert.equal(ok, true)
    for (const check of ['settings', 'node', 'http server', 'nats', 'nats version', 'nats payload', 'nats inbox']) {
      assert.match(checks[check] ?? '', /^ok /, check)
    }
    for (const check of ['nats no responders', 'postgres', 'clock', 'migrations'])
      assert.match(checks[check] ?? '', /^ok /, check)
    assert.match(checks.routes ?? '', /^warn there are none -> .*routes apply/)
  })

  test('prints a line for each check, and what to do below it', async () => {
    const { code, stdout } = await runCli(['doctor'], { env, cwd })
    assert.equal(code, 0)
    assert.match(stdout, /^ok +settings +can be used$/m)
    assert.match(stdout, /^warn +routes +there are none\n +-> apply some/m)
  })

  test('fails when NATS and Postgres are away, within its deadline and without secrets', async () => {
    const { code, ok, checks } = await examine({
      NATS_URL: 'nats://me:s3cret@127.0.0.1:1',
      DATABASE_URL: 'postgres://me:s3cret@127.0.0.1:1/x',
    })
    assert.equal(code, 1)
    assert.equal(ok, false)
    assert.match(checks.nats ?? '', /^fail .*NATS_URL/)
    assert.match(checks.postgres ?? '', /^fail .*DATABASE_URL/)
    assert.doesNotMatch(JSON.stringify(checks), /s3cret/)
  })

  test('says which files of policies are not there, and nothing where none are named', async () => {
    const secretFile = 'secrets/hmac'
    const routes = [{ name: 'safe', match: { path: '/a' }, subject: 'a', policies: [{ jwt: { secretFile } }] }]
    assert.equal((await examine()).checks['policy files'], undefined)
    const { db, close } = openDatabase(database.url, { logger: silentLogger })
    try {
      await applyRoutes(db, routes, { author: 'test' })
      const path = join(cwd, secretFile)
      const expected = new RegExp(`^warn ${path}, for jwt of route safe, does not exist -> put it`)
      assert.match((await examine()).checks['policy files'] ?? '', expected)
      await mkdir(join(cwd, 'secrets'))
      await writeFile(path, 'x'.repeat(32))
      assert.match((await examine()).checks['policy files'] ?? '', /^ok 1 can be read/)
    } finally {
      await applyRoutes(db, [], { author: 'test' })
      await close()
    }
  })

  test('looks at the certificate of each listener with TLS', { skip: noOpenssl }, async () => {
    const authority = createAuthority(cwd)
    const file = join(cwd, 'tls.yaml')
    const tls = (pair: KeyPair) => `tls: { cert: ${pair.cert}, key: ${pair.key} }`
    const [good, soon] = [authority.issue('good', { days: 30 }), authority.issue('soon', { days: 20 })]
    const late = authority.issue('late', { expired: true })
    await writeFile(
      file,
      `listen:
  http: { ${tls(good)} }
  tcp:
    - { port: 7000, protocol: mux }
    - { port: 7001, protocol: mux, ${tls(soon)} }
    - { port: 7002, protocol: mux, ${tls(late)} }
    - { port: 7003, protocol: mux, ${tls({ cert: good.cert, key: soon.key })} }
`,
    )
    const { code, checks } = await examine({ ENGINE_ROUTER_CONFIG: file })
    assert.equal(code, 1)
    assert.match(checks['certificate http'] ?? '', /^ok .*good\.crt expires at /)
    assert.match(checks['certificate tcp1'] ?? '', /^warn .*soon\.crt expires at .* -> put a new one/)
    assert.match(checks['certificate tcp2'] ?? '', /^fail .*late\.crt expired at .* -> put a new one/)
    assert.match(checks['certificate tcp3'] ?? '', /^fail cannot use the TLS certificate .*good\.crt with .*soon\.key/)
    assert.equal('certificate tcp0' in checks, false)
  })

  test('fails when the tables are missing', async () => {
    const empty = await createTestDatabase()
    try {
      const { code, checks } = await examine({ DATABASE_URL: empty.url })
      assert.equal(code, 1)
      assert.match(checks.postgres ?? '', /^ok /)
      assert.match(checks.migrations ?? '', /^fail not applied: .*migrate up/)
    } finally {
      await empty.drop()
    }
  })

  test('fails when the user may not use the inbox', async () => {
    const file = join(cwd, 'restricted.conf')
    await writeFile(
      file,
      'authorization { users: [{ user: u, password: p, permissions: { publish: ["x.>"], subscribe: ["x.>"] } }] }\n',
    )
    const nats = await startNats({ args: ['-c', file] })
    try {
      const { code, checks } = await examine({ NATS_URL: nats.url.replace('//', '//u:p@') })
      assert.equal(code, 1)
      assert.match(checks.nats ?? '', /^ok /)
      assert.match(checks['nats inbox'] ?? '', /^fail this user may not subscribe to _INBOX\.>/)
    } finally {
      await nats.stop()
    }
  })

  describe('with routes and a server of its own', () => {
    let routed: TestDatabase
    before(async () => {
      routed = await createTestDatabase({ migrated: true })
      const { db, close } = openDatabase(routed.url, { logger: silentLogger, maxConnections: 1 })
      const routes = [
        { name: 'orders', match: { path: '/orders/{region}' }, subject: 'orders.{region}.create' },
        { name: 'files', match: { path: '/files/{path...}' }, subject: 'files.{path}' },
        { name: 'fixed', match: { path: '/fixed' }, subject: 'fixed' },
      ]
      await applyRoutes(db, routes, { author: 'test', comment: undefined })
      await close()
    })
    after(() => routed.drop())

    /** Examines as user `u`, beside what another client does as `all`, who may do all. */
    async function examineServer(t: TestContext, permissions: string, prepare: (all: NatsConnection) => Promise<void>) {
      const directory = await mkdtemp(join(cwd, 'nats-'))
      const file = join(directory, 'nats.conf')
      const users = `{ user: all, password: p }, { user: u, password: p, permissions: ${permissions} }`
      await writeFile(file, `jetstream { store_dir: "${directory}" }\nauthorization { users: [${users}] }\n`)
      const nats = await startNats({ args: ['-c', file] })
      t.after(() => nats.stop())
      const all = await connect({ servers: nats.url, user: 'all', pass: 'p' })
      t.after(() => all.close())
      await prepare(all)
      return examine({ NATS_URL: nats.url.replace('//', '//u:p@'), DATABASE_URL: routed.url })
    }

    /** Of the same user: nats-server answers this itself from 2.10 on. */
    function tellPermissions(all: NatsConnection, publish: { readonly allow?: string[]; readonly deny?: string[] }) {
      const answer = JSON.stringify({ server: {}, data: { user: 'u', account: '$G', permissions: { publish } } })
      all.subscribe('$SYS.REQ.USER.INFO', { callback: (_error, message) => void message.respond(answer) })
      return all.flush()
    }

    test('says to which subjects of routes a user may not publish', async (t) => {
      const allow = [
        '_INBOX.>',
        'engine_router.doctor.>',
        '$SYS.REQ.USER.INFO',
        '$JS.API.>',
        'orders.*.create',
        'files.public.>',
      ]
      const permissions = `{ publish: ${JSON.stringify(allow)}, subscribe: ">" }`
      const { code, checks } = await examineServer(t, permissions, (all) => tellPermissions(all, { allow }))
      assert.equal(code, 1)
      assert.match(
        checks['nats publish'] ?? '',
        /^fail this user may not publish to fixed: .* -> let it publish to fixed$/,
      )
      assert.match(checks['nats service'] ?? '', /^ok /)
      assert.match(checks['nats streams'] ?? '', /^ok no stream/)
    })

    test('warns of subjects of which only some are allowed', async (t) => {
      const publish = { allow: ['>'], deny: ['files.secret.>', 'other'] }
      const permissions = `{ publish: ${JSON.stringify(publish)}, subscribe: ">" }`
      const { code, checks } = await examineServer(t, permissions, (all) => tellPermissions(all, publish))
      assert.equal(code, 0)
      assert.match(checks['nats publish'] ?? '', /^warn .*only to some of files\.>; .* -> let it publish to files\.>$/)
    })

    test('says what it could not find out, and what the micro service lacks', async (t) => {
      const permissions = '{ publish: ["_INBOX.>", "engine_router.doctor.>"], subscribe: "_INBOX.>" }'
      const { code, checks } = await examineServer(t, permissions, async () => {})
      assert.equal(code, 0)
      assert.match(
        checks['nats publish'] ?? '',
        /^warn the server does not tell .* -> make sure .*files\.>, fixed, orders\.\*\.create/,
      )
      assert.match(checks['nats streams'] ?? '', /^warn this user may not ask JetStream .* -> .*\$JS\.API\.>/)
      assert.match(
        checks['nats service'] ?? '',
        /^warn .*\$SRV\.\* and engine-router\.admin\.all\.\*.* -> .*nats\.service/,
      )
    })

    test('finds streams that would answer in the place of backends', async (t) => {
      const { code, checks } = await examineServer(t, '{ publish: ">", subscribe: ">" }', async (all) => {
        const { streams } = await all.jetstreamManager()
        await streams.add({ name: 'EUROPE', subjects: ['orders.eu.>'] })
        await streams.add({ name: 'SILENT', subjects: ['fixed'], no_ack: true })
        await streams.add({ name: 'APART', subjects: ['metrics.>'] })
      })
      assert.equal(code, 0)
      assert.match(
        checks['nats streams'] ?? '',
        /^warn JetStream answers .*: EUROPE takes orders\.\*\.create -> .*no_ack/,
      )
      assert.doesNotMatch(checks['nats streams'] ?? '', /SILENT|APART/)
    })
  })

  test('tells a pattern that takes all of another one from one that takes a part', () => {
    for (const [wide, narrow] of [
      ['>', 'a.b'],
      ['a.>', 'a.*.c'],
      ['a.*', 'a.b'],
      ['a.*', 'a.*'],
      ['a.>', 'a.>'],
      ['a.*.>', 'a.b.>'],
    ] as const) {
      assert.equal(subjectCovers(wide, narrow), true, `${wide} ${narrow}`)
    }
    for (const [wide, narrow] of [
      ['a.b', 'a.*'],
      ['a.*', 'a.>'],
      ['a.>', 'a'],
      ['a.*', 'a.b.c'],
      ['a.b.c', 'a.b'],
      ['a.*.>', 'a.>'],
    ] as const) {
      assert.equal(subjectCovers(wide, narrow), false, `${wide} ${narrow}`)
    }
  })

  for (const [maxPayload, result] of [
    [64 * 1024, 'warn'],
    [4 * 1024, 'fail'],
  ] as const) {
    test(`says ${result} of a server that takes ${maxPayload} bytes a message`, async () => {
      const file = join(cwd, `payload-${maxPayload}.conf`)
      await writeFile(file, `max_payload: ${maxPayload}\n`)
      const nats = await startNats({ args: ['-c', file] })
      try {
        const { checks } = await examine({ NATS_URL: nats.url })
        assert.match(checks['nats payload'] ?? '', new RegExp(`^${result} .* -> set max_payload`))
      } finally {
        await nats.stop()
      }
    })
  }

  test('tells a clock that is off from a slow answer', async () => {
    const times = (...ms: number[]) => {
      return () => ms.shift() ?? assert.fail('asked too often')
    }
    const check = async (sentMs: number, theirsMs: number, receivedMs: number) =>
      line(await checkClock(async () => theirsMs, times(sentMs, receivedMs)))[1]
    assert.match(await check(100_000, 101_000, 130_000), /^ok /)
    assert.match(await check(100_000, 102_000, 100_010), /^ok /)
    assert.match(await check(100_000, 103_010, 100_010), /^warn Postgres is 3\.0 s ahead of this machine -> .*NTP/)
    assert.match(await check(100_000, 90_000, 100_010), /^warn Postgres is 10\.0 s behind this machine -> .*NTP/)
  })

  test('does not hang on a server that does not answer', async () => {
    const nats = await startNats()
    nats.pause()
    try {
      const { code, checks } = await examine({ NATS_URL: nats.url })
      assert.equal(code, 1)
      assert.match(checks.nats ?? '', /^fail /)
    } finally {
      nats.resume()
      await nats.stop()
    }
  })

  test('reports settings that cannot be used, and still looks at the machine', async () => {
    const { code, checks } = await examine({ PORT: 'http' })
    assert.equal(code, 1)
    assert.match(checks.settings ?? '', /^fail PORT: expected a number; got "http" -> /)
    assert.match(checks.node ?? '', /^ok /)
    assert.equal(checks.nats, undefined)
  })
})

function line(finding: { check: string; result: string; detail: string; advice?: string }): [string, string] {
  const { check, result, detail, advice } = finding
  return [check, `${result} ${detail}${advice === undefined ? '' : ` -> ${advice}`}`]
}
