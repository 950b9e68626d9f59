import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CLOSED_SIDE } from '../../src/exchange/closed-side.ts'
import type { Dispatch } from '../../src/exchange/exchange.ts'
import type { Route } from '../../src/exchange/route.ts'
import { createPolicies } from '../../src/policies/policies.ts'
import { mergePolicies, type PolicyListDocument, toPolicySpecs } from '../../src/policies/policy-list.ts'
import { parseRoute } from '../../src/routing/spec.ts'
import { compileTable } from '../../src/routing/table.ts'
import { policyContext } from './policy-stage.ts'

const DEFAULTS: PolicyListDocument = [{ headers: { request: { set: { 'x-edge': 'eu' } } } }, { apiKey: {} }]

/** What a router whose settings have `defaults` makes of one route with `own`. */
function compile(defaults: PolicyListDocument, own: PolicyListDocument) {
  const context = policyContext()
  const policies = createPolicies(context)
  const parsed = parseRoute({ name: 'one', match: { path: '/one' }, subject: 'one', policies: own })
  assert.ok(parsed.ok)
  const ofTransport: Dispatch = () => CLOSED_SIDE
  const table = compileTable([parsed.spec], {
    revision: 1,
    dispatch: () => ofTransport,
    protect: (route, spec, service) =>
      policies.protect(route, mergePolicies(toPolicySpecs(defaults), spec.policies), service),
    defaultMaxBodyBytes: 1000,
  })
  return { route: table.byName('one')!, ofTransport, context }
}

/** Who serves a route: the function that is called for a request, and all that is asked before. */
function served({ dispatch, admit, authenticate, preflight }: Route) {
  return { dispatch, admit, authenticate, preflight }
}

describe('policies that a route does not have cost it nothing', () => {
  const without: readonly (readonly [string, PolicyListDocument, PolicyListDocument])[] = [
    ['there are none', [], []],
    ['it has none of those of the router', DEFAULTS, [{ off: 'apiKey' }, { off: 'headers' }]],
    ['it has none of a kind that the router does not have either', [], [{ off: 'jwt' }]],
  ]
  for (const [when, defaults, own] of without) {
    test(`where ${when}, a request goes to the very function of the transport`, () => {
      const { route, ofTransport, context } = compile(defaults, own)
      const bare = { dispatch: ofTransport, admit: undefined, authenticate: undefined, preflight: undefined }
      assert.deepEqual(served(route), bare)
      assert.equal(route.dispatch, ofTransport)
      assert.equal(context.wheel.size + context.circuits.size, 0)
    })
  }

  test('one that authenticates with nothing before it is asked for that alone', () => {
    const { route } = compile(DEFAULTS, [{ off: 'headers' }])
    assert.equal(typeof route.authenticate, 'function')
    assert.deepEqual([route.admit, route.preflight], [undefined, undefined])
  })

  test('one that it has stands before that function', () => {
    const { route, ofTransport } = compile(DEFAULTS, [{ off: 'apiKey' }])
    assert.notEqual(route.dispatch, ofTransport)
    assert.equal(route.authenticate, undefined)
  })
})
