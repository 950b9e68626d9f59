import assert from 'node:assert/strict'
import type { MessageMeta } from '../../../src/exchange/exchange.ts'

export interface Chunk {
  readonly payload: Uint8Array
  /** Undefined: a part of a stream of bytes, which has no boundaries. */
  readonly meta: MessageMeta | undefined
}

/** What one end has said, and how far the other has heard it; throws when it hears anything else. */
export class Transcript {
  readonly #said: Chunk[] = []
  #ended = false
  /** The chunk that is being heard, and how much of it has been. */
  #index = 0
  #offset = 0

  say(chunk: Chunk): void {
    this.#said.push(chunk)
  }

  end(): void {
    this.#ended = true
  }

  hear(payload: Uint8Array, meta: MessageMeta | undefined): void {
    const chunk = this.#said[this.#index]
    assert.ok(chunk, 'heard more than was said')
    if (chunk.meta === undefined) this.#hearBytes(payload, meta)
    else this.#hearMessage(chunk, chunk.meta, payload, meta)
  }

  hearEnd(): void {
    this.#skipEmpty()
    assert.ok(this.#ended, 'heard an end that was not said')
    assert.equal(this.#index, this.#said.length, 'heard the end before all that was said')
    assert.equal(this.#offset, 0, 'heard the end within a chunk')
  }

  #hearBytes(payload: Uint8Array, meta: MessageMeta | undefined): void {
    assert.equal(meta, undefined, 'bytes became a message')
    let rest = payload
    while (rest.length > 0) {
      this.#skipEmpty()
      const chunk = this.#said[this.#index]
      assert.ok(chunk, 'heard more bytes than were said')
      const part = rest.subarray(0, chunk.payload.length - this.#offset)
      this.#assertSame(chunk, part)
      this.#advance(chunk, part.length)
      rest = rest.subarray(part.length)
    }
  }

  #hearMessage(chunk: Chunk, said: MessageMeta, payload: Uint8Array, heard: MessageMeta | undefined): void {
    assert.ok(heard, 'a message became bytes')
    assert.equal(heard.type, said.type)
    assert.equal(heard.event, said.event)
    assert.equal(heard.id, said.id)
    this.#assertSame(chunk, payload)
    const isLast = this.#offset + payload.length === chunk.payload.length
    assert.equal(heard.fin, isLast ? said.fin : false, 'the boundary of a message moved')
    this.#offset += payload.length
    if (!isLast) return
    this.#index++
    this.#offset = 0
  }

  #assertSame(chunk: Chunk, part: Uint8Array): void {
    const expected = chunk.payload.subarray(this.#offset, this.#offset + part.length)
    assert.ok(Buffer.compare(expected, part) === 0, 'heard other bytes than were said')
  }

  #advance(chunk: Chunk, bytes: number): void {
    this.#offset += bytes
    if (this.#offset < chunk.payload.length) return
    this.#index++
    this.#offset = 0
  }

  /** A chunk of no bytes in a stream of bytes may be heard or not. */
  #skipEmpty(): void {
    for (;;) {
      const chunk = this.#said[this.#index]
      if (chunk === undefined || chunk.meta !== undefined || chunk.payload.length > 0) return
      this.#index++
    }
  }
}
