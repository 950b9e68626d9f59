import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Stream } from '../../src/wire/stream.ts'

test('a chunk that waits for a full end is a copy, which keeps nothing else of its read alive', () => {
  const read = Buffer.alloc(64 * 1024, 'x')
  const kept: Uint8Array[] = []
  const stream = new Stream({
    role: 'backend',
    local: {
      data(chunk) {
        kept.push(chunk)
        return false
      },
      end() {},
      reset() {},
      drained() {},
    },
    send() {},
    onClosed() {},
    now: () => 0,
    sends: true,
    receives: true,
    windowBytes: 256 * 1024,
    credit: 0,
    maxBytes: 64 * 1024,
  })
  for (const seq of [1, 2]) stream.onFrame({ type: 'data', seq, payload: read.subarray(0, 1), meta: undefined })
  assert.equal(kept.length, 1)
  stream.drained()
  assert.deepEqual([kept[1]?.toString(), kept[1]?.buffer.byteLength], ['120', 1])
})
