import type {
  MuxBody,
  MuxCredit,
  MuxData,
  MuxEnd,
  MuxFrame,
  MuxHead,
  MuxOpen,
  MuxReset,
} from '../adapters/framing/mux-frame.ts'
import { createDeferred } from './deferred.ts'
import { Incoming } from './incoming.ts'
import { Outgoing, type Outlet } from './outgoing.ts'
import { byteLength } from './pieces.ts'
import { RouterError } from './router-error.ts'

/** The frames that the router sends about one exchange. */
export type ExchangeFrame = MuxHead | MuxData | MuxEnd | MuxReset | MuxCredit

/** What an exchange needs of its connection. */
export interface ExchangePort {
  write(frame: MuxFrame): void
  onExchangeClosed(id: number): void
}

/**
 * One exchange on one connection. States: `open` -> `closed`, when both directions have ended, or the response of a
 * request; by a reset of either end; by the end of the connection.
 */
export class Exchange implements Outlet {
  readonly id: number
  readonly #port: ExchangePort
  /** Its directions end by themselves; the response of a request ends all of it. */
  readonly #isDuplex: boolean
  readonly #incoming: Incoming
  readonly #outgoing: Outgoing
  readonly #head = createDeferred<MuxHead>()
  readonly #closed = createDeferred<number>()
  #isOpen = true
  #isHeaded = false
  #closeCode = 1000

  /** @param open what it has begun with */
  constructor(port: ExchangePort, open: MuxOpen, isDuplex: boolean) {
    this.id = open.id
    this.#port = port
    this.#isDuplex = isDuplex
    this.#incoming = new Incoming((to) => this.#write({ t: 'credit', id: this.id, to }))
    this.#outgoing = new Outgoing(this, open.body === undefined ? 0 : byteLength(open.body), open.more === true)
  }

  /** Rejects if the exchange is over before it. */
  get head(): Promise<MuxHead> {
    return this.#head.promise
  }

  /** Resolves with the close code of a WebSocket, 1000 of all else; rejects if the exchange ends before its end. */
  get closed(): Promise<number> {
    return this.#closed.promise
  }

  /** The next chunk, undefined at the end; one reader at a time. What is read makes room for more. */
  read(): Promise<MuxData | undefined> {
    return this.#incoming.read()
  }

  /** @param isMessage its pieces are parts of one message */
  send(body: MuxBody, isMessage: boolean): Promise<void> {
    return this.#outgoing.send(body, isMessage)
  }

  /** Nothing more is sent, once what waits is out. */
  finish(closeCode?: number): void {
    this.#outgoing.end(closeCode)
  }

  /** Ends both directions; `head`, `closed`, `read` and `send` reject with the reason. */
  cancel(reason: unknown, code = 'client_gone'): void {
    if (!this.#isOpen) return
    this.#write({ t: 'reset', id: this.id, code })
    this.fail(reason)
  }

  // The connection speaks.

  onFrame(frame: ExchangeFrame): void {
    switch (frame.t) {
      case 'head':
        this.#onHead(frame)
        break
      case 'data':
        this.#onData(frame)
        break
      case 'end':
        this.#onEnd(frame.close)
        break
      case 'reset':
        this.fail(new RouterError(frame.code, frame.detail ?? frame.code, frame))
        break
      case 'credit':
        this.#outgoing.grant(frame.to)
    }
  }

  /** The exchange is over before its end. */
  fail(reason: unknown): void {
    if (!this.#isOpen) return
    this.#incoming.fail(reason)
    this.#head.reject(reason)
    this.#closed.reject(reason)
    this.#close(reason)
  }

  // What is sent goes out.

  data(body: MuxBody, fin: false | undefined): void {
    this.#write({ t: 'data', id: this.id, body, fin })
  }

  end(close: number | undefined): void {
    this.#write({ t: 'end', id: this.id, close })
    this.#closeIfDone()
  }

  #onHead(head: MuxHead): void {
    if (this.#isHeaded) {
      this.#breach('a second head')
      return
    }
    this.#isHeaded = true
    this.#head.resolve(head)
    if (head.body !== undefined) this.#onData({ t: 'data', id: head.id, body: head.body, end: head.end })
    else if (head.end) this.#onEnd()
  }

  #onData(chunk: MuxData): void {
    if (!this.#isHeaded || this.#incoming.hasEnded) this.#breach('data out of place')
    else if (!this.#incoming.push(chunk)) this.#breach('more than it was granted')
    else if (chunk.end) this.#onEnd()
  }

  #onEnd(closeCode = 1000): void {
    if (!this.#isHeaded || this.#incoming.hasEnded) {
      this.#breach('an end out of place')
      return
    }
    this.#incoming.end()
    this.#closeCode = closeCode
    this.#closeIfDone()
  }

  #closeIfDone(): void {
    if (!this.#incoming.hasEnded || (this.#isDuplex && !this.#outgoing.hasSentAll)) return
    this.#closed.resolve(this.#closeCode)
    this.#close(new Error('the response is over: nobody waits for the rest of the request'))
  }

  #close(reason: unknown): void {
    this.#isOpen = false
    this.#outgoing.fail(reason)
    this.#port.onExchangeClosed(this.id)
  }

  #write(frame: MuxFrame): void {
    if (this.#isOpen) this.#port.write(frame)
  }

  #breach(what: string): void {
    this.cancel(new RouterError('protocol_error', `the router sent ${what}`, { status: 502 }), 'protocol_error')
  }
}
