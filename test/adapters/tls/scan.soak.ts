import { describe, test } from 'node:test'
import { assertGradeA, noTestssl } from './testssl.ts'

describe('what testssl finds', { skip: noTestssl }, () => {
  for (const kind of ['http', 'tcp'] as const) {
    test(`of ${kind} leaves it at grade A, and open to none of the known attacks`, (t) =>
      assertGradeA(t, kind, ['--vulnerable']))
  }
})
