import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { describeConfig, hideUserInfo } from '../../src/config/router-config.ts'

describe('describeConfig', () => {
  test('leaves out every secret and keeps the rest', async () => {
    const config = await loadConfig({
      flags: {},
      env: {
        NATS_URL: 'nats://user:s3cret@a:4222,nats://t0ken@b,c:4222',
        NATS_CREDS: '/run/s3cret.creds',
        ENGINE_ROUTER_ADMIN_TOKEN: 's3cret-of-an-operator',
        DATABASE_URL: 'postgres://user:s3cret@db:5432/x?password=s3cret&sslmode=require',
      },
      cwd: '/nowhere',
    })
    const set = { authorization: 'Bearer s3cret' }
    const policies = [{ kind: 'headers', options: { request: { set, remove: ['cookie'] } } }]
    const described = describeConfig({ ...config, policies })
    assert.deepEqual(described.policies[0]?.options, { request: { set: ['authorization'], remove: ['cookie'] } })
    assert.doesNotMatch(JSON.stringify(described), /s3cret|t0ken/)
    assert.deepEqual(described.nats.servers, ['nats://***@a:4222', 'nats://***@b', 'c:4222'])
    assert.equal(described.database.url, 'postgres://user:***@db:5432/x?password=***&sslmode=require')
    assert.deepEqual(described.limits, config.limits)
  })

  test('hides user info in front of a host without a scheme', () => {
    assert.equal(hideUserInfo('user:pass@host:4222'), '***@host:4222')
  })
})
