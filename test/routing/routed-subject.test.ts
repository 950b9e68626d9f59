import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { routedSubjects, type Source } from './arbitrary-routed-subjects.ts'
import { assertRoutedSubject } from './assert-routed-subject.ts'

const RUNS = 5_000

describe('the subject of any route', () => {
  const seen = new Map<Source | 'a late value first' | 'a workspace and a rest', number>()
  let rendered = 0
  const count = (what: Parameters<typeof seen.set>[0]) => seen.set(what, (seen.get(what) ?? 0) + 1)

  test('has the tokens of its template and no others, whatever a client sends, or there is none', () => {
    fc.assert(
      fc.property(routedSubjects, (routed) => {
        if (!assertRoutedSubject(routed)) return
        const sources = new Set(routed.tokens.map(({ source }) => source))
        rendered++
        for (const source of sources) count(source)
        if (!['literal', 'path', 'rest'].includes(routed.tokens[0]!.source)) count('a late value first')
        if (sources.has('workspace') && sources.has('rest')) count('a workspace and a rest')
      }),
      { numRuns: RUNS },
    )
  })

  test('was there often enough to say so', (t) => {
    t.diagnostic(`${rendered} of ${RUNS}: ${[...seen].map(([what, times]) => `${what} ${times}`).join(', ')}`)
    assert.ok(rendered > 0.3 * RUNS, `${rendered} of ${RUNS}`)
    const sources = ['literal', 'path', 'rest', 'header', 'query', 'host', 'claim', 'sub', 'workspace'] as const
    for (const what of [...sources, 'a late value first', 'a workspace and a rest'] as const) {
      assert.ok((seen.get(what) ?? 0) > 0.02 * RUNS, `${what}: ${seen.get(what)}`)
    }
  })
})
