import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { RefusalReport } from '../../src/backend/refusal-report.ts'
import { ExchangeError } from '../../src/exchange/errors.ts'

function startReport(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const told: string[] = []
  const report = new RefusalReport({
    maxConcurrent: 7,
    onError(error, request) {
      assert.ok(error instanceof ExchangeError && error.code === 'busy')
      assert.equal(request, undefined)
      told.push(error.message.replace(' refused: maxConcurrent is 7, and as many run', ''))
    },
  })
  return { report, told, passMs: (ms: number) => t.mock.timers.tick(ms) }
}

test('refusals are told at the first one, and then once in ten seconds with how many there were', (t) => {
  const { report, told, passMs } = startReport(t)
  report.onRefused('draining')
  assert.deepEqual(told, [])
  for (let i = 0; i < 3; i++) report.onRefused('busy')
  passMs(9999)
  report.onRefused('busy')
  assert.deepEqual(told, ['an exchange was'])
  // Nothing has to come for it.
  passMs(1)
  assert.deepEqual(told.slice(1), ['3 exchanges were'])
  report.onRefused('busy')
  passMs(9999)
  assert.equal(told.length, 2)
  passMs(1)
  assert.deepEqual(told.slice(2), ['an exchange was'])
  passMs(60_000)
  assert.equal(told.length, 3)
  report.onRefused('busy')
  assert.deepEqual(told.slice(3), ['an exchange was'])
})

test('a report that has stopped tells nothing more', (t) => {
  const { report, told, passMs } = startReport(t)
  for (let i = 0; i < 3; i++) report.onRefused('busy')
  report.stop()
  passMs(60_000)
  assert.deepEqual(told, ['an exchange was'])
})
