/** The simulation at length, from another seed each time: `SEED=n` runs one again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOSTILE, SERVER_DEATH, SURVIVABLE } from './simulation/scenarios.ts'
import { simulateMany } from './simulation/simulate.ts'

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const EXCHANGES = 2_000_000
const scenarios = Object.entries({ ...SURVIVABLE, ...HOSTILE, 'a server that is killed': SERVER_DEATH })

for (const [name, scenario] of scenarios) {
  test(`simulated exchanges with ${name}, from seed ${seed}`, () => {
    const tally = simulateMany(scenario, seed, EXCHANGES / scenarios.length)
    if (name in SURVIVABLE) assert.equal(tally.whole, tally.exchanges, `of seed ${seed}`)
  })
}
