import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReplyQueue } from '../../src/nats/reply-queue.ts'

test('a reply that waits is a copy, which keeps nothing else of its read alive', () => {
  const read = Buffer.alloc(64 * 1024, 'x')
  const queue = new ReplyQueue()
  queue.push(read.subarray(0, 1), undefined)
  const kept: Uint8Array[] = []
  const data = (chunk: Uint8Array) => kept.push(chunk) > 0
  assert.equal(queue.drainInto({ head() {}, data, end() {}, reset() {}, drained() {} }), true)
  assert.deepEqual([kept[0]?.toString(), kept[0]?.buffer.byteLength], ['120', 1])
})
