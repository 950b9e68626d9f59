import type { Msg, MsgHdrs, NatsConnection } from 'nats'
import type { ErrorCode } from '../exchange/errors.ts'
import { isFrame } from '../wire/decode-frame.ts'
import { encodeFrame } from '../wire/encode-frame.ts'
import { isPeerSubject } from '../wire/peer-subject.ts'
import { EncodedHeaders } from './encoded-headers.ts'

const MAX_ANSWERS_PER_SECOND = 1000
const EMPTY = new Uint8Array(0)

/**
 * Answers frames of exchanges that are over: a peer that still holds one of ours learns that it may let go. Bounded,
 * as anybody who may publish to the inbox could ask.
 */
export class LateFrames {
  readonly #client: () => NatsConnection | undefined
  readonly #now: () => number
  readonly #code: ErrorCode
  #windowStartMs = 0
  #answers = 0

  /** @param code what the peer is told */
  constructor(client: () => NatsConnection | undefined, now: () => number, code: ErrorCode = 'client_gone') {
    this.#client = client
    this.#now = now
    this.#code = code
  }

  answer(message: Msg): void {
    const { reply } = message
    if (!isPeerSubject(reply) || !hasFrame(message)) return
    const now = this.#now()
    if (now - this.#windowStartMs >= 1000) {
      this.#windowStartMs = now
      this.#answers = 0
    }
    if (this.#answers++ >= MAX_ANSWERS_PER_SECOND) return
    const reset = { type: 'reset', code: this.#code, status: undefined, reason: undefined } as const
    const headers = new EncodedHeaders(encodeFrame(reset)) as unknown as MsgHdrs
    const client = this.#client()
    if (client?.isClosed() === false) client.publish(reply, EMPTY, { headers })
  }
}

function hasFrame(message: Msg): boolean {
  try {
    return isFrame(message.headers)
  } catch {
    // The client library throws where a header is malformed: that is no frame.
    return false
  }
}
