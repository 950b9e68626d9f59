import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AnswerBudget } from '../../src/nats/answer-budget.ts'

test('work that fails is counted too, and a new second begins with all of the budget', () => {
  let nowMs = 5000
  const budget = new AnswerBudget(10, () => nowMs)
  const work = (costMs: number) => () => {
    nowMs += costMs
    return 'done'
  }
  const failing = () => {
    nowMs += 6
    throw new Error('failed')
  }
  assert.equal(budget.spend(work(5)), 'done')
  assert.throws(() => budget.spend(failing), /failed/)
  assert.equal(budget.spend(work(0)), undefined)
  nowMs = 5999
  assert.equal(budget.spend(work(0)), undefined)
  nowMs = 6000
  assert.equal(budget.spend(work(50)), 'done')
  assert.equal(budget.spend(work(0)), undefined)
})
