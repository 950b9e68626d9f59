import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeFrame, decodeOpen, isFrame } from '../../src/wire/decode-frame.ts'
import type { MessageHeaders } from '../../src/wire/plain-reply.ts'

const PAYLOAD = new Uint8Array(3)

function createHeaders(fields: [string, string[]][]): MessageHeaders {
  return { code: 0, [Symbol.iterator]: () => fields[Symbol.iterator]() }
}

const type = fc.constantFrom('open', 'accept', 'head', 'data', 'end', 'reset', 'credit', 'ping', 'pong', 'else')
const number = fc.oneof(fc.nat().map(String), fc.constantFrom('-', '', '-1', '1e3', '0x1', '9'.repeat(30), ' 1'))
const sx = fc.oneof(
  fc.tuple(type, number).map(([type, number]) => `${type} ${number}`),
  fc.string(),
)
const name = fc.oneof(
  fc.constantFrom(
    'Sx-Credit',
    'Sx-Max',
    'Sx-Status',
    'Sx-End',
    'Sx-Bytes',
    'Sx-Code',
    'Sx-Type',
    'sx-fin',
    'SX-Deadline',
  ),
  fc.string({ unit: 'binary' }),
)
const values = fc.array(fc.oneof(number, fc.string({ unit: 'binary' })), { maxLength: 2 })
const hostile = fc
  .tuple(sx, fc.array(fc.tuple(name, values), { maxLength: 6 }))
  .map(([sx, fields]) => createHeaders([['Sx', [sx]], ...fields]))

describe('decodeFrame', () => {
  test('reads any headers without throwing, and gives only numbers that are numbers', () => {
    fc.assert(
      fc.property(hostile, (headers) => {
        isFrame(headers)
        for (const frame of [decodeFrame(headers, PAYLOAD), decodeOpen(headers, PAYLOAD)]) {
          for (const value of Object.values(frame ?? {})) {
            if (typeof value === 'number') assert.ok(value >= 0, `${value} is no count`)
          }
        }
      }),
      { numRuns: 2000 },
    )
  })
})
