import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { fuzz } from './fuzz.ts'
import { Scope } from './scope.ts'
import { type FuzzStage, startFuzzStage } from './stage.ts'
import { pureTarget } from './target.ts'
import { TARGETS } from './targets/index.ts'

/** The same cases each time, as far as the time goes: a failure here is one that a change has brought. */
const SEED = 1
const DURATION_MS = 1500

describe('nothing breaks on what comes from outside', () => {
  let stage: FuzzStage
  const scope = new Scope()
  before(async () => {
    stage = await startFuzzStage(scope)
  })
  after(() => scope.end())

  for (const target of TARGETS) {
    test(target.name, async (t) => {
      const result = await fuzz(target, {
        seed: SEED,
        durationMs: DURATION_MS,
        stage,
        print: (line) => t.diagnostic(line),
      })
      t.diagnostic(`${result.cases} cases`)
      assert.equal(result.failure, undefined)
      assert.ok(result.cases > 0)
      if (target.name === 'http') assert.ok(stage.published > 0, 'no request came through')
    })
  }
})

describe('a fuzzer that finds something', () => {
  const target = pureTarget('broken', fc.nat(), (value) => {
    if (value > 1000) throw new Error('larger than a thousand')
  })
  const options = { durationMs: 1000, stage: undefined, print: () => {} }

  test('tells the smallest case, what is wrong with it, and how to see it again', async () => {
    const { failure } = await fuzz(target, { ...options, seed: 7 })
    assert.match(failure ?? '', /Counterexample: \[1001\]/)
    assert.match(failure ?? '', /larger than a thousand/)
    const [, seed, path] = /npm run fuzz -- --only broken --seed (\d+) --path (\S+)/.exec(failure ?? '') ?? []
    const again = await fuzz(target, { ...options, seed: Number(seed), path })
    assert.match(again.failure ?? '', /Counterexample: \[1001\]/)
    assert.equal(again.cases, 1)
  })
})
