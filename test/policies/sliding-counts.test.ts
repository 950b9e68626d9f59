import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SlidingCounts } from '../../src/policies/sliding-counts.ts'

test('counts all of the last nine tenths of a window, and nothing older than the window', () => {
  const events = fc.array(fc.record({ pauseMs: fc.integer({ min: 0, max: 400 }), isFailure: fc.boolean() }))
  fc.assert(
    fc.property(events, (events) => {
      const counts = new SlidingCounts(1000)
      const seen: { atMs: number; isFailure: boolean }[] = []
      let nowMs = 5000
      for (const { pauseMs, isFailure } of events) {
        nowMs += pauseMs
        counts.add(nowMs, isFailure)
        seen.push({ atMs: nowMs, isFailure })
        const since = (ms: number) => seen.filter(({ atMs }) => atMs > nowMs - ms)
        assert.ok(counts.exchanges >= since(900).length && counts.exchanges <= since(1000).length)
        const failures = (ms: number) => since(ms).filter((event) => event.isFailure).length
        assert.ok(counts.failures >= failures(900) && counts.failures <= failures(1000))
      }
    }),
  )
})
