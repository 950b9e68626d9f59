import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { DeadlineWheel } from '../../src/exchange/deadline-wheel.ts'
import type { BackendSide, ClientSide, RequestHead } from '../../src/exchange/exchange.ts'
import { Identity } from '../../src/exchange/identity.ts'
import { createRouting } from '../../src/routing/dispatch.ts'
import { parseRoute } from '../../src/routing/spec.ts'
import { compileTable } from '../../src/routing/table.ts'
import { WorkspaceDirectory } from '../../src/routing/workspace-directory.ts'

const ID = '0f0e0d0c-0b0a-4908-8706-050403020100'
const SIDE: BackendSide = { data: () => true, end() {}, reset() {}, drained() {} }

interface Facts {
  readonly path?: string
  readonly query?: string
  readonly host?: string
  readonly headers?: readonly string[]
  readonly backendHeaders?: readonly string[]
  readonly claims?: Record<string, unknown>
}

/** The subject that is published, or the code of the error. */
function subjectOf(subject: string, params: object, facts: Facts, path = '/{a}', loaded = true): string {
  const parsed = parseRoute({ name: 'r', match: { path }, subject, params })
  assert.ok(parsed.ok, JSON.stringify(parsed))
  const workspaces = new WorkspaceDirectory()
  if (loaded) workspaces.replace([{ id: ID, name: 'acme' }])
  let result = ''
  const table = compileTable([parsed.spec], {
    revision: 1,
    defaultMaxBodyBytes: 1,
    workspaces,
    dispatch: () => (request) => {
      result = request.subject
      return SIDE
    },
  })
  const { claims } = facts
  const wheel = new DeadlineWheel()
  const identity =
    claims && new Identity({ subjectId: 's', claims, provedBy: 'test' }, { wheel, now: Date.now, graceMs: 0 })
  const request: RequestHead = {
    kind: 'http',
    method: 'GET',
    host: facts.host ?? '',
    path: facts.path ?? '/x',
    query: facts.query ?? '',
    remote: '',
    certificate: undefined,
    requestId: '1',
    headers: facts.headers ?? [],
    backendHeaders: facts.backendHeaders,
    length: 0,
    route: undefined,
    subject: '',
    identity,
  }
  const client: ClientSide = {
    head() {},
    data: () => true,
    end() {},
    drained() {},
    reset(error) {
      result = error.code
    },
  }
  createRouting(() => table).dispatch(request, client)
  return result
}

describe('values of the subject from elsewhere', () => {
  const from = (param: object, facts: Facts) => subjectOf('a.{v}.b', { v: param }, facts)

  test('come from a header, the query, the host or a claim', () => {
    assert.equal(from({ header: 'X-V' }, { headers: ['x-v', 'one'] }), 'a.one.b')
    assert.equal(from({ query: 'v' }, { query: 'w=2&v=o%6ee' }), 'a.one.b')
    assert.equal(from({ host: 0 }, { host: 'one.example.com' }), 'a.one.b')
    assert.equal(from({ claim: 'org.id' }, { claims: { org: { id: 7 } } }), 'a.7.b')
    assert.equal(
      from({ claim: 'https://example.com/org' }, { claims: { 'https://example.com/org': 'one' } }),
      'a.one.b',
    )
    assert.equal(subjectOf('a.{claims.sub}.{a}', {}, { claims: { sub: 'one' } }), 'a.one.x')
  })

  test('of a header that a policy sets are those of the policy, whatever the client says', () => {
    const headers = ['x-v', 'forged']
    assert.equal(from({ header: 'x-v' }, { headers, backendHeaders: ['x-w', '1', 'x-v', 'one'] }), 'a.one.b')
    assert.equal(from({ header: 'x-v' }, { backendHeaders: ['x-v', 'one'] }), 'a.one.b')
    assert.equal(from({ header: 'x-v' }, { headers, backendHeaders: ['x-w', '1'] }), 'a.forged.b')
  })

  test('have to be there', () => {
    assert.equal(from({ header: 'x-v' }, {}), 'subject_invalid')
    assert.equal(from({ query: 'v' }, { query: 'vv=1' }), 'subject_invalid')
    assert.equal(from({ host: 3 }, { host: 'a.b' }), 'subject_invalid')
    assert.equal(from({ claim: 'v' }, { claims: {} }), 'forbidden')
    assert.equal(from({ claim: 'v' }, {}), 'unauthorized')
  })

  test('have to be there once', () => {
    assert.equal(from({ header: 'x-v' }, { headers: ['x-v', 'a', 'x-v', 'a'] }), 'subject_invalid')
    assert.equal(from({ query: 'v' }, { query: 'v=a&%76=b' }), 'subject_invalid')
  })

  test('are text or a whole number if they are claims, and none that an object inherits', () => {
    for (const v of [true, null, {}, ['a'], 1.5, Number.MAX_VALUE]) {
      assert.equal(from({ claim: 'v' }, { claims: { v } }), 'forbidden', String(v))
    }
    assert.equal(from({ claim: 'constructor.name' }, { claims: {} }), 'forbidden')
  })

  test('a client cannot write the place of a late value', () => {
    assert.equal(
      subjectOf('a.{a}.{v}', { v: { header: 'x-v' } }, { path: '/%7Bv%7D', headers: ['x-v', 'one'] }),
      'subject_invalid',
    )
    assert.equal(from({ header: 'x-v' }, { headers: ['x-v', '{v}'] }), 'a.{v}.b')
  })

  test('do not begin a subject with what is reserved', () => {
    assert.equal(subjectOf('{v}.b', { v: { header: 'x-v' } }, { headers: ['x-v', '$SYS'] }), 'subject_invalid')
    assert.equal(subjectOf('a.{v}', { v: { header: 'x-v' } }, { headers: ['x-v', '$SYS'] }), 'a.$SYS')
  })

  test('make exactly one token each, whatever they are', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('a.b', '*', '>', ' ', '', '{v}', '{w=1}', '\u0000'),
    )
    fc.assert(
      fc.property(text, text, text, (header, query, claim) => {
        const params = { v: { header: 'x-v' }, w: { query: 'w' } }
        const facts = {
          headers: ['x-v', header],
          query: `w=${encodeURIComponent(query.toWellFormed())}`,
          claims: { sub: claim },
        }
        const subject = subjectOf('a.{v}.{w}.{claims.sub}.b', params, facts)
        if (subject === 'subject_invalid') return
        const tokens = subject.split('.')
        assert.equal(tokens.length, 5)
        for (const token of tokens) assert.match(token, /^[^\s.*>\p{Cc}]+$/u)
        assert.deepEqual([tokens[1], tokens[3]], [header, claim])
      }),
      { numRuns: 2000 },
    )
  })
})

describe('workspaces', () => {
  const PARAMS = { a: { workspace: true } }
  const of = (path: string, loaded = true) => subjectOf('run.{a}', PARAMS, { path }, '/{a}', loaded)

  test('are found by id and by name, and become the id', () => {
    assert.equal(of('/acme'), `run.${ID}`)
    assert.equal(of(`/${ID.toUpperCase()}`), `run.${ID}`)
    assert.equal(
      subjectOf('run.{w}', { w: { header: 'x-w', workspace: true } }, { headers: ['x-w', 'acme'] }),
      `run.${ID}`,
    )
  })

  test('that are not there are unknown', () => {
    assert.equal(of('/other'), 'unknown_workspace')
    assert.equal(of(`/${ID.replace('0f', '1f')}`), 'unknown_workspace')
  })

  test('have names of letters, digits, - and _', () => {
    for (const name of ['%20', 'a%2Fb', 'a%00', 'é', `${'a'.repeat(64)}`, '-a']) {
      assert.equal(of(`/${encodeURI(decodeURIComponent(name)).replaceAll('/', '%2F')}`), 'subject_invalid', name)
    }
  })

  test('are not asked for before the table is there', () => {
    assert.equal(of('/acme', false), 'busy')
  })
})

describe('params', () => {
  const issuesOf = (params: object, subject = 'a.{v}') => {
    const parsed = parseRoute({ name: 'r', match: { path: '/{a}/{rest...}' }, subject, params })
    return parsed.ok ? [] : parsed.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  }

  for (const [what, params, subject, expected] of [
    ['two sources', { v: { header: 'a', query: 'b' } }, undefined, /one source/],
    ['no source', { v: {} }, undefined, /where the value comes from/],
    ['an unknown source', { v: { cookie: 'a' } }, undefined, /cookie/],
    [
      'a name that the subject does not use',
      { v: { query: 'a' }, w: { query: 'b' } },
      undefined,
      /params.w: the subject does not use it/,
    ],
    [
      'two workspaces',
      { v: { query: 'a', workspace: true }, w: { query: 'b', workspace: true } },
      'a.{v}.{w}',
      /at most one workspace/,
    ],
    ['a workspace that the path does not have', { v: { workspace: true } }, undefined, /not in the path/],
    ['a workspace that is many segments', { rest: { workspace: true } }, 'a.{rest}', /many segments/],
    ['a claim that is many tokens', {}, 'a.{claims.sub...}', /one value/],
    ['a header that is none', { v: { header: 'a b' } }, undefined, /header name/],
  ] as const) {
    test(`refuses ${what}`, () => {
      assert.match(issuesOf(params, subject).join('\n'), expected)
    })
  }
})
