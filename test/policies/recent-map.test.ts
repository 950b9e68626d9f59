import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RecentMap } from '../../src/policies/recent-map.ts'

describe('a map of what is recent', () => {
  test('never holds more than it may', () => {
    const map = new RecentMap<number, number>(10)
    for (let i = 0; i < 1000; i++) {
      map.set(i, i)
      assert.ok(map.size <= 10)
    }
    assert.equal(map.get(999), 999)
    assert.equal(map.get(989), undefined)
  })

  test('keeps what is asked for, whatever comes', () => {
    const map = new RecentMap<string, number>(4)
    map.set('kept', 1)
    for (let i = 0; i < 100; i++) {
      map.set(`other-${i}`, i)
      assert.equal(map.get('kept'), 1)
    }
  })

  test('forgets at once what is deleted, and nothing else', () => {
    const map = new RecentMap<string, number>(4)
    for (const key of ['a', 'b', 'c', 'a']) map.set(key, 1)
    map.delete('b')
    assert.deepEqual(
      ['a', 'b', 'c'].map((key) => map.get(key)),
      [1, undefined, 1],
    )
  })
})
