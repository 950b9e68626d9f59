import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { checkClock } from '../../src/cli/doctor-database.ts'
import { natsUrl, startNats } from '../support/nats.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { runCli } from './run-cli.ts'

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
      assert.match(checks['nats inbox'] ?? '', /^fail .*_INBOX\.>/)
    } finally {
      await nats.stop()
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
