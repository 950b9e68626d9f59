import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { DeadlineWheel } from '../../src/exchange/deadline-wheel.ts'
import type { ErrorCode } from '../../src/exchange/errors.ts'
import type { BackendSide, ClientSide } from '../../src/exchange/exchange.ts'
import { Identity } from '../../src/exchange/identity.ts'
import { createRouting } from '../../src/routing/dispatch.ts'
import { compileTable } from '../../src/routing/table.ts'
import { WorkspaceDirectory } from '../../src/routing/workspace-directory.ts'
import {
  type RoutedSubject,
  type RoutedToken,
  routedSubjects,
  type Source,
  WORKSPACE,
} from './arbitrary-routed-subjects.ts'
import { request, specOf } from './routes.ts'
import { assertSubjectShape } from './subject-shape.ts'

const RUNS = 5_000
const BACKEND: BackendSide = { data: () => true, end() {}, reset() {}, drained() {} }
/** What a client may be told in place of being served: that it was wrong, and not that the router was. */
const REFUSALS: readonly ErrorCode[] = [
  'bad_request',
  'no_route',
  'subject_invalid',
  'unauthorized',
  'forbidden',
  'unknown_workspace',
]

const workspaces = new WorkspaceDirectory()
workspaces.replace([WORKSPACE])
const wheel = new DeadlineWheel()

type Outcome = { readonly subject: string; readonly workspace: string | undefined } | { readonly code: ErrorCode }

/** What becomes of it, all the way from the route as it is written to what would be published. */
function outcomeOf({ document, claims, host, path, query, headers }: RoutedSubject): Outcome {
  let outcome: Outcome | undefined
  const table = compileTable([specOf(document)], {
    revision: 1,
    defaultMaxBodyBytes: 1,
    workspaces,
    dispatch: () => (request) => {
      outcome = { subject: request.subject, workspace: request.workspace }
      return BACKEND
    },
  })
  const client: ClientSide = {
    head() {},
    data: () => true,
    end() {},
    drained() {},
    reset: ({ code }) => {
      outcome = { code }
    },
  }
  const identity =
    claims && new Identity({ subjectId: 's', claims, provedBy: 'test' }, { wheel, now: Date.now, graceMs: 0 })
  const { kind = 'http' } = document.match
  assert.ok(kind !== 'tcp')
  createRouting(() => table).dispatch(request({ kind, host, path, query, headers, identity }), client)
  assert.ok(outcome !== undefined, 'neither published nor refused')
  return outcome
}

describe('the subject of any route', () => {
  const seen = new Map<Source | 'a late value first' | 'a workspace and a rest', number>()
  let rendered = 0
  const count = (what: Parameters<typeof seen.set>[0]) => seen.set(what, (seen.get(what) ?? 0) + 1)

  test('has the tokens of its template and no others, whatever a client sends, or there is none', () => {
    fc.assert(
      fc.property(routedSubjects, (routed) => {
        const outcome = outcomeOf(routed)
        if ('code' in outcome) {
          assert.ok(REFUSALS.includes(outcome.code), outcome.code)
          return
        }
        assertSubject(routed, outcome.subject)
        const sources = new Set(routed.tokens.map(({ source }) => source))
        assert.equal(outcome.workspace, sources.has('workspace') ? WORKSPACE.id : undefined)
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

function assertSubject({ document, tokens }: RoutedSubject, subject: string): void {
  const counts = Object.fromEntries(tokens.map(({ text, expected }) => [text.slice(1, -1), expected?.length]))
  assertSubjectShape(document.subject, subject, { rest: counts.rest ?? 1 })
  assert.ok(tokens.every(isOne), `${subject}: of ${tokens.find((token) => !isOne(token))?.text} there is no one value`)
  assert.deepEqual(
    subject.split('.'),
    tokens.flatMap(({ expected = [] }) => expected),
  )
}

function isOne({ expected }: RoutedToken): boolean {
  return expected !== undefined
}
