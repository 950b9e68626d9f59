import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Incoming } from '../../src/backend/incoming.ts'

describe('what a handler reads', () => {
  test('is one message of any number of parts, in order, which hold little beside their bytes', async () => {
    const incoming = new Incoming({ onRead() {}, onTooLarge: assert.fail, maxMessageBytes: 2 ** 20 })
    const sent = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251))
    const before = process.memoryUsage().arrayBuffers
    for (const byte of sent) {
      const read = Buffer.allocUnsafeSlow(1024).fill(byte)
      incoming.data(read.subarray(0, 1), { fin: false })
    }
    globalThis.gc?.()
    if (globalThis.gc !== undefined) assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 2 ** 20)
    incoming.data(new Uint8Array(0))
    const { value } = await incoming.next()
    assert.ok(sent.equals(value!.data))
  })
})
