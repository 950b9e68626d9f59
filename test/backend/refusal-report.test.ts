import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RefusalReport } from '../../src/backend/refusal-report.ts'
import { ExchangeError } from '../../src/exchange/errors.ts'

test('refusals are told at the first one, and then once in ten seconds with how many there were', () => {
  const told: string[] = []
  let nowMs = 0
  const report = new RefusalReport({
    maxConcurrent: 7,
    onError(error, request) {
      assert.ok(error instanceof ExchangeError && error.code === 'busy')
      assert.equal(request, undefined)
      told.push(error.message)
    },
    now: () => nowMs,
  })
  report.onRefused('draining')
  assert.deepEqual(told, [])
  for (let i = 0; i < 3; i++) report.onRefused('busy')
  nowMs = 9999
  report.onRefused('busy')
  assert.deepEqual(told, ['an exchange was refused: maxConcurrent is 7, and as many run'])
  nowMs = 10_000
  report.onRefused('busy')
  assert.deepEqual(told.slice(1), ['4 exchanges were refused: maxConcurrent is 7, and as many run'])
})
