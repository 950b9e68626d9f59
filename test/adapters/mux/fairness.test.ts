import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { measureFairness } from './fairness.ts'

/** That is the bar of the 99th percentile in fairness.soak.ts: here other tests run on the same machine. */
const MAX_P50_MS = 20

describe('a small request beside a large download on one connection', () => {
  for (const kind of ['ws', 'tcp'] as const) {
    for (const encoding of ['json', 'binary'] as const) {
      test(`does not wait for it, over ${kind} in ${encoding}`, async (t) => {
        const { p50Ms } = await measureFairness(t, { kind, encoding, downloadBytes: 64 * 1024 * 1024 })
        assert.ok(p50Ms < MAX_P50_MS, `p50 is ${p50Ms.toFixed(1)} ms`)
      })
    }
  }
})
