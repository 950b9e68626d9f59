import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ExchangeError } from '../../src/exchange/errors.ts'
import { concurrency } from '../../src/policies/concurrency.ts'
import { testRequest } from '../support/test-request.ts'
import { answer, stagePolicy } from './policy-stage.ts'

const gone = new ExchangeError('client_gone', 'gone')

describe('concurrency policy', () => {
  test('answers busy to one exchange too many, until one is over', () => {
    const { begin, reached } = stagePolicy(concurrency, { max: 2 })
    begin()
    const second = begin()
    assert.deepEqual(begin().client.heard, ['reset busy'])
    second.backend.reset(gone)
    assert.deepEqual(begin().client.heard, [])
    assert.deepEqual(begin().client.heard, ['reset busy'])
    answer(reached[0]!)
    assert.deepEqual(begin().client.heard, [])
  })

  test('answers rate_limited to a client that has too many, and lets others in', () => {
    const { begin, reached } = stagePolicy(concurrency, { maxPerClient: 1 })
    begin()
    assert.deepEqual(begin().client.heard, ['reset rate_limited'])
    assert.deepEqual(begin(testRequest({ remote: '192.0.2.2' })).client.heard, [])
    answer(reached[0]!)
    assert.deepEqual(begin().client.heard, [])
  })

  test('takes an IPv6 network of 64 bits for one client', () => {
    const { begin } = stagePolicy(concurrency, { maxPerClient: 1 })
    begin(testRequest({ remote: '2001:db8::1' }))
    assert.deepEqual(begin(testRequest({ remote: '2001:db8::2:3:4:5' })).client.heard, ['reset rate_limited'])
    assert.deepEqual(begin(testRequest({ remote: '2001:db8:0:1::1' })).client.heard, [])
  })

  test('knows clients by who they are, and others by their address', () => {
    const { begin, identity } = stagePolicy(concurrency, { maxPerClient: 1, by: 'subject' })
    const refused = (over: Parameters<typeof testRequest>[0]) => begin(testRequest(over)).client.heard.length > 0
    assert.equal(refused({ identity: identity('alice') }), false)
    assert.equal(refused({ identity: identity('alice'), remote: '192.0.2.2' }), true)
    assert.equal(refused({ identity: identity('bob') }), false)
    assert.equal(refused({}), false)
    assert.equal(refused({}), true)
    // A name that looks like an address is nobody's address, and another policy's alice is somebody else.
    assert.equal(refused({ identity: identity('192.0.2.1') }), false)
    assert.equal(refused({ identity: identity('alice', { provedBy: 'other' }) }), false)
    // Two of a kind, for tokens of two issuers.
    assert.equal(refused({ identity: identity('alice', { policy: 'second' }) }), false)
  })

  test('tells the credentials of one client apart where it is told to', () => {
    const { begin, identity } = stagePolicy(concurrency, { maxPerClient: 1, by: 'key' })
    const refused = (keyId: string) =>
      begin(testRequest({ identity: identity('a', { keyId }) })).client.heard.length > 0
    assert.deepEqual([refused('one'), refused('two'), refused('one')], [false, false, true])
  })

  test('what the route refuses does not count against the client', () => {
    const { begin, reached } = stagePolicy(concurrency, { max: 1, maxPerClient: 1 })
    begin(testRequest({ remote: '192.0.2.2' }))
    assert.deepEqual(begin().client.heard, ['reset busy'])
    answer(reached[0]!)
    assert.deepEqual(begin().client.heard, [])
  })

  test('holds a connection’s place until both directions have ended', () => {
    const { begin, reached } = stagePolicy(concurrency, { max: 1 }, { route: { kind: 'tcp' } })
    const { backend } = begin()
    answer(reached[0]!)
    assert.deepEqual(begin().client.heard, ['reset busy'])
    backend.end()
    assert.deepEqual(begin().client.heard, [])
  })

  test('lets in as many as there is room for, in whatever order exchanges begin and end', () => {
    const step = fc.record({
      client: fc.integer({ min: 1, max: 4 }),
      act: fc.constantFrom('begin', 'answer', 'answer twice', 'fail', 'leave'),
      which: fc.nat(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { begin, reached } = stagePolicy(concurrency, { max: 5, maxPerClient: 2 })
        const open: { remote: string; at: number; backend: ReturnType<typeof begin>['backend'] }[] = []
        for (const { client, act, which } of steps) {
          const remote = `192.0.2.${client}`
          if (act === 'begin') {
            const own = open.filter((exchange) => exchange.remote === remote).length
            const expected = own >= 2 ? ['reset rate_limited'] : open.length >= 5 ? ['reset busy'] : []
            const begun = begin(testRequest({ remote }))
            assert.deepEqual(begun.client.heard, expected)
            if (expected.length === 0) open.push({ remote, at: reached.length - 1, backend: begun.backend })
            continue
          }
          if (open.length === 0) continue
          const [exchange] = open.splice(which % open.length, 1)
          const backend = reached[exchange!.at]!
          if (act === 'leave') exchange!.backend.reset(gone)
          else if (act === 'fail') backend.client.reset(new ExchangeError('timeout', 'late'))
          else answer(backend)
          if (act === 'answer twice') exchange!.backend.reset(gone)
        }
      }),
    )
  })

  for (const [what, options] of [
    ['without a limit', {}],
    ['by without maxPerClient', { max: 1, by: 'ip' }],
    ['a limit of none', { max: 0 }],
  ] as const) {
    test(`refuses ${what}`, () => assert.equal(concurrency.schema.safeParse(options).success, false))
  }
})
