import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { CONFIG_OPTIONS } from '../../src/cli/config-options.ts'
import type { VerbEntry } from '../../src/cli/verb.ts'
import { createTestStore, type TestStore } from '../store/migrated-database.ts'
import { runCli } from './run-cli.ts'

/** Takes the options, and has no use for them. */
const IDLE: VerbEntry = {
  name: 'idle',
  summary: 'Does nothing',
  load: () => Promise.resolve({ verb: { options: CONFIG_OPTIONS, run: () => Promise.resolve(0) } }),
}

describe('a password on the command line', () => {
  let store: TestStore
  before(async () => {
    store = await createTestStore()
  })

  after(() => store.drop())

  const warnings = (stderr: string) => stderr.split('\n').filter((line) => line.startsWith('warning:'))

  test('of the database works, and is warned of once beside the JSON', async () => {
    assert.notEqual(new URL(store.url).password, '')
    const { code, stdout, stderr } = await runCli(['routes', 'list', '--json', '--database-url', store.url])
    assert.equal(code, 0, stderr)
    assert.deepEqual(JSON.parse(stdout).routes, [])
    const [warning, ...more] = warnings(stderr)
    assert.match(warning!, /can see the password in --database-url .*: set DATABASE_URL, or .*database\.passwordFile/)
    assert.deepEqual(more, [])
    assert.equal(stderr.includes(new URL(store.url).password), false)
  })

  test('is also one that is a parameter of the URL', async () => {
    const { stderr } = await runCli(['routes', 'list', '--database-url', 'postgres://u@127.0.0.1:1/d?password=s3cret'])
    assert.equal(warnings(stderr).length, 1)
    assert.doesNotMatch(stderr, /s3cret/)
  })

  test('of NATS is warned of, and a token too, of any server of the list', async () => {
    for (const url of ['nats://me:s3cret@127.0.0.1:1', 's3cret@127.0.0.1', '127.0.0.1:1, tls://s3cret@127.0.0.1:1']) {
      const { stderr } = await runCli(['idle', '--nats-url', url], { entries: [IDLE] })
      const [warning, ...more] = warnings(stderr)
      assert.match(warning!, /can see the password in --nats-url .*: set NATS_URL, or .*--nats-creds/)
      assert.deepEqual(more, [])
      assert.doesNotMatch(stderr, /s3cret/)
    }
  })

  test('is none in a URL without one, or in the environment', async () => {
    const inEnvironment = await runCli(['routes', 'list'], { env: { DATABASE_URL: store.url } })
    assert.deepEqual([inEnvironment.code, inEnvironment.stderr], [0, ''])
    const words = ['idle', '--nats-url', 'nats://127.0.0.1:1,b', '--database-url', 'postgres://u@127.0.0.1:1/d?x=1']
    assert.equal((await runCli(words, { entries: [IDLE] })).stderr, '')
  })
})
