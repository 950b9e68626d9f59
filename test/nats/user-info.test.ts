import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { userInfoOf, withoutUserInfo } from '../../src/nats/user-info.ts'

describe('userInfoOf', () => {
  test('reads user and password, percent-decoded', () => {
    assert.deepEqual(userInfoOf(['nats://a:4222', 'nats://me:p%40ss:x@b:4222']), { user: 'me', pass: 'p@ss:x' })
  })

  test('takes what has no colon for a token', () => {
    assert.deepEqual(userInfoOf(['t0ken@host']), { token: 't0ken' })
  })

  test('finds nothing where there is none', () => {
    assert.deepEqual(userInfoOf(['nats://host:4222', 'host']), {})
  })
})

test('withoutUserInfo leaves scheme, host and port', () => {
  assert.equal(withoutUserInfo('nats://me:pass@host:4222'), 'nats://host:4222')
  assert.equal(withoutUserInfo('t0ken@host'), 'host')
  assert.equal(withoutUserInfo('host:4222'), 'host:4222')
})
