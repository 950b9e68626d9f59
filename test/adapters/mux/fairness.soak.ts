import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureFairness } from './fairness.ts'

for (const kind of ['ws', 'tcp'] as const) {
  test(`the p99 of a small request beside a download of 1 GiB over ${kind} is under 20 ms`, async (t) => {
    const { p99Ms } = await measureFairness(t, { kind, encoding: 'binary', downloadBytes: 1024 ** 3 })
    assert.ok(p99Ms < 20, `p99 is ${p99Ms.toFixed(1)} ms`)
  })
}
