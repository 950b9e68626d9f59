/** Two streams over a NATS that loses, repeats and delays, against a model of what each end may hear. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HOSTILE, SERVER_DEATH, SURVIVABLE } from './simulation/scenarios.ts'
import { simulateMany } from './simulation/simulate.ts'

const SEED = 1
const EXCHANGES = 13_000

describe('a simulated exchange is whole in spite of', () => {
  for (const [name, scenario] of Object.entries(SURVIVABLE)) {
    test(name, () => {
      const tally = simulateMany(scenario, SEED, EXCHANGES)
      assert.equal(tally.whole, tally.exchanges, `some were reset: ${[...tally.resets].join(' ')}`)
    })
  }
})

describe('a simulated exchange is never taken for whole when it is not, and always ends, with', () => {
  for (const [name, scenario] of Object.entries(HOSTILE)) {
    test(name, () => {
      const tally = simulateMany(scenario, SEED, EXCHANGES)
      assert.ok(tally.whole > 0, 'none was whole')
      assert.ok(tally.resets.size > 0, 'none was reset')
    })
  }
})

test('a simulated exchange goes on after its server was killed, if nothing was lost with it, and only then', () => {
  const { exchanges, whole, survived } = simulateMany(SERVER_DEATH, SEED, EXCHANGES)
  assert.ok(survived > 100, `only ${survived} went on`)
  assert.ok(whole < exchanges, 'nothing was lost')
})
