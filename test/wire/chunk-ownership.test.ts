import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Stream } from '../../src/wire/stream.ts'

const CREDIT_BYTES = 64 + 10

function openStream(ownsChunks: boolean) {
  const sent: Uint8Array[] = []
  const stream = new Stream({
    role: 'backend',
    local: { head() {}, data: () => true, end() {}, reset() {}, drained() {} },
    send: (_headerBlock, payload) => void (payload.length > 0 && sent.push(payload)),
    onClosed() {},
    now: () => 0,
    sends: true,
    receives: true,
    windowBytes: 256 * 1024,
    credit: CREDIT_BYTES,
    maxBytes: 64 * 1024,
    ownsChunks,
  })
  return { stream, sent }
}

describe('a chunk that is not the stream’s to keep', () => {
  test('is handed on as it is when credit covers it', () => {
    const { stream, sent } = openStream(false)
    const chunk = Buffer.from('0123456789')
    assert.equal(stream.data(chunk), true)
    assert.equal(sent[0]?.buffer, chunk.buffer)
  })

  test('is copied where it has to wait, so that its owner may use it again', () => {
    const { stream, sent } = openStream(false)
    const chunk = Buffer.from('0123456789abcdef')
    assert.equal(stream.data(chunk), false)
    chunk.fill('-')
    stream.onFrame({ type: 'credit', credit: 1000 })
    assert.equal(sent[1]?.toString(), 'abcdef')
  })
})

test('a chunk that is the stream’s own is never copied', () => {
  const { stream, sent } = openStream(true)
  const chunk = Buffer.from('0123456789abcdef')
  stream.data(chunk)
  stream.onFrame({ type: 'credit', credit: 1000 })
  assert.equal(sent[1]?.buffer, chunk.buffer)
})
