import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Stream } from '../../src/wire/stream.ts'

/** For one frame of the least size that a chunk is cut to. */
const FIRST_BYTES = 4096
const CREDIT_BYTES = 64 + FIRST_BYTES

function openStream(ownsChunks: boolean) {
  const sent: Uint8Array[] = []
  const stream = new Stream({
    role: 'backend',
    local: { data: () => true, end() {}, reset() {}, drained() {} },
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
    const chunk = Buffer.alloc(FIRST_BYTES, 'a')
    assert.equal(stream.data(chunk), true)
    assert.equal(sent[0]?.buffer, chunk.buffer)
  })

  test('is copied where it has to wait, so that its owner may use it again', () => {
    const { stream, sent } = openStream(false)
    const chunk = Buffer.concat([Buffer.alloc(FIRST_BYTES, 'a'), Buffer.from('abcdef')])
    assert.equal(stream.data(chunk), false)
    chunk.fill('-')
    stream.onFrame({ type: 'credit', credit: 10_000 })
    assert.equal(sent[1]?.toString(), 'abcdef')
  })
})

test('a chunk that is the stream’s own is never copied', () => {
  const { stream, sent } = openStream(true)
  const chunk = Buffer.concat([Buffer.alloc(FIRST_BYTES, 'a'), Buffer.from('abcdef')])
  stream.data(chunk)
  stream.onFrame({ type: 'credit', credit: 10_000 })
  assert.equal(sent[1]?.buffer, chunk.buffer)
})
