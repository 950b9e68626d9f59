import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ErrorCode, ExchangeError } from '../../src/exchange/errors.ts'
import type { RouteSettings } from '../../src/exchange/route.ts'
import type { Circuit } from '../../src/policies/circuit.ts'
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts'
import { writeCircuits } from '../../src/telemetry/circuit-gauges.ts'
import { MetricsWriter } from '../../src/telemetry/metrics-writer.ts'
import { testRequest } from '../support/test-request.ts'
import { answer, stagePolicy } from './policy-stage.ts'

const OPTIONS = { failureRatio: 0.5, minExchanges: 4, window: '10s', openFor: '5s' }
const gone = new ExchangeError('client_gone', 'gone')

function stage(options: object = OPTIONS, route: Partial<RouteSettings> = {}) {
  const circuits = new Set<Circuit>()
  const lines: string[] = []
  const note = (_: object, message: string) => void lines.push(message)
  const logger = { debug: note, info: note, warn: note, error: note }
  const staged = stagePolicy(circuitBreaker, options, { route, context: { circuits, logger } })
  const last = () => staged.reached.at(-1)!
  const isLetIn = (head = testRequest()) => staged.begin(head).client.heard.length === 0
  return {
    ...staged,
    circuits,
    lines,
    last,
    isLetIn,
    isOpen: () => [...circuits].some(({ isOpen }) => isOpen),
    /** A whole request, and what becomes of it. */
    succeed(status = 200) {
      const { backend } = staged.begin()
      backend.end()
      answer(last(), status)
    },
    fail(code: ErrorCode = 'timeout', status?: number) {
      const { backend } = staged.begin()
      backend.end()
      last().client.reset(new ExchangeError(code, code, status === undefined ? {} : { status }))
    },
  }
}

describe('circuitBreaker policy', () => {
  test('opens when enough exchanges of the window have failed, and not before', () => {
    const { succeed, fail, isOpen, isLetIn } = stage()
    fail()
    fail()
    fail()
    assert.equal(isOpen(), false, 'three say nothing')
    succeed()
    assert.equal(isOpen(), false, 'a success opens nothing')
    succeed()
    succeed()
    succeed()
    fail()
    assert.equal(isOpen(), true, 'four of eight')
    assert.equal(isLetIn(), false)
  })

  test('forgets what is older than the window', () => {
    const { fail, pass, isOpen } = stage()
    for (let i = 0; i < 3; i++) fail()
    pass(11_000)
    fail()
    assert.equal(isOpen(), false)
    for (let i = 0; i < 2; i++) fail()
    pass(5000)
    fail()
    assert.equal(isOpen(), true)
  })

  test('while it is open, clients get busy at once and are told when to come back', () => {
    const { fail, begin, pass, reached } = stage()
    for (let i = 0; i < 4; i++) fail()
    pass(2000)
    const { client } = begin()
    assert.deepEqual(client.heard, ['reset busy'])
    assert.equal(client.errors[0]?.retryAfterS, 3)
    assert.equal(reached.length, 4)
  })

  test('lets one exchange try when its time is over, and closes when that succeeds', () => {
    const { fail, succeed, pass, isLetIn, last, isOpen, lines } = stage()
    for (let i = 0; i < 4; i++) fail()
    pass(5000)
    assert.deepEqual([isLetIn(), isLetIn(), isLetIn()], [true, false, false])
    assert.equal(isOpen(), true)
    answer(last())
    assert.equal(isOpen(), false)
    succeed()
    for (let i = 0; i < 3; i++) fail()
    assert.equal(isOpen(), true, 'it counts anew')
    assert.deepEqual(
      lines.map((line) => /open|half-open|closed/.exec(line)?.[0]),
      ['open', 'half-open', 'closed', 'open'],
    )
  })

  test('opens again when the trial fails', () => {
    const { fail, pass, isLetIn, isOpen } = stage()
    for (let i = 0; i < 4; i++) fail()
    pass(5000)
    fail()
    assert.deepEqual([isOpen(), isLetIn()], [true, false])
    pass(4999)
    assert.equal(isLetIn(), false)
    pass(1)
    assert.equal(isLetIn(), true)
  })

  test('a stream is a success when its response begins', () => {
    const { fail, pass, begin, last, isOpen } = stage()
    for (let i = 0; i < 4; i++) fail()
    pass(5000)
    begin()
    last().client.head({ status: 200, headers: [], length: -1, messages: true })
    assert.equal(isOpen(), false)
  })

  test('a trial whose client leaves makes room for another, as does one without an outcome after a second', () => {
    const { fail, pass, begin, isLetIn } = stage()
    for (let i = 0; i < 4; i++) fail()
    pass(5000)
    begin().backend.reset(gone)
    assert.deepEqual([isLetIn(), isLetIn()], [true, false])
    pass(1000)
    assert.deepEqual([isLetIn(), isLetIn()], [true, false])
  })

  test('what began before it opened says nothing afterwards', () => {
    const { fail, pass, begin, last, isOpen, reached } = stage()
    begin().backend.end()
    const early = last()
    for (let i = 0; i < 4; i++) fail()
    pass(5000)
    begin().backend.end()
    answer(early)
    assert.equal(isOpen(), true)
    answer(reached.at(-1)!)
    assert.equal(isOpen(), false)
  })

  for (const code of ['timeout', 'backend_lost', 'backend_error', 'protocol_error', 'internal'] as const) {
    test(`counts ${code} as a failure`, () => {
      const { fail, isOpen } = stage()
      for (let i = 0; i < 4; i++) fail(code)
      assert.equal(isOpen(), true)
    })
  }

  for (const code of [
    'no_responders',
    'gap',
    'busy',
    'nats_unavailable',
    'too_large',
    'rate_limited',
    'unauthorized',
  ] as const) {
    test(`does not count ${code}`, () => {
      const { fail, isOpen } = stage()
      for (let i = 0; i < 10; i++) fail(code)
      assert.equal(isOpen(), false)
    })
  }

  test('counts what it is told to', () => {
    const { fail, succeed, isOpen } = stage({ ...OPTIONS, failures: ['no_responders', 'gap', 'server_error'] })
    for (let i = 0; i < 10; i++) fail('timeout')
    assert.equal(isOpen(), false)
    fail('no_responders')
    fail('gap')
    succeed(500)
    succeed(503)
    assert.equal(isOpen(), true)
  })

  test('a status of the backend is no failure by default, nor is a service’s word that the request is wrong', () => {
    const { fail, succeed, isOpen } = stage()
    for (let i = 0; i < 10; i++) {
      succeed(500)
      fail('backend_error', 404)
    }
    assert.equal(isOpen(), false)
  })

  test('nothing that a client does alone counts', () => {
    const { begin, last, isOpen, fail } = stage()
    for (let i = 0; i < 10; i++) {
      // Leaves, has set a deadline of its own, or does not send the rest of its request.
      begin().backend.reset(gone)
      begin().backend.reset(new ExchangeError('timeout', 'the client’s deadline'))
      begin()
      last().client.reset(new ExchangeError('timeout', 'nothing more of the body'))
    }
    // Reads a stream for longer than the route allows.
    for (let i = 0; i < 10; i++) {
      begin().backend.end()
      last().client.head({ status: 200, headers: [], length: -1, messages: true })
      last().client.reset(new ExchangeError('timeout', 'maxDuration'))
    }
    assert.equal(isOpen(), false)
    for (let i = 0; i < 20; i++) fail()
    assert.equal(isOpen(), true)
  })

  test('of a connection, a backend that does not answer counts, unless the connection’s time may have been over', () => {
    for (const [maxDurationMs, expected] of [
      [0, true],
      [60_000, false],
    ] as const) {
      const { begin, last, isOpen } = stage(OPTIONS, { kind: 'tcp', maxDurationMs })
      for (let i = 0; i < 4; i++) {
        begin()
        last().client.reset(new ExchangeError('timeout', 'late'))
      }
      assert.equal(isOpen(), expected)
    }
  })

  test('is in the metrics as long as its route has it', () => {
    const { fail, circuits, policy } = stage()
    const text = () => {
      const out = new MetricsWriter()
      writeCircuits(out, circuits)
      return out.toString()
    }
    assert.match(text(), /^engine_router_circuit_open\{route="test"\} 0$/m)
    for (let i = 0; i < 4; i++) fail()
    assert.match(text(), /^engine_router_circuit_open\{route="test"\} 1$/m)
    policy.close!()
    assert.doesNotMatch(text(), /route=/)
  })

  test('several on one route are one series in the metrics', () => {
    const out = new MetricsWriter()
    writeCircuits(out, [
      { route: 'a', isOpen: true },
      { route: 'a', isOpen: false },
    ])
    assert.equal(
      out
        .toString()
        .match(/^engine_router_circuit_open\{.*$/gm)
        ?.join(),
      'engine_router_circuit_open{route="a"} 1',
    )
  })
})
