import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ExchangeError } from '../../src/exchange/errors.ts'
import type { ClientSide } from '../../src/exchange/exchange.ts'
import { watchExchange } from '../../src/policies/watched-exchange.ts'
import { testRequest } from '../support/test-request.ts'
import { testRoute } from '../support/test-route.ts'
import { recorder } from './policy-stage.ts'

const CALLS = [
  'client data',
  'client end',
  'client reset',
  'backend head',
  'backend data',
  'backend end',
  'backend reset',
]
const error = new ExchangeError('backend_lost', 'gone')

/** Begins an exchange whose two sides are then called in any order, as sides that cross each other do. */
function begin(kind: 'http' | 'tcp') {
  let over = 0
  let lastError: ExchangeError | undefined
  let toClient: ClientSide | undefined
  const client = recorder()
  const backend = recorder()
  const watcher = {
    onOver: (failure: ExchangeError | undefined) => {
      over++
      lastError = failure
    },
  }
  const next = (_: unknown, watched: ClientSide) => {
    toClient = watched
    return backend
  }
  const toBackend = watchExchange(next, testRequest(), client, testRoute({ kind }), watcher)
  const call = (name: string) => {
    const [from, what] = name.split(' ')
    const side = from === 'client' ? toBackend : toClient!
    if (what === 'data') side.data(Buffer.from('x'))
    else if (what === 'end') side.end()
    else if (what === 'reset') side.reset(error)
    else toClient!.head({ status: 200, headers: [], length: -1, messages: false })
  }
  return { call, client, backend, count: () => over, error: () => lastError }
}

describe('a watched exchange', () => {
  const orders = fc.array(fc.constantFrom(...CALLS), { maxLength: 12 })

  test('is over once, with the first reset or the end of the response', () => {
    fc.assert(
      fc.property(orders, (calls) => {
        const exchange = begin('http')
        const ends = ['client reset', 'backend end', 'backend reset']
        for (const [i, call] of calls.entries()) {
          exchange.call(call)
          const isOver = calls.slice(0, i + 1).some((name) => ends.includes(name))
          assert.equal(exchange.count(), isOver ? 1 : 0)
        }
      }),
    )
  })

  test('that is a connection is over once, with the first reset or the ends of both directions', () => {
    fc.assert(
      fc.property(orders, (calls) => {
        const exchange = begin('tcp')
        for (const [i, call] of calls.entries()) {
          exchange.call(call)
          const soFar = calls.slice(0, i + 1)
          const isReset = soFar.includes('client reset') || soFar.includes('backend reset')
          const isEnded = soFar.includes('client end') && soFar.includes('backend end')
          assert.equal(exchange.count(), isReset || isEnded ? 1 : 0)
        }
      }),
    )
  })

  test('passes every call on, whatever the order', () => {
    fc.assert(
      fc.property(orders, (calls) => {
        const { call, client, backend } = begin('http')
        for (const name of calls) call(name)
        const by = (side: string) => calls.filter((name) => name.startsWith(side)).map((name) => name.split(' ')[1])
        const words = (heard: readonly string[]) => heard.map((line) => line.split(' ')[0])
        assert.deepEqual(words(client.heard), by('backend'))
        assert.deepEqual(words(backend.heard), by('client'))
      }),
    )
  })

  test('tells the backend’s error, and not the client’s', () => {
    const failed = begin('http')
    failed.call('backend reset')
    assert.equal(failed.error(), error)
    const left = begin('http')
    left.call('client reset')
    assert.equal(left.error(), undefined)
  })

  test('is over when beginning it throws', () => {
    let over = 0
    const fail = () => {
      throw new TypeError('a bug')
    }
    const watcher = { onOver: () => void over++ }
    assert.throws(() => watchExchange(fail, testRequest(), recorder(), testRoute(), watcher), TypeError)
    assert.equal(over, 1)
  })
})
