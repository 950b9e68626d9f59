import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import { TlsIdentity } from '../../../src/adapters/tls/tls-identity.ts'
import type { Logger } from '../../../src/exchange/logger.ts'
import { createAuthority, type IssueOptions, temporaryFiles } from '../../support/certificates.ts'
import { eventually } from '../../support/eventually.ts'
import { needs } from '../../support/needs.ts'
import { silentLogger } from '../../support/silent-logger.ts'

const skip = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')

describe('the certificate of a listener', { skip }, () => {
  async function load(t: TestContext, options: IssueOptions) {
    const authority = createAuthority(temporaryFiles(t))
    const pair = authority.issue('live', options)
    const warnings: string[] = []
    const logger: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message) }
    const identity = await TlsIdentity.load({ ...pair, clientCa: undefined, clientAuth: 'none' }, logger, 20)
    t.after(() => identity.close())
    const replace = (name: string, issued: IssueOptions) => {
      const next = authority.issue(name, issued)
      copyFileSync(next.key, pair.key)
      copyFileSync(next.cert, pair.cert)
    }
    return { identity, warnings, replace }
  }
  const daysLeft = ({ expiresAtMs }: TlsIdentity) => Math.round((expiresAtMs - Date.now()) / 86_400_000)

  test('is warned of at load when it has less than three weeks, or has expired', async (t) => {
    const long = await load(t, { days: 22 })
    assert.deepEqual([daysLeft(long.identity), long.warnings], [22, []])
    const short = await load(t, { days: 20 })
    assert.equal(daysLeft(short.identity), 20)
    assert.match(short.warnings.join(), /^the TLS certificate expires soon: /)
    const expired = await load(t, { expired: true })
    assert.equal(daysLeft(expired.identity), -1)
    assert.match(expired.warnings.join(), /^the TLS certificate has expired: /)
  })

  test('is looked at again when it is replaced', async (t) => {
    const { identity, warnings, replace } = await load(t, { days: 90 })
    replace('short', { days: 5 })
    await eventually('the short one is read', () => daysLeft(identity) === 5)
    assert.match(warnings.at(-1)!, /expires soon/)
    const before = warnings.length
    replace('long', { days: 60 })
    await eventually('the long one is read', () => daysLeft(identity) === 60)
    assert.equal(warnings.slice(before).filter((message) => /expires/.test(message)).length, 0)
  })
})
