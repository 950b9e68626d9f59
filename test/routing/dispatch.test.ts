import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CLOSED_SIDE } from '../../src/exchange/closed-side.ts'
import type { ExchangeError } from '../../src/exchange/errors.ts'
import type { BackendSide, ClientSide, RequestHead } from '../../src/exchange/exchange.ts'
import { createNamedRouting, createRouting } from '../../src/routing/dispatch.ts'
import { compileTable, type RouteTable } from '../../src/routing/table.ts'
import { request, route, specOf } from './routes.ts'

/** A client that only tells how it was reset. */
function createClient(): ClientSide & { readonly resets: ExchangeError[] } {
  const resets: ExchangeError[] = []
  const unexpected = () => {
    throw new Error('nothing but a reset is expected')
  }
  return {
    resets,
    head: unexpected,
    data: unexpected,
    end: unexpected,
    drained: unexpected,
    reset: (e) => resets.push(e),
  }
}

const BACKEND: BackendSide = { data: () => true, end: () => {}, reset: () => {}, drained: () => {} }

/** A table whose routes note what reaches them. */
function tableThatNotes(seen: string[], revision = 1): RouteTable {
  const documents = [
    { ...route('orders', '/orders/{id}', { methods: ['POST'] }), subject: 'secret.{id}' },
    { name: 'shell', match: { kind: 'tcp' as const }, subject: 'secret.shell' },
  ]
  return compileTable(documents.map(specOf), {
    revision,
    defaultMaxBodyBytes: 1000,
    dispatch: (plan) => (head) => {
      seen.push(`${revision} ${plan.name} ${head.route?.name} ${head.subject}`)
      return BACKEND
    },
  })
}

function refused(head: Partial<RequestHead>): { error: ExchangeError; request: RequestHead } {
  const seen: string[] = []
  const client = createClient()
  const asked = request(head)
  assert.equal(createRouting(() => tableThatNotes(seen)).dispatch(asked, client), CLOSED_SIDE)
  assert.deepEqual(seen, [])
  assert.equal(client.resets.length, 1)
  return { error: client.resets[0]!, request: asked }
}

describe('createRouting', () => {
  test('sets route and subject and hands over to the route', () => {
    const seen: string[] = []
    const routing = createRouting(() => tableThatNotes(seen)).dispatch
    const client = createClient()
    assert.equal(routing(request({ method: 'POST', path: '/orders/7' }), client), BACKEND)
    assert.deepEqual(seen, ['1 orders orders secret.7'])
    assert.deepEqual(client.resets, [])
  })

  test('asks for the table with each request', () => {
    const seen: string[] = []
    let current = tableThatNotes(seen, 1)
    const routing = createRouting(() => current).dispatch
    routing(request({ method: 'POST', path: '/orders/7' }), createClient())
    current = tableThatNotes(seen, 2)
    routing(request({ method: 'POST', path: '/orders/8' }), createClient())
    assert.deepEqual(seen, ['1 orders orders secret.7', '2 orders orders secret.8'])
  })

  test('resets with no_route where nothing matches', () => {
    const { error, request } = refused({ path: '/nowhere' })
    assert.deepEqual([error.code, error.status, error.detail, request.route], ['no_route', 404, undefined, undefined])
  })

  test('resets with method_not_allowed and what is allowed', () => {
    const { error } = refused({ path: '/orders/7' })
    assert.deepEqual([error.code, error.status, error.allow], ['method_not_allowed', 405, ['POST']])
  })

  test('resets with bad_request where the path is none', () => {
    assert.equal(refused({ path: '*', method: 'OPTIONS' }).error.code, 'bad_request')
  })

  test('resets with subject_invalid, names the route, and keeps the subject from the client', () => {
    const { error, request } = refused({ method: 'POST', path: '/orders/a.b' })
    assert.equal(error.code, 'subject_invalid')
    assert.match(error.detail ?? '', /`id`/)
    assert.doesNotMatch(error.detail ?? '', /secret/)
    assert.equal(request.route?.name, 'orders')
    assert.equal(request.subject, '')
  })

  test('does not carry an error over to the next request', () => {
    const seen: string[] = []
    const routing = createRouting(() => tableThatNotes(seen)).dispatch
    const client = createClient()
    routing(request({ path: '/orders/7' }), client)
    routing(request({ method: 'POST', path: '/orders/a.b' }), client)
    routing(request({ path: '/nowhere' }), client)
    assert.deepEqual(
      client.resets.map(({ code, detail, allow }) => [code, detail !== undefined, allow]),
      [
        ['method_not_allowed', false, ['POST']],
        ['subject_invalid', true, undefined],
        ['no_route', false, undefined],
      ],
    )
  })
})

describe('createNamedRouting', () => {
  test('sends every connection to the tcp route of that name', () => {
    const seen: string[] = []
    const routing = createNamedRouting(() => tableThatNotes(seen), 'shell').dispatch
    assert.equal(routing(request({ kind: 'tcp', path: '' }), createClient()), BACKEND)
    assert.deepEqual(seen, ['1 shell shell secret.shell'])
  })

  test('resets with no_route where the table has no tcp route of that name', () => {
    const seen: string[] = []
    for (const name of ['orders', 'nobody']) {
      const client = createClient()
      assert.equal(
        createNamedRouting(() => tableThatNotes(seen), name).dispatch(request({ kind: 'tcp' }), client),
        CLOSED_SIDE,
      )
      assert.equal(client.resets[0]?.code, 'no_route')
    }
    assert.deepEqual(seen, [])
  })
})
