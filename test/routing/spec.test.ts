import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseRoute, specToDocument } from '../../src/routing/spec.ts'
import { routeDocuments } from './arbitrary-routes.ts'
import { specOf } from './routes.ts'

const MINIMAL = { name: 'a', match: { path: '/a/{id}' }, subject: 'a.{id}' }

/** The issues as `path: message`, in the order of the paths. */
function issuesOf(input: unknown): string[] {
  const parsed = parseRoute(input)
  return parsed.ok ? [] : parsed.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).sort()
}

describe('parseRoute', () => {
  test('fills in the defaults', () => {
    assert.deepEqual(specOf(MINIMAL), {
      name: 'a',
      match: { kind: 'http', host: undefined, methods: undefined, path: '/a/{id}', headers: {} },
      subject: 'a.{id}',
      reply: 'single',
      body: 'whole',
      websocket: 'stream',
      timeoutMs: 10_000,
      idleTimeoutMs: 30_000,
      maxDurationMs: 0,
      maxBodyBytes: undefined,
      noResponders: { retries: undefined, holdMs: 0 },
      forwardHeaders: 'all',
      params: {},
      policies: [],
      priority: 0,
    })
  })

  test('parses units and makes names comparable', () => {
    const spec = specOf({
      name: 'a',
      match: { host: '*.Example.COM', methods: ['get', 'GET', 'post'], path: '/a', headers: { 'X-Tier': 'Gold' } },
      subject: 'a',
      reply: 'many',
      body: 'stream',
      timeout: '1.5s',
      idleTimeout: '2m',
      maxDuration: '1h',
      limits: { bodyBytes: '1MiB' },
      noResponders: { retries: 0, hold: '250ms' },
      forwardHeaders: ['Accept', 'accept', 'X-B'],
      priority: -3,
    })
    assert.equal(spec.match.host, '*.example.com')
    assert.deepEqual(spec.match.methods, ['GET', 'POST'])
    assert.deepEqual(spec.match.headers, { 'x-tier': 'Gold' })
    assert.deepEqual([spec.timeoutMs, spec.idleTimeoutMs, spec.maxDurationMs], [1500, 120_000, 3_600_000])
    assert.equal(spec.maxBodyBytes, 1024 ** 2)
    assert.deepEqual(spec.noResponders, { retries: 0, holdMs: 250 })
    assert.deepEqual(spec.forwardHeaders, ['accept', 'x-b'])
  })

  test('takes a size as a number too, as YAML reads 1024', () => {
    assert.equal(specOf({ ...MINIMAL, limits: { bodyBytes: 1024 } }).maxBodyBytes, 1024)
  })

  test('takes 0 for a duration without a unit', () => {
    const spec = specOf({ ...MINIMAL, maxDuration: 0, noResponders: { hold: 0 } })
    assert.deepEqual([spec.maxDurationMs, spec.noResponders.holdMs], [0, 0])
  })

  test('tells everything that is wrong at once, each with the path of its key', () => {
    const issues = issuesOf({
      name: 'no spaces',
      match: { host: 'a:80', path: '/a/{b}/{b}', methods: [], headers: { 'a b': 'x' } },
      subject: 'a.>',
      timeout: '0s',
    })
    assert.deepEqual(
      issues.map((issue) => issue.slice(0, issue.indexOf(':'))),
      ['match.headers.a b', 'match.host', 'match.methods', 'match.path', 'name', 'subject', 'timeout'],
    )
  })

  test('names each unknown key by its path', () => {
    assert.deepEqual(issuesOf({ ...MINIMAL, match: { path: '/a/{id}', hots: 'x' }, reply: 'single', retry: 1 }), [
      'match.hots: unknown key, did you mean "host"?',
      'retry: unknown key',
    ])
  })

  test('says what would have been right, in the words of a file of routes', () => {
    const params = { id: { host: 'a' }, v: { claim: 5, queri: 'a' } }
    assert.deepEqual(issuesOf({ ...MINIMAL, match: { kind: 'grpc', path: '/{id}' }, subject: '{id}.{v}', params }), [
      'match.kind: expected one of http, ws, tcp; got "grpc"',
      'params.id.host: expected a number; got "a"',
      'params.v.claim: expected text; got 5',
      'params.v.queri: unknown key, did you mean "query"?',
    ])
    assert.deepEqual(issuesOf({ ...MINIMAL, match: { path: '/a/{id}', methods: ['A B'] } }), [
      'match.methods.0: expected a method such as PUT; got "A B"',
    ])
    assert.deepEqual(issuesOf({ ...MINIMAL, subject: undefined }), ['subject: is missing; expected text'])
  })

  for (const [what, change, path] of [
    ['a name that begins with a dot', { name: '.a' }, 'name'],
    ['a name over 128 characters', { name: 'a'.repeat(129) }, 'name'],
    ['a method that is no HTTP token', { match: { path: '/a/{id}', methods: ['A B'] } }, 'match.methods.0'],
    ['a timeout without a unit', { timeout: '5' }, 'timeout'],
    ['a timeout over a day', { timeout: '25h' }, 'timeout'],
    ['an idle timeout of zero', { idleTimeout: '0s' }, 'idleTimeout'],
    ['a duration over 30 days', { maxDuration: '31d' }, 'maxDuration'],
    ['a negative size', { limits: { bodyBytes: -1 } }, 'limits.bodyBytes'],
    ['a size in unknown units', { limits: { bodyBytes: '1 meg' } }, 'limits.bodyBytes'],
    ['eleven retries', { noResponders: { retries: 11 } }, 'noResponders.retries'],
    ['half a retry', { noResponders: { retries: 0.5 } }, 'noResponders.retries'],
    ['a hold over a minute', { noResponders: { hold: '61s' } }, 'noResponders.hold'],
    ['a header name with a space', { forwardHeaders: ['a b'] }, 'forwardHeaders.0'],
    ['a fractional priority', { priority: 1.5 }, 'priority'],
    ['an unknown kind', { match: { kind: 'grpc', path: '/a/{id}' } }, 'match.kind'],
    ['a header value that is not text', { match: { path: '/a/{id}', headers: { a: 1 } } }, 'match.headers.a'],
    ['an empty header value', { match: { path: '/a/{id}', headers: { a: '' } } }, 'match.headers.a'],
    ['one header in two cases', { match: { path: '/a/{id}', headers: { a: '1', A: '2' } } }, 'match.headers.A'],
    ['headers as a list', { match: { path: '/a/{id}', headers: ['a'] } }, 'match.headers'],
    ['an http route without a path', { match: {}, subject: 'a' }, 'match.path'],
    ['a WebSocket route without a path', { match: { kind: 'ws' }, subject: 'a' }, 'match.path'],
    ['a WebSocket route at /_sx', { match: { kind: 'ws', path: '/_sx' }, subject: 'a' }, 'match.path'],
    ['an http route at /_sx', { match: { path: '/_sx' }, subject: 'a' }, 'match.path'],
    ['a route below /_sx', { match: { path: '/_sx/{id}' }, subject: 'a' }, 'match.path'],
    ['a route at /_sx in other letters', { match: { kind: 'ws', path: '/%5Fsx/' }, subject: 'a' }, 'match.path'],
    ['a tcp route with a path', { match: { kind: 'tcp', path: '/a/{id}' } }, 'match.path'],
    ['a tcp route with a parameter', { match: { kind: 'tcp' } }, 'subject'],
    ['a subject with a name that the path lacks', { subject: 'a.{di}' }, 'subject'],
  ] as const) {
    test(`refuses ${what}`, () => {
      const issues = issuesOf({ ...MINIMAL, ...change })
      assert.equal(issues.length, 1, issues.join('\n'))
      assert.ok(issues[0]?.startsWith(`${path}: `), issues[0])
    })
  }

  test('says whose a path at or below /_sx is, whatever else is wrong', () => {
    assert.deepEqual(issuesOf({ ...MINIMAL, match: { path: '/_sx/{id}' }, priority: 1.5 }), [
      'match.path: `/_sx` and all below it is the router’s own, for multiplexed connections: choose another path',
      'priority: expected a whole number; got 1.5',
    ])
  })

  test('takes paths that only look like /_sx', () => {
    for (const path of ['/_sx2', '/a/_sx', '/{first}/{rest...}']) specOf({ ...MINIMAL, match: { path }, subject: 'a' })
  })

  test('refuses what is not a mapping', () => {
    for (const input of [null, undefined, 1, 'a', []]) assert.equal(issuesOf(input).length, 1)
  })

  test('keeps a condition on a header called __proto__', () => {
    const input = JSON.parse('{"name":"a","match":{"path":"/","headers":{"__proto__":"x"}},"subject":"a"}')
    assert.deepEqual(Object.entries(specOf(input).match.headers), [['__proto__', 'x']])
  })
})

describe('specToDocument', () => {
  test('leaves out what is a default', () => {
    assert.deepEqual(specToDocument(specOf(MINIMAL)), MINIMAL)
    const tcp = { name: 'shell', match: { kind: 'tcp' as const }, subject: 'shell' }
    assert.deepEqual(specToDocument(specOf(tcp)), tcp)
  })

  test('gives a document that parses to the same spec', () => {
    fc.assert(
      fc.property(routeDocuments, (document) => {
        const spec = specOf(document)
        assert.deepEqual(specOf(specToDocument(spec)), spec)
      }),
    )
  })
})
