import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import type { ClientStream, OpenOptions, Outcome } from '../client.ts'
import { Mailbox } from './mailbox.ts'

const WINDOW_BYTES = 256 * 1024
const PIECE_BYTES = 64 * 1024

export interface MuxEvents {
  readonly onFrame: (frame: MuxFrame) => void
  readonly onClose: () => void
}

/** One connection of frames, whatever they are encoded in. */
export interface MuxClientSocket {
  /** In order; resolves when there is room for more, or nobody left to send to. */
  send(frame: MuxFrame): Promise<void>
  close(): void
  /** As a network that fails: nothing more is sent. */
  break(): void
}

/** The streams of one client, all over one connection, which is there for as long as one of them is open. */
export class MuxStreams {
  readonly #connect: (events: MuxEvents) => MuxClientSocket
  #connection: { readonly socket: MuxClientSocket; readonly open: Map<number, MuxStream> } | undefined
  #lastId = 0

  constructor(connect: (events: MuxEvents) => MuxClientSocket) {
    this.#connect = connect
  }

  open(target: string, options: OpenOptions): ClientStream {
    this.#connection ??= this.#start()
    const { socket, open } = this.#connection
    const id = ++this.#lastId
    const stream = new MuxStream(socket, id, () => {
      open.delete(id)
      if (open.size > 0) return
      if (this.#connection?.socket === socket) this.#connection = undefined
      socket.close()
    })
    open.set(id, stream)
    stream.begin(target, options)
    return stream
  }

  #start() {
    const open = new Map<number, MuxStream>()
    const onClose = () => {
      if (this.#connection?.open === open) this.#connection = undefined
      for (const stream of open.values()) stream.over({ how: 'cut' })
    }
    const socket = this.#connect({ onFrame: (frame) => 'id' in frame && open.get(frame.id)?.onFrame(frame), onClose })
    return { socket, open }
  }
}

class MuxStream implements ClientStream {
  readonly #socket: MuxClientSocket
  readonly #id: number
  readonly #onOver: () => void
  readonly #mailbox = new Mailbox()
  #outcome: Outcome | undefined
  #status = 0
  /** What may be sent in all, what was, and who waits to send more. */
  #credit = WINDOW_BYTES
  #sent = 0
  #onCredit: (() => void) | undefined
  /** The same of what comes. */
  #granted = WINDOW_BYTES
  #read = 0

  constructor(socket: MuxClientSocket, id: number, onOver: () => void) {
    this.#socket = socket
    this.#id = id
    this.#onOver = onOver
  }

  begin(target: string, { query = '', sends = true }: OpenOptions): void {
    const path = query === '' ? `/${target}` : `/${target}?${query}`
    const method = sends ? 'POST' : 'GET'
    this.#frame({ t: 'open', id: this.#id, method, path, more: sends, credit: WINDOW_BYTES })
  }

  async send(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; rest.length > 0; ) {
      while (this.#credit === this.#sent && this.#outcome === undefined) {
        await new Promise<void>((resolve) => {
          this.#onCredit = resolve
        })
      }
      if (this.#outcome !== undefined) return
      const body = rest.subarray(0, Math.min(PIECE_BYTES, this.#credit - this.#sent))
      this.#sent += body.length
      rest = rest.subarray(body.length)
      await this.#socket.send({ t: 'data', id: this.#id, body })
    }
  }

  end(): void {
    this.#frame({ t: 'end', id: this.#id })
  }

  async read(): Promise<Uint8Array | undefined> {
    const chunk = await this.#mailbox.take()
    if (chunk === undefined) return undefined
    this.#read += chunk.length
    if (this.#read + WINDOW_BYTES - this.#granted >= WINDOW_BYTES / 2 && this.#outcome === undefined) {
      this.#granted = this.#read + WINDOW_BYTES
      this.#frame({ t: 'credit', id: this.#id, to: this.#granted })
    }
    return chunk
  }

  outcome(): Outcome {
    if (this.#outcome === undefined) throw new Error('the stream has not been read to its end')
    return this.#outcome
  }

  abort(): void {
    this.#frame({ t: 'reset', id: this.#id, code: 'client_gone' })
    this.over({ how: 'cut' })
  }

  break(): void {
    this.#socket.break()
  }

  onFrame(frame: MuxFrame): void {
    switch (frame.t) {
      case 'head':
        this.#status = frame.status
        this.#take(frame.body, frame.end)
        break
      case 'data':
        this.#take(frame.body, frame.end)
        break
      case 'end':
        this.#take(undefined, true)
        break
      case 'reset':
        this.over({ how: 'error', code: frame.code })
        break
      case 'credit':
        this.#credit = Math.max(this.#credit, frame.to)
        this.#onCredit?.()
        break
    }
  }

  over(outcome: Outcome): void {
    if (this.#outcome !== undefined) return
    this.#outcome = outcome
    this.#onCredit?.()
    this.#mailbox.close()
    this.#onOver()
  }

  #take(body: string | Uint8Array | undefined, end: boolean | undefined): void {
    // A copy: the bytes are the decoder's.
    if (body !== undefined && body.length > 0) this.#mailbox.push(Buffer.from(body))
    if (end) this.over(this.#status === 200 ? { how: 'whole' } : { how: 'error', code: String(this.#status) })
  }

  #frame(frame: MuxFrame): void {
    if (this.#outcome === undefined) void this.#socket.send(frame)
  }
}
