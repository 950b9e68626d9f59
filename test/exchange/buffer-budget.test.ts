import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BufferBudget, type BufferBudgetOptions } from '../../src/exchange/buffer-budget.ts'

function start(options: Partial<BufferBudgetOptions>) {
  const hits: string[] = []
  const observer = { onLimit: (limit: string, remote: string) => void hits.push(`${limit} ${remote}`) }
  return { budget: new BufferBudget({ ...options, observer }), hits }
}

describe('the bytes that wait', () => {
  test('are as many as all clients may have, and what comes beyond still counts until it is gone', () => {
    const { budget, hits } = start({ maxBytes: 10 })
    assert.ok(budget.hold(4, '192.0.2.1'))
    assert.ok(budget.hold(6, '192.0.2.2'))
    assert.ok(!budget.hold(1, '192.0.2.3'))
    assert.deepEqual([budget.heldBytes, budget.addresses], [11, 3])
    // Less is never too much.
    assert.ok(budget.hold(-1, '192.0.2.3'))
    assert.ok(budget.hold(-4, '192.0.2.1') && budget.hold(-6, '192.0.2.2'))
    assert.deepEqual([budget.heldBytes, budget.addresses], [0, 0])
    assert.deepEqual(hits, ['buffered_bytes 192.0.2.3'])
  })

  test('are as many as one address may have, which of IPv6 is 64 bits, and leave the rest to others', () => {
    const { budget, hits } = start({ maxBytesPerAddress: 10 })
    assert.ok(budget.hold(4, '2001:db8::1'))
    assert.ok(budget.hold(6, '2001:db8::2'))
    assert.ok(budget.hold(10, '192.0.2.1'))
    assert.ok(!budget.hold(1, '2001:db8::3'))
    assert.ok(!budget.hold(1, '192.0.2.1'))
    assert.ok(budget.hold(10, '192.0.2.2'))
    assert.deepEqual(hits, ['buffered_bytes_per_ip 2001:db8::3', 'buffered_bytes_per_ip 192.0.2.1'])
  })

  test('of a proxy are those of many clients', () => {
    const { budget, hits } = start({ maxBytesPerAddress: 10, isProxy: (address) => address === '192.0.2.1' })
    assert.ok(budget.hold(1000, '192.0.2.1'))
    assert.ok(!budget.hold(11, '192.0.2.2'))
    assert.equal(hits.length, 1)
  })

  test('are as many as one connection may have with all of its exchanges, and count with all others', () => {
    const { budget, hits } = start({ maxBytes: 15, maxBytesPerConnection: 10 })
    const [one, other] = [budget.forConnection(), budget.forConnection()]
    assert.ok(one.hold(4, 'a') && one.hold(6, 'a'))
    assert.ok(!one.hold(1, 'a'))
    assert.ok(one.hold(-1, 'a'))
    assert.ok(other.hold(5, 'a'))
    assert.ok(!other.hold(1, 'a'))
    assert.deepEqual(hits, ['buffered_bytes_per_connection a', 'buffered_bytes a'])
    assert.equal(budget.heldBytes, 16)
  })
})
