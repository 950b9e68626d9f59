import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { measureFairness } from './fairness.ts'

/**
 * What may be in front of a small answer: the window of the download's backend, on the way over NATS. In bytes, as time
 * depends on what else this machine does; see fairness.soak.ts for that.
 */
const MAX_P50_BYTES = 1.5 * 1024 * 1024

describe('a small request beside a large download on one connection', () => {
  for (const kind of ['ws', 'tcp'] as const) {
    for (const encoding of ['json', 'binary'] as const) {
      test(`does not wait for it, over ${kind} in ${encoding}`, async (t) => {
        const { p50Bytes } = await measureFairness(t, { kind, encoding, downloadBytes: 64 * 1024 * 1024 })
        assert.ok(p50Bytes <= MAX_P50_BYTES, `${p50Bytes} bytes of the download came first`)
      })
    }
  }
})
