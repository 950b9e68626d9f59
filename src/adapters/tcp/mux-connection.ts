import type { DeadlineWheel, WheelEntry } from '../../exchange/deadline-wheel.ts'
import type { LimitObserver } from '../../exchange/limit.ts'
import { encodeJsonFrame } from '../framing/json-frames.ts'
import type { MuxGoaway } from '../framing/mux-frame.ts'
import type { ConnectMux } from '../mux/mux.ts'
import type { MuxConnection, MuxEncoding, MuxSocket } from '../mux/mux-socket.ts'
import { StallClock } from '../stall-clock.ts'
import { type Channel, resetChannel } from './channel.ts'
import type { ConnectionSet, TcpConnection } from './connection-set.ts'
import { corkForNow } from './cork.ts'
import { type SocketOwner, setOwner } from './socket-owner.ts'

/** For the first bytes, which say what the client speaks. */
const FIRST_BYTES_MS = 10_000
/** A client that says nothing for so long is gone. It is asked more often than that. */
const SILENCE_MS = 60_000
/** For a client that has got all to close too, after we did. */
const LINGER_MS = 10_000

const BRACE = 0x7b
/** What a client begins with that goes on in binary. */
const MAGIC = Buffer.from('SX1\n')
const LINE_END = Buffer.from('\n')

/** What the connections of one mux listener share. */
export interface MuxParts {
  readonly connections: ConnectionSet
  readonly wheel: DeadlineWheel
  readonly connect: ConnectMux
  readonly limitObserver: LimitObserver
  /** For which a client may take nothing of what is sent. */
  readonly stallTimeoutMs: number
}

/**
 * A connection of many exchanges. States: `new` until the first bytes say which encoding it is -> `open`, with a session
 * -> `closing` we have sent all -> `closed`. The client's FIN leaves it open until what is under way is over: netcat
 * closes its side after the last request.
 */
export class MuxTcpConnection implements MuxSocket, SocketOwner, TcpConnection, WheelEntry {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1

  readonly #parts: MuxParts
  readonly #channel: Channel
  readonly #stall = new StallClock()
  #state: 'new' | 'open' | 'closing' | 'closed' = 'new'
  #session: MuxConnection | undefined
  #encoding: MuxEncoding = 'json'
  /** Of the bytes that begin a binary connection. */
  #matched = 0
  /** The last sign of life. */
  #heardAtMs: number
  /** Bytes that had left when `#reads` was asked last. */
  #sentBytes = 0
  #paused = false
  #clientEnded = false

  constructor(parts: MuxParts, channel: Channel) {
    this.#parts = parts
    this.#channel = channel
    this.#heardAtMs = parts.wheel.now()
    parts.connections.add(this)
    parts.wheel.schedule(this, FIRST_BYTES_MS)
    setOwner(channel.socket, this)
  }

  // The socket speaks.

  onData(chunk: Buffer): void {
    if (this.#state === 'open') {
      this.#heardAtMs = this.#parts.wheel.now()
      this.#session!.onBytes(chunk)
    } else if (this.#state === 'new') {
      this.#onFirstBytes(chunk)
    }
  }

  onEnd(): void {
    this.#clientEnded = true
    if (this.#state === 'new') this.close()
    if (this.#state !== 'open') return
    // A last line without its end is whole all the same. For binary frames the bytes that are missing never come.
    if (this.#encoding === 'json') this.#session!.onBytes(LINE_END)
    if (this.#isOpen()) this.#session!.onEnded()
  }

  onDrain(): void {
    if (this.#state === 'open') this.#session!.onWritable()
  }

  /** Never set: what the other end has heard says nothing of whether it is there. */
  onTimeout(): void {}

  onClose(): void {
    this.#state = 'closed'
    const { connections, wheel } = this.#parts
    wheel.cancel(this)
    connections.delete(this)
    this.#session?.onClosed()
  }

  onDeadline(): void {
    if (this.#state === 'new') {
      this.#parts.limitObserver.onLimit('handshake', this.#channel.remote)
      this.#cut()
    } else if (this.#state === 'open') this.#onSilence()
    else this.#onLingered()
  }

  // The session speaks.

  send(frame: string | Uint8Array): boolean {
    const { socket } = this.#channel
    corkForNow(socket)
    return socket.write(typeof frame === 'string' ? `${frame}\n` : frame)
  }

  cork(work: () => void): void {
    corkForNow(this.#channel.socket)
    work()
  }

  close(): void {
    if (this.#state === 'closing' || this.#state === 'closed') return
    this.#state = 'closing'
    // What the client still sends is read and dropped: unread, it would turn our FIN into a reset, which takes from the
    // client what it has yet to read.
    if (this.#paused) this.resume()
    this.#heardAtMs = this.#parts.wheel.now()
    this.#parts.wheel.schedule(this, LINGER_MS)
    this.#channel.socket.end()
  }

  pause(): boolean {
    this.#paused = true
    this.#channel.socket.pause()
    return true
  }

  resume(): void {
    this.#paused = false
    this.#channel.socket.resume()
  }

  // The listener speaks.

  drain(graceMs: number): void {
    if (this.#state === 'open') this.#session!.drain(graceMs)
    else if (this.#state === 'new') this.close()
  }

  describe() {
    const { remote, socket } = this.#channel
    const exchanges = this.#session?.openExchanges ?? 0
    return { protocol: 'mux', remote, exchanges, bytesIn: socket.bytesRead, bytesOut: socket.bytesWritten } as const
  }

  stop(): void {
    this.#cut()
  }

  /** Asked anew where a call in between may have changed it. */
  #isOpen(): boolean {
    return this.#state === 'open'
  }

  #onFirstBytes(chunk: Buffer): void {
    if (this.#matched === 0 && chunk[0] === BRACE) {
      this.#open('json', chunk)
      return
    }
    const size = Math.min(MAGIC.length - this.#matched, chunk.length)
    if (MAGIC.compare(chunk, 0, size, this.#matched, this.#matched + size) !== 0) {
      this.#refuse()
      return
    }
    this.#matched += size
    if (this.#matched === MAGIC.length) this.#open('binary', chunk.subarray(size))
  }

  #open(encoding: MuxEncoding, rest: Uint8Array): void {
    const { wheel, connect, stallTimeoutMs } = this.#parts
    this.#state = 'open'
    this.#encoding = encoding
    this.#heardAtMs = wheel.now()
    wheel.schedule(this, Math.min(SILENCE_MS, stallTimeoutMs))
    const { remote, certificate } = this.#channel
    const session = connect({ kind: 'tcp', encoding, host: '', remote, certificate, headers: [] }, this)
    this.#session = session
    if (rest.length > 0) session.onBytes(rest)
  }

  #refuse(): void {
    const goaway: MuxGoaway = {
      t: 'goaway',
      lastId: 0,
      grace: 0,
      code: 'bad_request',
      detail: 'A connection begins with a JSON object a line, or with SX1 and a line feed for binary frames',
    }
    this.send(encodeJsonFrame(goaway))
    this.close()
  }

  #onSilence(): void {
    const { wheel, stallTimeoutMs, limitObserver } = this.#parts
    const { bytesWritten, writableLength } = this.#channel.socket
    // However much it says meanwhile.
    if (this.#stall.isStalled(bytesWritten - writableLength, writableLength > 0, wheel.now(), stallTimeoutMs)) {
      limitObserver.onLimit('slow_reader', this.#channel.remote)
      this.#cut()
      return
    }
    // One that we do not read, or that can say no more, is not silent as long as it reads.
    const isReading = this.#reads()
    if ((this.#paused || this.#clientEnded) && isReading) this.#heardAtMs = wheel.now()
    const leftMs = this.#heardAtMs + SILENCE_MS - wheel.now()
    if (leftMs > 0) {
      wheel.schedule(this, Math.min(leftMs, stallTimeoutMs))
      return
    }
    limitObserver.onLimit('silent', this.#channel.remote)
    this.#cut()
  }

  #onLingered(): void {
    const { socket } = this.#channel
    const { wheel } = this.#parts
    if (socket.writableFinished) {
      // What the system has not sent yet, it sends without us.
      socket.destroy()
      return
    }
    if (this.#reads()) this.#heardAtMs = wheel.now()
    if (wheel.now() - this.#heardAtMs < SILENCE_MS) {
      wheel.schedule(this, LINGER_MS)
      return
    }
    this.#parts.limitObserver.onLimit('slow_reader', this.#channel.remote)
    this.#cut()
  }

  /** Whether the client has taken all that was sent, or some of it since this was asked last. */
  #reads(): boolean {
    const { socket } = this.#channel
    const before = this.#sentBytes
    this.#sentBytes = socket.bytesWritten - socket.writableLength
    return socket.writableLength === 0 || this.#sentBytes > before
  }

  #cut(): void {
    resetChannel(this.#channel)
  }
}
