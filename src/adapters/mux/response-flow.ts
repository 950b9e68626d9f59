import type { MessageMeta, RequestHead, ResponseHead } from '../../exchange/exchange.ts'
import { isDuplex } from '../../exchange/route.ts'
import type { MuxData, MuxFrame, MuxHead } from '../framing/mux-frame.ts'
import { withPolicyFields } from '../response-fields.ts'
import { cutCharacterBytes, toBody } from './frame-body.ts'
import type { MuxOutput, Sender } from './mux-output.ts'
import type { MuxEncoding } from './mux-socket.ts'
import { toMuxHeaders } from './response-headers.ts'

/** No chunk is cut to a piece below this, or a character of a text might never fit. */
const MIN_PIECE_BYTES = 4
/** Of an event's name or id. */
const MAX_EVENT_LENGTH = 1024

/**
 * What a backend says, on its way to the client: cut into frames, and held back where the client's credit does not cover
 * it. Holds one chunk at most, since a side that was told to stop sends no more.
 */
export class ResponseFlow {
  readonly #id: number
  readonly #request: RequestHead
  readonly #encoding: MuxEncoding
  /** Whether each chunk is a message of its own, and its parts have to say so. */
  #isMessages = false
  #isBodyless = false
  /** Of a body that comes whole, until it does: it goes out with the head. -1: there is none. */
  #wholeBytes = -1
  /** Payload bytes, absolute. */
  #credit: number
  #sent = 0
  /** Until it has been sent. */
  #head: MuxHead | undefined
  #chunk: Uint8Array | undefined
  #meta: MessageMeta | undefined
  /** Of the message that comes in parts: that of the first counts. */
  #partsType: MessageMeta['type']
  /** Of a part of a text, the character that was cut at its end. */
  #cut: Uint8Array | undefined
  #state: 'open' | 'ended' | 'done' = 'open'
  #closeCode: number | undefined

  /** @param credit undefined: as much as the connection takes */
  constructor(id: number, request: RequestHead, encoding: MuxEncoding, credit: number | undefined) {
    this.#id = id
    this.#request = request
    this.#encoding = encoding
    this.#credit = credit ?? Infinity
  }

  /** Of the chunk that waits to be sent. */
  get heldBytes(): number {
    return this.#chunk?.length ?? 0
  }

  /** A chunk waits to be sent. */
  get holdsChunk(): boolean {
    return this.#chunk !== undefined
  }

  /** A response without content, whatever its headers say (RFC 9110 section 6.4.1). */
  get isBodyless(): boolean {
    return this.#isBodyless
  }

  /** The head goes out with the body, which is about to come. */
  get awaitsBody(): boolean {
    return this.#wholeBytes >= 0
  }

  /** All of it is here, sent or not. */
  get ended(): boolean {
    return this.#state !== 'open'
  }

  /** The last frame was given out. */
  get done(): boolean {
    return this.#state === 'done'
  }

  /** There is a frame to send, and credit covers it. */
  get ready(): boolean {
    if (this.#head !== undefined) return true
    if (this.#chunk === undefined) return this.#state === 'ended'
    return this.#room(this.#chunk, Infinity) >= 0
  }

  /** False: it is larger than a frame may be. */
  head({ status, headers, length, messages }: ResponseHead): boolean {
    const { requestId, method, route, responseHeaders } = this.#request
    const fields = toMuxHeaders(withPolicyFields(headers, responseHeaders), requestId)
    if (fields === undefined) return false
    this.#head = { t: 'head', id: this.#id, status, headers: fields }
    const isConnection = isDuplex(route!)
    this.#isMessages = messages || isConnection
    this.#isBodyless = !isConnection && (method === 'HEAD' || status === 204 || status === 304)
    this.#wholeBytes = this.#isMessages ? -1 : length
    return true
  }

  /** Only when no chunk is held. The bytes stay the caller's, see `keep`. */
  put(chunk: Uint8Array, meta: MessageMeta | undefined): void {
    if (chunk.length === this.#wholeBytes) this.#state = 'ended'
    this.#wholeBytes = -1
    if (chunk.length === 0 && !this.#isMessages) return
    this.#meta = this.#partsType === undefined ? meta : { ...meta, type: this.#partsType }
    this.#partsType = meta?.fin === false ? this.#meta?.type : undefined
    const isText = this.#isMessages && this.#meta?.type === 'text'
    this.#chunk = isText ? this.#wholeCharacters(chunk, meta?.fin === false) : chunk
  }

  /** Copies what is left of the chunk, whose bytes are about to go. */
  keep(): void {
    if (this.#chunk !== undefined) this.#chunk = new Uint8Array(this.#chunk)
  }

  end(closeCode: number | undefined): void {
    this.#state = 'ended'
    this.#closeCode = closeCode
  }

  /** Credit below one that came before is old news. */
  grant(credit: number): void {
    if (credit > this.#credit) this.#credit = credit
  }

  /** Writes what credit and the connection take now. @param sender whose turn it has to be */
  sendTo(output: MuxOutput, sender: Sender): void {
    for (let room = output.roomFor(sender); room > 0 && !this.done; room = output.roomFor(sender)) {
      const frame = this.#next(room)
      if (frame === undefined) break
      output.write(frame)
    }
  }

  /** The next frame, with so much payload at most; undefined: there is none, or credit does not cover it. */
  #next(maxBytes: number): MuxFrame | undefined {
    const head = this.#head
    if (head !== undefined) return this.#nextHead(head, maxBytes)
    if (this.#chunk !== undefined) return this.#nextData(this.#chunk, maxBytes)
    if (this.#state !== 'ended') return undefined
    this.#state = 'done'
    return { t: 'end', id: this.#id, close: this.#closeCode }
  }

  #nextHead(head: MuxHead, maxBytes: number): MuxHead {
    this.#head = undefined
    const chunk = this.#chunk
    if (this.#state !== 'ended' || this.#closeCode !== undefined) return head
    if (chunk === undefined) {
      this.#state = 'done'
      return { ...head, end: true }
    }
    if (this.#isMessages || this.#room(chunk, maxBytes) < chunk.length) return head
    this.#state = 'done'
    return { ...head, body: toBody(this.#take(chunk, chunk.length), undefined, this.#encoding), end: true }
  }

  #nextData(chunk: Uint8Array, maxBytes: number): MuxData | undefined {
    const room = this.#room(chunk, maxBytes)
    if (room < 0) return undefined
    const meta = this.#meta
    const piece = this.#take(chunk, room)
    const isPart = this.#isMessages && (this.#chunk !== undefined || meta?.fin === false)
    const isLast = this.#state === 'ended' && this.#chunk === undefined && this.#closeCode === undefined
    if (isLast) this.#state = 'done'
    return {
      t: 'data',
      id: this.#id,
      body: toBody(piece, meta?.type, this.#encoding),
      end: isLast ? true : undefined,
      fin: isPart ? false : undefined,
      event: bounded(meta?.event),
      eventId: bounded(meta?.id),
    }
  }

  /** How much of the chunk may go now, between characters if it is cut; -1: nothing. */
  #room(chunk: Uint8Array, maxBytes: number): number {
    const room = Math.min(maxBytes, this.#credit - this.#sent)
    if (chunk.length <= room) return chunk.length
    return room < MIN_PIECE_BYTES ? -1 : room - cutCharacterBytes(chunk.subarray(0, room))
  }

  #take(chunk: Uint8Array, bytes: number): Uint8Array {
    this.#sent += bytes
    this.#chunk = bytes === chunk.length ? undefined : chunk.subarray(bytes)
    return chunk.subarray(0, bytes)
  }

  /** A backend may cut a text anywhere; a frame holds whole characters. */
  #wholeCharacters(chunk: Uint8Array, isPart: boolean): Uint8Array {
    const text = this.#cut === undefined ? chunk : Buffer.concat([this.#cut, chunk])
    const cutBytes = isPart ? cutCharacterBytes(text) : 0
    this.#cut = cutBytes === 0 ? undefined : text.slice(text.length - cutBytes)
    return cutBytes === 0 ? text : text.subarray(0, text.length - cutBytes)
  }
}

/** A name for people and programs, not a place for data. */
function bounded(name: string | undefined): string | undefined {
  return name === undefined || name.length <= MAX_EVENT_LENGTH ? name : undefined
}
