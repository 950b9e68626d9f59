import assert from 'node:assert/strict'
import { DeadlineWheel } from '../../src/exchange/deadline-wheel.ts'
import type { ErrorCode } from '../../src/exchange/errors.ts'
import type { BackendSide, ClientSide } from '../../src/exchange/exchange.ts'
import { Identity } from '../../src/exchange/identity.ts'
import { createRouting } from '../../src/routing/dispatch.ts'
import { compileTable } from '../../src/routing/table.ts'
import { WorkspaceDirectory } from '../../src/routing/workspace-directory.ts'
import { type RoutedSubject, type RoutedToken, WORKSPACE } from './arbitrary-routed-subjects.ts'
import { request, specOf } from './routes.ts'
import { assertSubjectShape } from './subject-shape.ts'

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

/**
 * Fails unless it is refused in a way that blames the client, or becomes just the subject that its values make.
 * @returns whether there is one
 */
export function assertRoutedSubject(routed: RoutedSubject): boolean {
  const outcome = outcomeOf(routed)
  if ('code' in outcome) {
    assert.ok(REFUSALS.includes(outcome.code), outcome.code)
    return false
  }
  assertSubject(routed, outcome.subject)
  const namesWorkspace = routed.tokens.some(({ source }) => source === 'workspace')
  assert.equal(outcome.workspace, namesWorkspace ? WORKSPACE.id : undefined)
  return true
}

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
