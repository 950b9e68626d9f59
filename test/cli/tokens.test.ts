import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { createTestStore, type TestStore } from '../store/migrated-database.ts'
import { runCli } from './run-cli.ts'

const DAY_MS = 86_400_000
const ISSUER = 'https://issuer.example'

interface Printed {
  readonly kind: string
  readonly value: string
  readonly issuer: string | null
  readonly revokedAt: string
  readonly expiresAt: string
  readonly reason: string | null
}

describe('tokens', () => {
  let store: TestStore
  const tokens = (...words: string[]) =>
    runCli(['tokens', ...words], { env: { DATABASE_URL: store.url, NO_COLOR: '1' } })
  const listed = async () => {
    const { stdout } = await tokens('list', '--json')
    return (JSON.parse(stdout) as { revocations: Printed[] }).revocations
  }
  const days = ({ revokedAt, expiresAt }: Printed) => (Date.parse(expiresAt) - Date.parse(revokedAt)) / DAY_MS

  before(async () => {
    store = await createTestStore()
  })

  afterEach(() => store.psql('delete from revocations'))

  after(() => store.drop())

  test('revoke says what routers do from now on, and until when', async () => {
    const subject = await tokens('revoke', '--subject', 'alice')
    assert.equal(subject.code, 0)
    assert.match(
      subject.stdout,
      /^revoked the tokens of alice issued until 20\S+Z: routers let nobody in with them until 20\S+Z\n$/,
    )
    const one = await tokens('revoke', '--id', 't1', '--issuer', ISSUER)
    assert.match(one.stdout, /^revoked the token t1 by https:\S+: routers let nobody in with it until 20\S+Z\n$/)
  })

  test('revoke keeps it for 30 days, or for as long as is asked, with the reason', async () => {
    const { stdout } = await tokens('revoke', '--subject', 'alice', '--json')
    const { revokedAt: _1, expiresAt: _2, ...rest } = JSON.parse(stdout) as Printed
    assert.deepEqual(rest, { kind: 'subject', value: 'alice', issuer: null, reason: null })
    await tokens('revoke', '--id=-t1', '--expires-in', '90d', '--reason', 'it was in a log')
    const [first, second] = await listed()
    assert.deepEqual([days(first!), days(second!)], [30, 90])
    assert.deepEqual([second?.value, second?.reason], ['-t1', 'it was in a log'])
  })

  test('list shows what is revoked, on one line each', async () => {
    assert.match((await tokens('list')).stdout, /^no token is revoked\n$/)
    await tokens('revoke', '--subject', 'alice', '--reason', 'left')
    await store.psql(`update revocations set reason = E'left\nthe company'`)
    await tokens('revoke', '--id', 't1', '--issuer', ISSUER)
    const lines = (await tokens('list')).stdout.split('\n')
    assert.equal(lines.length, 4)
    assert.match(lines[1]!, /^subject +alice +any +20\S+Z +20\S+Z +left the company$/)
    assert.match(lines[2]!, /^jti +t1 +https:\/\/issuer.example +20\S+Z +20\S+Z$/)
  })

  test('restore takes back what was revoked with the same options, and nothing else', async () => {
    await tokens('revoke', '--subject', 'alice', '--issuer', ISSUER)
    for (const other of [
      ['--subject', 'alice'],
      ['--id', 'alice', '--issuer', ISSUER],
      ['--subject', 'bob', '--issuer', ISSUER],
    ]) {
      const { code, stderr } = await tokens('restore', ...other)
      assert.equal(code, 1)
      assert.match(stderr, /nothing is revoked so; `tokens list` shows/)
    }
    assert.equal((await listed()).length, 1)
    const { stdout } = await tokens('restore', '--subject', 'alice', '--issuer', ISSUER)
    assert.match(stdout, /^restored the tokens of alice by https:\/\/issuer.example: /)
    assert.deepEqual(await listed(), [])
  })

  for (const [what, words, expected] of [
    ['neither a subject nor an id', ['revoke'], /one of --subject ID and --id JTI/],
    ['both', ['revoke', '--subject', 'a', '--id', 'b'], /one of --subject ID and --id JTI/],
    ['neither, to restore', ['restore'], /one of --subject ID and --id JTI/],
    ['a subject that no token can have', ['revoke', '--subject', 'bjørn'], /visible ASCII/],
    ['an empty id', ['revoke', '--id', ''], /--id has 1 to 256/],
    ['a huge id', ['revoke', '--id', 'x'.repeat(257)], /--id has 1 to 256/],
    ['an issuer of two lines', ['revoke', '--id', 'a', '--issuer', 'a\nb'], /--issuer has 1 to 256/],
    [
      'a duration without a unit',
      ['revoke', '--id', 'a', '--expires-in', '30'],
      /--expires-in 30: expected a duration/,
    ],
    ['no time at all', ['revoke', '--id', 'a', '--expires-in', '0'], /expected a duration/],
    ['a time beyond all dates', ['revoke', '--id', 'a', '--expires-in', '999999999d'], /expected a duration/],
    ['a reason of two lines', ['revoke', '--id', 'a', '--reason', 'a\nb'], /one line/],
    ['a subject without its option', ['revoke', 'alice'], /unexpected "alice"/],
  ] as const) {
    test(`${what} is bad usage`, async () => {
      const { code, stderr } = await tokens(...words)
      assert.equal(code, 2)
      assert.match(stderr, expected)
    })
  }
})
