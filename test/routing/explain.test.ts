import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type ExplainedRequest, explainRequest } from '../../src/routing/explain.ts'
import { requests, routeSpecs } from './arbitrary-routes.ts'
import { matchIn, route, specOf, tableOf } from './routes.ts'

const SPECS = [
  specOf({
    ...route('order', '/orders/{region}/{rest...}', { methods: ['POST', 'PUT'] }),
    subject: 'o.{region}.{rest}',
  }),
  specOf(route('gold', '/orders/new', { headers: { 'x-tier': 'gold', 'x-id': '*' } })),
  specOf(route('host', '/orders', { host: '*.example.com' })),
  specOf(route('socket', '/orders', { kind: 'ws' })),
  specOf({ name: 'shell', match: { kind: 'tcp' }, subject: 'shell' }),
]

function explain(over: Partial<ExplainedRequest>) {
  return explainRequest(SPECS, { kind: 'http', method: 'POST', host: 'h.org', path: '/', headers: [], ...over })
}

function mismatches(over: Partial<ExplainedRequest>) {
  const { verdicts } = explain(over)
  const of = (name: string) => verdicts.find((verdict) => verdict.name === name)?.mismatch
  return { order: of('order'), gold: of('gold'), host: of('host'), socket: of('socket'), shell: of('shell') }
}

describe('explainRequest', () => {
  test('tells the winner, its parameters and the subject', () => {
    const { winner, params, subject, error, verdicts } = explain({ path: '/orders/e%75/a/b%2Fc' })
    assert.equal(winner?.name, 'order')
    assert.deepEqual(params, [
      ['region', 'eu'],
      ['rest', 'a/b/c'],
    ])
    assert.equal(subject, 'o.eu.a.b/c')
    assert.equal(error, undefined)
    assert.equal(verdicts.find(({ name }) => name === 'order')?.mismatch, undefined)
  })

  test('says of each route what does not fit', () => {
    assert.deepEqual(mismatches({ method: 'GET', path: '/orders/old' }), {
      order: 'path: segment 3 is missing',
      gold: 'path: segment 2 is `old`, not `new`',
      host: 'host: `h.org` is not `*.example.com`',
      socket: 'kind: the route is for ws, the request is http',
      shell: 'kind: tcp routes are reached by name, from a listener',
    })
    assert.equal(mismatches({ path: '/orders/new/x' }).gold, 'path: segment 3 is one too many')
    assert.equal(mismatches({ path: '/orders/%' }).gold, 'path: segment 2 is `malformed`, not `new`')
    assert.equal(mismatches({ path: '/orders/a/b', method: 'GET' }).order, 'method: GET is not one of POST, PUT')
    assert.equal(mismatches({ path: '/orders/new' }).gold, 'header: `x-tier` is not `gold`')
    assert.equal(mismatches({ path: '/orders/new', headers: ['x-tier', 'gold'] }).gold, 'header: `x-id` is missing')
    assert.equal(mismatches({ path: 'orders' }).order, 'path: it is malformed')
  })

  test('lists the routes in the order of precedence', () => {
    assert.deepEqual(
      explain({}).verdicts.map(({ name }) => name),
      ['host', 'gold', 'order', 'socket', 'shell'],
    )
  })

  test('agrees with the table about every request', () => {
    fc.assert(
      fc.property(routeSpecs, fc.array(requests, { minLength: 5, maxLength: 20 }), (specs, heads) => {
        const table = tableOf(specs)
        for (const head of [...heads, { ...heads[0]!, path: 'no path' }]) {
          const { winner, subject, error, allow, detail } = explainRequest(specs, head)
          const match = matchIn(table, head)
          assert.deepEqual(
            { name: winner?.name, subject, error, allow, detail },
            {
              name: match.route?.name,
              subject: match.subject,
              error: match.error,
              allow: match.allow,
              detail: match.detail,
            },
          )
        }
      }),
      { numRuns: 400 },
    )
  })

  test('lists the routes of a table in the table’s order', () => {
    fc.assert(
      fc.property(routeSpecs, (specs) => {
        const { verdicts } = explainRequest(specs, { kind: 'http', method: 'GET', host: '', path: '/', headers: [] })
        const inTable = tableOf(specs).routes.map(({ name }) => name)
        assert.deepEqual(
          verdicts.map(({ name }) => name),
          inTable,
        )
      }),
    )
  })
})
