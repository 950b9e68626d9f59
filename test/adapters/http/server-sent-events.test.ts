import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EventEncoder } from '../../../src/adapters/http/server-sent-events.ts'

describe('a server-sent event that comes in parts', () => {
  test('is the same event as in one piece, wherever it was cut', () => {
    const payload = Buffer.from('a€\r\nb\rc\nd')
    const meta = { type: 'text', event: 'e', id: '1' } as const
    const whole = new EventEncoder().encode(payload, meta)
    assert.equal(whole, 'id: 1\nevent: e\ndata: a€\ndata: b\ndata: c\ndata: d\n\n')
    for (let a = 0; a <= payload.length; a++) {
      for (let b = a; b <= payload.length; b++) {
        const events = new EventEncoder()
        let text = events.encode(payload.subarray(0, a), { ...meta, fin: false })
        assert.ok(events.isWithin)
        text += events.encode(payload.subarray(a, b), { ...meta, fin: false })
        text += events.encode(payload.subarray(b), meta)
        assert.ok(!events.isWithin)
        assert.equal(text, whole)
      }
    }
  })
})
