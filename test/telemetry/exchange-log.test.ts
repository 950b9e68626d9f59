import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ErrorCode, ExchangeError } from '../../src/exchange/errors.ts'
import { createExchangeLog } from '../../src/telemetry/exchange-log.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { testRequest } from '../support/test-request.ts'

const REQUEST = testRequest({
  host: 'example.com',
  path: '/a',
  query: 'token=secret',
  requestId: 'id-1',
  headers: ['authorization', 'secret'],
})

function logged(level: string, error: ExchangeError | undefined): Record<string, unknown>[] {
  const lines: string[] = []
  const logger = createLogger(level, { write: (line) => void lines.push(line) })
  createExchangeLog(logger).ended(REQUEST, error?.status ?? 200, error, 1.23456, 1, 2)
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('the log of exchanges', () => {
  test('has one that ended well at debug only', () => {
    assert.deepEqual(logged('info', undefined), [])
    const [line] = logged('debug', undefined)
    assert.partialDeepStrictEqual(line, {
      level: 'debug',
      msg: 'exchange ended',
      requestId: 'id-1',
      method: 'GET',
      path: '/a',
      status: 200,
      code: 'ok',
      durationMs: 1.23,
      bytesIn: 1,
      bytesOut: 2,
    })
    assert.doesNotMatch(JSON.stringify(line), /secret/)
  })

  test('has the fault of a client at debug, of a backend at warn and our own at error', () => {
    const levelOf = (error: ExchangeError) => logged('debug', error).map(({ level }) => level)
    assert.deepEqual(levelOf(new ExchangeError('no_route', 'x')), ['debug'])
    assert.deepEqual(levelOf(new ExchangeError('backend_error', 'x', { status: 404 })), ['debug'])
    assert.deepEqual(levelOf(new ExchangeError('client_gone', 'x')), ['debug'])
    assert.deepEqual(levelOf(new ExchangeError('timeout', 'x')), ['warn'])
    assert.deepEqual(levelOf(new ExchangeError('internal', 'x')), ['error'])
  })

  test('is bounded in an outage: ten lines a second of one code, and the next one says how many were left out', () => {
    const lines: string[] = []
    const logger = createLogger('info', { write: (line) => void lines.push(line) })
    let nowMs = 0
    const log = createExchangeLog(logger, () => nowMs)
    const fail = (code: ErrorCode) => log.ended(REQUEST, 503, new ExchangeError(code, 'x'), 1, 0, 0)
    for (let i = 0; i < 1000; i++) fail('nats_unavailable')
    assert.equal(lines.length, 10)
    fail('timeout')
    assert.equal(lines.length, 11)
    nowMs = 1000
    fail('nats_unavailable')
    fail('nats_unavailable')
    assert.equal((JSON.parse(lines[11]!) as { leftOut: number }).leftOut, 990)
    assert.equal((JSON.parse(lines[12]!) as { leftOut?: number }).leftOut, undefined)
  })

  test('leaves nothing out at debug', () => {
    const lines: string[] = []
    const log = createExchangeLog(createLogger('debug', { write: (line) => void lines.push(line) }))
    for (let i = 0; i < 100; i++) log.ended(REQUEST, 503, new ExchangeError('timeout', 'x'), 1, 0, 0)
    assert.equal(lines.length, 100)
  })

  test('has what the client is not told: the message and the cause, with its stack', () => {
    const cause = new Error('the cause')
    const [line] = logged('warn', new ExchangeError('internal', 'what happened', { cause }))
    assert.equal(line?.msg, 'exchange failed: what happened')
    assert.partialDeepStrictEqual(line?.err, { message: 'the cause', stack: cause.stack })
  })

  test('has a client that left as 499, whatever it was told before', () => {
    const lines: string[] = []
    const logger = createLogger('debug', { write: (line) => void lines.push(line) })
    createExchangeLog(logger).ended(REQUEST, 200, new ExchangeError('client_gone', 'gone'), 1, 0, 0)
    assert.partialDeepStrictEqual(JSON.parse(lines[0]!), { status: 499, code: 'client_gone' })
  })
})
