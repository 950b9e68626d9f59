import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { checkRoutes, type RouteDocument, type RouteIssue } from '../../src/routing/spec.ts'
import { requests, routeSets, routeSpecs } from './arbitrary-routes.ts'
import { referenceTies } from './reference-matcher.ts'
import { route, specOf } from './routes.ts'

function check(...documents: RouteDocument[]): RouteIssue[] {
  return checkRoutes(documents.map(specOf))
}

describe('checkRoutes', () => {
  test('refuses a pair that nothing sets apart, names both and says what to change', () => {
    const [issue, ...more] = check(route('first', '/a/{x}'), route('other', '/b'), route('second', '/a/{y}'))
    assert.deepEqual(more, [])
    assert.deepEqual(issue?.path, ['routes', 2, 'match'])
    assert.match(
      issue?.message ?? '',
      /`second` and route `first` .*change the host, path, methods or headers.*priority/,
    )
  })

  test('refuses a name that is used twice, at the later one', () => {
    assert.deepEqual(check(route('a', '/a'), route('b', '/b'), route('a', '/c')), [
      { path: ['routes', 2, 'name'], message: 'the name is taken by routes[0]: choose another' },
    ])
  })

  for (const [what, a, b] of [
    ['the same path spelt in two ways', route('a', '/café/%61'), route('b', '/caf%C3%A9/a')],
    ['a rest under two names', route('a', '/a/{x...}'), route('b', '/a/{y...}')],
    ['the same host in two cases', route('a', '/a', { host: '*.h.com' }), route('b', '/a', { host: '*.H.com' })],
    [
      'as many methods with one in common',
      route('a', '/a', { methods: ['GET', 'PUT'] }),
      route('b', '/a', { methods: ['PUT', 'POST'] }),
    ],
    ['conditions on two headers', route('a', '/a', { headers: { a: '1' } }), route('b', '/a', { headers: { b: '1' } })],
    ['a value and presence', route('a', '/a', { headers: { a: '1' } }), route('b', '/a', { headers: { A: '*' } })],
    ['the same priority', { ...route('a', '/a'), priority: 3 }, { ...route('b', '/a'), priority: 3 }],
    ['the same for WebSocket', route('a', '/a', { kind: 'ws' }), route('b', '/a', { kind: 'ws' })],
  ] as const) {
    test(`refuses ${what}`, () => {
      assert.equal(check(a, b).length, 1)
      assert.equal(check(b, a).length, 1)
    })
  }

  for (const [what, a, b] of [
    ['two kinds', route('a', '/a'), route('b', '/a', { kind: 'ws' })],
    ['two hosts', route('a', '/a', { host: 'a.com' }), route('b', '/a', { host: 'b.com' })],
    ['a host and a wildcard', route('a', '/a', { host: 'a.com' }), route('b', '/a', { host: '*.com' })],
    ['two literals', route('a', '/a/{x}'), route('b', '/b/{x}')],
    ['a path with and without a trailing slash', route('a', '/a'), route('b', '/a/')],
    ['a parameter and a rest', route('a', '/{x}'), route('b', '/{x...}')],
    ['a literal called like a parameter', route('a', '/%7Bparam%7D'), route('b', '/{param}')],
    ['methods that differ', route('a', '/a', { methods: ['GET'] }), route('b', '/a', { methods: ['POST'] })],
    ['GET and HEAD', route('a', '/a', { methods: ['GET'] }), route('b', '/a', { methods: ['HEAD'] })],
    ['more methods', route('a', '/a', { methods: ['GET'] }), route('b', '/a', { methods: ['GET', 'PUT'] })],
    ['headers that contradict', route('a', '/a', { headers: { a: '1' } }), route('b', '/a', { headers: { A: '2' } })],
    ['more header conditions', route('a', '/a'), route('b', '/a', { headers: { a: '1' } })],
    ['priorities', route('a', '/a'), { ...route('b', '/a'), priority: 1 }],
    ['tcp routes', specDocument('a'), specDocument('b')],
  ] as const) {
    test(`takes routes that are set apart by ${what}`, () => {
      assert.deepEqual(check(a, b), [])
      assert.deepEqual(check(b, a), [])
    })
  }

  test('thousands of equal routes are refused one by one, not pair by pair', () => {
    const specs = Array.from({ length: 5000 }, (_, index) => specOf(route(`r${index}`, '/a')))
    assert.equal(checkRoutes(specs).length, 4999)
  })

  test('is symmetric', () => {
    fc.assert(
      fc.property(routeSpecs, ([a, b]) => {
        if (a !== undefined && b !== undefined) assert.equal(checkRoutes([a, b]).length, checkRoutes([b, a]).length)
      }),
      { numRuns: 1000 },
    )
  })

  test('is complete: routes that tie on any request are named', () => {
    let ties = 0
    fc.assert(
      fc.property(routeSpecs, fc.array(requests, { minLength: 20, maxLength: 20 }), (specs, heads) => {
        const [first, second] = heads.map((head) => referenceTies(specs, head)).find(({ length }) => length > 1) ?? []
        if (first === undefined || second === undefined) return
        ties++
        const [issue] = checkRoutes([first, second])
        assert.match(issue?.message ?? 'no issue', new RegExp(`\`${second.name}\` and route \`${first.name}\``))
      }),
      // Few random routes tie: enough runs that some surely do.
      { numRuns: 3000 },
    )
    assert.ok(ties > 0, `only ${ties} ties to look at`)
  })

  test('a set that it takes has one winner for any request', () => {
    fc.assert(
      fc.property(routeSets, fc.array(requests, { minLength: 10, maxLength: 10 }), (specs, heads) => {
        for (const head of heads) assert.ok(referenceTies(specs, head).length <= 1)
      }),
    )
  })
})

function specDocument(name: string): RouteDocument {
  return { name, match: { kind: 'tcp' }, subject: 'shell' }
}
