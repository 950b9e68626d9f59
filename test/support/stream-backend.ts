import { randomFillSync } from 'node:crypto'
import { connect, type MsgHdrs, type NatsConnection } from 'nats'
import type { ExchangeError } from '../../src/exchange/errors.ts'
import type { Side } from '../../src/exchange/exchange.ts'
import { createIdSource } from '../../src/exchange/id-source.ts'
import { EncodedHeaders } from '../../src/nats/encoded-headers.ts'
import { decodeFrame, decodeOpen } from '../../src/wire/decode-frame.ts'
import type { OpenFrame } from '../../src/wire/frame.ts'
import { Stream } from '../../src/wire/stream.ts'

/** What a test's backend does with one exchange. Return the handlers for what the router sends. */
export type StreamHandler = (stream: Stream, open: OpenFrame) => Partial<Side>

/** A backend of SX/1 as bare as can be, so that a test can make it do wrong. */
export interface StreamBackend {
  readonly nats: NatsConnection
  readonly resets: ExchangeError[]
  /** Streams that are not closed. */
  readonly open: number
  /** Resolves when the server knows: clients come over another connection. */
  handle(subject: string, handler: StreamHandler): Promise<void>
  close(): Promise<void>
}

export async function startStreamBackend(url: string): Promise<StreamBackend> {
  const nats = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 })
  const nextToken = createIdSource(randomFillSync)
  const prefix = `_INBOX.${nextToken()}.`
  const streams = new Map<string, Stream>()
  const resets: ExchangeError[] = []
  nats.subscribe(`${prefix}>`, {
    callback: (_error, message) => {
      const stream = streams.get(message.subject.slice(prefix.length))
      const headers = message.headers
      if (stream === undefined || headers === undefined) return
      if (headers.code === 503) {
        stream.onPeerGone()
        return
      }
      const frame = decodeFrame(headers, message.data)
      if (frame.type === 'broken') stream.onBroken(frame.reason)
      else if (frame.type !== 'ignored') stream.onFrame(frame)
    },
  })
  await nats.flush()
  return {
    nats,
    resets,
    get open() {
      return streams.size
    },
    handle(subject, handler) {
      nats.subscribe(subject, {
        queue: 'q',
        callback: (_error, message) => {
          const open = decodeOpen(message.headers, message.data)
          if (open === undefined || open.type === 'broken') throw new Error('not an OPEN')
          const token = nextToken()
          const replySubject = message.reply!
          let local: Partial<Side> = {}
          const stream = new Stream({
            role: 'backend',
            local: {
              data: (chunk, meta) => local.data?.(chunk, meta) ?? true,
              end: (trailers, closeCode) => local.end?.(trailers, closeCode),
              reset(error) {
                resets.push(error)
                local.reset?.(error)
              },
              drained: () => local.drained?.(),
            },
            send(block, payload, asksReply) {
              const headers = new EncodedHeaders(block) as unknown as MsgHdrs
              nats.publish(replySubject, payload, asksReply ? { headers, reply: prefix + token } : { headers })
            },
            onClosed: () => streams.delete(token),
            now: () => performance.now(),
            sends: true,
            receives: open.more,
            windowBytes: 256 * 1024,
            credit: open.credit,
            maxBytes: Math.min(open.maxBytes, 64 * 1024),
          })
          streams.set(token, stream)
          local = handler(stream, open)
        },
      })
      return nats.flush()
    },
    close: () => nats.close(),
  }
}
