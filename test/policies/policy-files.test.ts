import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { CLOSED_SIDE } from '../../src/exchange/closed-side.ts'
import { createPolicies } from '../../src/policies/policies.ts'
import { fileFault, filesOf } from '../../src/policies/policy-files.ts'
import type { PolicySpec } from '../../src/policies/policy-list.ts'
import { eventually } from '../support/eventually.ts'
import { testRoute } from '../support/test-route.ts'
import { policyContext } from './policy-stage.ts'

describe('the files of policies', () => {
  let directory: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'engine-router-policy-files-'))
    await writeFile(join(directory, 'there'), '')
  })
  after(() => rm(directory, { recursive: true }))

  const jwt = (options: object): PolicySpec => ({ kind: 'jwt', options })

  test('are those that its options name, and no addresses', () => {
    assert.deepEqual(filesOf(jwt({ jwks: 'a.json' })), ['a.json'])
    assert.deepEqual(filesOf(jwt({ publicKeyFile: '/b.pem' })), ['/b.pem'])
    assert.deepEqual(filesOf(jwt({ secretFile: 'c' })), ['c'])
    assert.deepEqual(filesOf(jwt({ jwks: 'https://issuer.example/jwks' })), [])
    assert.deepEqual(filesOf({ kind: 'headers', options: {} }), [])
    assert.deepEqual(filesOf({ kind: 'off', options: 'jwt' }), [])
  })

  test('are told from those that are not there, or cannot be reached', async () => {
    assert.equal(await fileFault(join(directory, 'there')), undefined)
    assert.equal(await fileFault(join(directory, 'none')), 'does not exist')
    assert.match((await fileFault(join(directory, 'there', 'below'))) ?? '', /^cannot be read: ENOTDIR/)
  })

  test('that are not there are warned of when a table is loaded, once for each, and not again with the next', async () => {
    const warnings: object[] = []
    const logger = { debug() {}, info() {}, error() {}, warn: (fields: object) => void warnings.push(fields) }
    const policies = createPolicies({ ...policyContext(), logger })
    const service = { dispatch: () => CLOSED_SIDE }
    const load = (names: readonly string[]) => {
      const specs = names.map((name) => jwt({ secretFile: join(directory, name) }))
      for (const route of ['a', 'b']) policies.protect(testRoute({ name: route }), specs, service)
      policies.settle()
    }
    load(['there', 'none'])
    await eventually('a warning', () => warnings.length > 0)
    load(['there', 'none'])
    load(['there', 'none', 'neither'])
    await eventually('another', () => warnings.length > 1)
    assert.deepEqual(warnings, [
      { route: 'a', policy: 'jwt', file: join(directory, 'none') },
      { route: 'a', policy: 'jwt', file: join(directory, 'neither') },
    ])
    policies.close()
  })
})
