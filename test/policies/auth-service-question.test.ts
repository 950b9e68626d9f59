import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toldValues } from '../../src/policies/auth-service/question.ts'
import { testRequest } from '../support/test-request.ts'

test('fields that are there more than once are told as one list, cookies as one of cookies', () => {
  const headers = ['cookie', 'a=1', 'x-role', 'one', 'cookie', 'b=2', 'x-role', 'two']
  const told = { headers: ['cookie', 'x-role', 'x-none'], facts: [] }
  assert.deepEqual(toldValues(testRequest({ headers }), told), ['a=1; b=2', 'one, two', undefined])
})
