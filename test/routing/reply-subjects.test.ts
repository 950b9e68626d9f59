import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Dispatch } from '../../src/exchange/exchange.ts'
import { parsePath } from '../../src/routing/path-pattern.ts'
import { keepFromReplies } from '../../src/routing/reply-subjects.ts'
import { createSubjectPlan } from '../../src/routing/subject-plan.ts'
import { parseTemplate } from '../../src/routing/subject-template.ts'

const next: Dispatch = () => assert.fail('nothing is dispatched')

const isNext = (template: string, prefix: string) =>
  keepFromReplies(createSubjectPlan(parseTemplate(template), parsePath('/{id}/{rest...}')), prefix, next) === next

describe('a route that cannot lead to the inboxes of routers', () => {
  test('pays nothing for that', () => {
    for (const template of ['orders.{id}', '_REPLYING.{id}', 'a._REPLY.{id}', '_REPLY.y.{id}', '_REPLY', '_REPLY.xx']) {
      assert.ok(isNext(template, '_REPLY.x'), template)
    }
  })

  test('is also one whose values are looked at for the prefix by themselves', () => {
    assert.ok(isNext('{rest...}', '_INBOX'))
    assert.ok(isNext('{rest...}', '_INBOX.routers'))
  })

  test('is none that begins with a value, or with the beginning of the prefix, or with all of it', () => {
    for (const template of ['{rest...}', '{id}', '{id}.x', '_REPLY.{id}', '_REPLY.x.{id}', '_REPLY.x.y', '_REPLY.x']) {
      assert.ok(!isNext(template, '_REPLY.x'), template)
    }
  })
})
