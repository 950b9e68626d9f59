import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import findMyWay from 'find-my-way'
import { checkRoutes, type RouteDocument } from '../../src/routing/spec.ts'
import { compileTable } from '../../src/routing/table.ts'
import { requests, routeSets } from './arbitrary-routes.ts'
import { referenceMatch } from './reference-matcher.ts'
import { matchIn, route, specOf, tableOf, winner } from './routes.ts'

function table(...documents: RouteDocument[]) {
  return tableOf(documents.map(specOf))
}

describe('precedence', () => {
  test('an exact host comes before a longer suffix, a shorter one and any host', () => {
    const routes = table(
      route('any', '/{x}/{y}'),
      route('short', '/{x}/{y}', { host: '*.com' }),
      route('long', '/{x}/{y}', { host: '*.example.com' }),
      route('exact', '/{rest...}', { host: 'api.example.com' }),
    )
    assert.equal(winner(routes, { host: 'api.example.com', path: '/a/b' }), 'exact')
    assert.equal(winner(routes, { host: 'x.api.example.com', path: '/a/b' }), 'long')
    assert.equal(winner(routes, { host: 'example.com', path: '/a/b' }), 'short')
    assert.equal(winner(routes, { host: 'example.org', path: '/a/b' }), 'any')
    assert.equal(winner(routes, { host: '', path: '/a/b' }), 'any')
  })

  test('a host whose routes do not match gives way to the next', () => {
    const routes = table(route('exact', '/a', { host: 'api.example.com' }), route('any', '/b'))
    assert.equal(winner(routes, { host: 'api.example.com', path: '/b' }), 'any')
  })

  test('segment by segment, a literal comes before a parameter before a rest', () => {
    const routes = table(
      route('rest', '/{rest...}'),
      route('param-literal', '/{x}/b'),
      route('literal-param', '/a/{y}'),
      route('literal-rest', '/a/{rest...}'),
    )
    assert.equal(winner(routes, { path: '/a/b' }), 'literal-param')
    assert.equal(winner(routes, { path: '/x/b' }), 'param-literal')
    assert.equal(winner(routes, { path: '/a/b/c' }), 'literal-rest')
    assert.equal(winner(routes, { path: '/x/c' }), 'rest')
  })

  test('fewer methods come first, then more header conditions, then priority', () => {
    const routes = table(
      route('all', '/a'),
      route('two', '/a', { methods: ['GET', 'POST'] }),
      { ...route('first', '/a', { methods: ['GET', 'PUT'] }), priority: 1 },
      route('one', '/a', { methods: ['PUT'] }),
      route('gold', '/a', { methods: ['GET', 'POST'], headers: { 'x-tier': 'gold' } }),
    )
    assert.equal(winner(routes, { path: '/a', method: 'DELETE' }), 'all')
    assert.equal(winner(routes, { path: '/a', method: 'POST' }), 'two')
    assert.equal(winner(routes, { path: '/a', method: 'PUT' }), 'one')
    assert.equal(winner(routes, { path: '/a', method: 'GET' }), 'first')
    assert.equal(winner(routes, { path: '/a', method: 'GET', headers: ['x-tier', 'gold'] }), 'gold')
  })

  test('a more specific path that does not take the method gives way', () => {
    const routes = table(route('post', '/a/b', { methods: ['POST'] }), route('get', '/a/{x}', { methods: ['GET'] }))
    assert.equal(winner(routes, { path: '/a/b', method: 'GET' }), 'get')
  })

  test('routes are listed in the order of precedence, whatever the order they came in', () => {
    const documents = [route('c', '/{x...}'), route('b', '/{x}'), route('a', '/a', { host: '*.h.com' })]
    for (const order of [documents, documents.toReversed()]) {
      assert.deepEqual(
        table(...order).routes.map(({ name }) => name),
        ['a', 'b', 'c'],
      )
    }
  })
})

describe('paths', () => {
  test('a rest stands for one segment or more', () => {
    const routes = table({ ...route('r', '/f/{rest...}'), subject: 'f.{rest}.end' })
    assert.equal(winner(routes, { path: '/f' }), 'no_route')
    assert.equal(winner(routes, { path: '/f/' }), 'subject_invalid')
    assert.equal(matchIn(routes, { path: '/f/a' }).subject, 'f.a.end')
    assert.equal(matchIn(routes, { path: '/f/a/b%2Fc/d' }).subject, 'f.a.b/c.d.end')
  })

  test('literals are compared after decoding, in both directions', () => {
    const routes = table(route('e', '/café/a%2Fb'), route('root', '/'))
    assert.equal(winner(routes, { path: '/caf%C3%A9/a%2fb' }), 'e')
    assert.equal(winner(routes, { path: '/%63af%c3%a9/a%2Fb' }), 'e')
    assert.equal(winner(routes, { path: '/caf%C3%A9/a/b' }), 'no_route')
    assert.equal(winner(routes, { path: '/' }), 'root')
  })

  test('nothing is normalised: slashes, case and dot segments count', () => {
    const routes = table(route('a', '/a/b'), { ...route('x', '/x/{id}'), subject: 'x.{id}' })
    for (const path of ['/a/b/', '//a/b', '/a//b', '/A/b', '/c/../a/b', '/a/./b']) {
      assert.equal(winner(routes, { path }), 'no_route', path)
    }
    assert.equal(winner(routes, { path: '/x/..' }), 'subject_invalid')
  })

  test('what is no path is a bad request', () => {
    for (const path of ['', '*', 'a', 'http://h/a', '/é', '/a\n', '/a\u0000', '/a\u007f']) {
      const match = matchIn(table(route('all', '/{rest...}')), { path })
      assert.equal(match.error, 'bad_request', JSON.stringify(path))
      assert.match(match.detail, /percent-encoded/)
    }
  })

  test('names of the object prototype are segments and headers like any other', () => {
    const routes = table(route('p', '/__proto__/constructor', { headers: { constructor: 'a' } }))
    assert.equal(winner(routes, { path: '/__proto__/constructor', headers: ['constructor', 'a'] }), 'p')
    assert.equal(winner(routes, { path: '/__proto__/constructor' }), 'no_route')
    assert.equal(winner(routes, { path: '/toString' }), 'no_route')
    assert.equal(routes.byName('constructor'), undefined)
  })

  test('a lookup visits each node of the table once, however hostile the path', () => {
    // Every combination of literal and parameter over twelve segments, so that each prefix lives to the end.
    const documents = Array.from({ length: 4096 }, (_, bits) => {
      const segments = Array.from({ length: 12 }, (_, at) => ((bits >> at) & 1 ? 'a' : `{p${at}}`))
      return route(`r${bits}`, `/${segments.join('/')}/end`)
    })
    const routes = table(...documents)
    const hostile = { path: `${'/a'.repeat(12)}/x` }
    assert.equal(winner(routes, { path: `${'/a'.repeat(12)}/end` }), 'r4095')
    const beganMs = performance.now()
    for (let round = 0; round < 10; round++) assert.equal(winner(routes, hostile), 'no_route')
    const perLookupMs = (performance.now() - beganMs) / 10
    assert.ok(perLookupMs < 50, `${perLookupMs} ms`)
    assert.equal(winner(routes, { path: '/a'.repeat(4000) }), 'no_route')
  })
})

describe('methods', () => {
  test('a route for GET takes HEAD, but one that names HEAD is preferred', () => {
    const get = route('get', '/a', { methods: ['GET'] })
    assert.equal(winner(table(get), { path: '/a', method: 'HEAD' }), 'get')
    assert.equal(winner(table(get, route('head', '/a', { methods: ['HEAD'] })), { path: '/a', method: 'HEAD' }), 'head')
  })

  test('methods are case-sensitive', () => {
    assert.equal(
      winner(table(route('a', '/a', { methods: ['GET'] })), { path: '/a', method: 'get' }),
      'method_not_allowed',
    )
  })

  test('allow lists what routes for that host, path and headers take: sorted, distinct, HEAD beside GET', () => {
    const routes = table(
      route('a', '/a', { methods: ['PUT', 'GET'] }),
      route('b', '/{x}', { methods: ['PUT', 'DELETE'] }),
      route('gold', '/a', { methods: ['PATCH'], headers: { 'x-tier': 'gold' } }),
      route('other', '/a', { methods: ['LOCK'], host: 'other.org' }),
      route('ws', '/a', { kind: 'ws', methods: ['TRACE'] }),
    )
    const match = matchIn(routes, { path: '/a', method: 'POST' })
    assert.equal(match.error, 'method_not_allowed')
    assert.deepEqual(match.allow, ['DELETE', 'GET', 'HEAD', 'PUT'])
    assert.equal(match.route, undefined)
  })

  test('OPTIONS is a method like another', () => {
    assert.equal(winner(table(route('a', '/a')), { path: '/a', method: 'OPTIONS' }), 'a')
    assert.equal(
      winner(table(route('a', '/a', { methods: ['GET'] })), { path: '/a', method: 'OPTIONS' }),
      'method_not_allowed',
    )
  })
})

describe('kinds and headers', () => {
  test('a kind sees its own routes only', () => {
    const routes = table(route('h', '/a'), route('w', '/a', { kind: 'ws' }))
    assert.equal(winner(routes, { path: '/a' }), 'h')
    assert.equal(winner(routes, { path: '/a', kind: 'ws' }), 'w')
    assert.equal(winner(routes, { path: '/a', kind: 'tcp' }), 'no_route')
  })

  test('a header is compared by its first value, and `*` asks for presence', () => {
    const routes = table(
      route('gold', '/a', { headers: { 'X-Tier': 'gold' } }),
      route('any', '/b', { headers: { 'x-tier': '*' } }),
    )
    assert.equal(winner(routes, { path: '/a', headers: ['x-tier', 'gold', 'x-tier', 'lead'] }), 'gold')
    assert.equal(winner(routes, { path: '/a', headers: ['x-tier', 'lead', 'x-tier', 'gold'] }), 'no_route')
    assert.equal(winner(routes, { path: '/a', headers: ['via', 'x-tier', 'gold', 'x-tier'] }), 'no_route')
    assert.equal(winner(routes, { path: '/b', headers: ['x-tier', ''] }), 'any')
    assert.equal(winner(routes, { path: '/b' }), 'no_route')
  })

  test('a tcp route is found by its name, and no other route is', () => {
    const routes = table({ name: 'shell', match: { kind: 'tcp' }, subject: 'shell.1' }, route('h', '/a'))
    const match = matchIn(routes, { path: '/a' })
    routes.matchName('shell', match)
    assert.deepEqual([match.route?.name, match.subject, match.error], ['shell', 'shell.1', undefined])
    for (const name of ['h', 'nobody', '__proto__']) {
      routes.matchName(name, match)
      assert.deepEqual([match.route, match.subject, match.error], [undefined, '', 'no_route'])
    }
  })
})

describe('compileTable', () => {
  test('hands each spec to dispatch once, with the route that it is for', () => {
    const specs = [
      specOf({ ...route('a', '/a'), limits: { bodyBytes: 7 }, forwardHeaders: ['X-A'] }),
      specOf(route('b', '/b')),
    ]
    const seen: string[] = []
    const dispatch = () => {
      throw new Error('not dispatched')
    }
    const compiled = compileTable(specs, {
      revision: 42,
      defaultMaxBodyBytes: 1000,
      dispatch: (plan, spec) => {
        seen.push(`${plan.name} ${plan.maxBodyBytes} ${spec === specs.find(({ name }) => name === plan.name)}`)
        return dispatch
      },
    })
    assert.deepEqual(seen, ['a 7 true', 'b 1000 true'])
    assert.equal(compiled.revision, 42)
    assert.equal(compiled.size, 2)
    assert.equal(compiled.byName('a')?.dispatch, dispatch)
    assert.deepEqual(compiled.byName('a')?.forwardHeaders, new Set(['x-a']))
  })

  test('an empty table has no route for anything', () => {
    assert.equal(winner(table(), { path: '/a' }), 'no_route')
  })
})

describe('against other matchers', () => {
  test('agrees with the plainest reading of the rules', () => {
    fc.assert(
      fc.property(routeSets, fc.array(requests, { minLength: 5, maxLength: 30 }), (specs, heads) => {
        const compiled = tableOf(specs)
        for (const head of heads) {
          const expected = referenceMatch(specs, head)
          const match = matchIn(compiled, head)
          assert.equal(match.route?.name, expected.route?.name)
          assert.equal(match.subject, expected.subject ?? '')
          assert.deepEqual(match.allow, expected.allow)
          assert.equal(match.error, errorOf(expected))
        }
      }),
      { numRuns: 400 },
    )
  })

  test('agrees with find-my-way where the rules are the same', () => {
    const text = fc.constantFrom('a', 'b', '{}')
    const paths = fc
      .array(text, { minLength: 1, maxLength: 4 })
      .chain((texts) =>
        fc
          .boolean()
          .map((rest) => [...texts.map((t, at) => t.replace('{}', `{p${at}}`)), ...(rest ? ['{rest...}'] : [])]),
      )
    const documents = fc.array(fc.record({ path: paths, method: fc.constantFrom('GET', 'POST') }), { maxLength: 15 })
    const requested = fc.array(fc.constantFrom('a', 'b', 'c', 'x-y', 'ab'), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(
        documents,
        fc.array(requested, { maxLength: 20 }),
        fc.constantFrom('GET', 'POST'),
        (all, heads, method) => {
          const specs = all.map(({ path, method }, at) =>
            specOf(route(`r${at}`, `/${path.join('/')}`, { methods: [method] })),
          )
          const refused = new Set(checkRoutes(specs).map(({ path }) => path[1]))
          const kept = specs.filter((_, at) => !refused.has(at))
          const other = findMyWay()
          for (const { name, match } of kept) {
            const path = match.path?.replace('{rest...}', '*').replace(/\{(\w+)\}/g, ':$1') ?? ''
            other.on(match.methods?.[0] === 'GET' ? 'GET' : 'POST', path, () => {}, { name })
          }
          const ours = tableOf(kept)
          for (const head of heads) {
            const path = `/${head.join('/')}`
            assert.equal(matchIn(ours, { path, method }).route?.name, other.find(method, path)?.store?.name, path)
          }
        },
      ),
      { numRuns: 400 },
    )
  })
})

function errorOf({ route, subject, allow }: ReturnType<typeof referenceMatch>): string | undefined {
  if (route === undefined) return allow.length > 0 ? 'method_not_allowed' : 'no_route'
  return subject === undefined ? 'subject_invalid' : undefined
}
