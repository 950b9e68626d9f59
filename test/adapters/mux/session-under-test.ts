import { decodeBinaryFrame, encodeBinaryFrame } from '../../../src/adapters/framing/binary-frames.ts'
import { decodeJsonFrame, encodeJsonFrame } from '../../../src/adapters/framing/json-frames.ts'
import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import { createMux } from '../../../src/adapters/mux/mux.ts'
import type { MuxConnection, MuxEncoding, MuxSocket } from '../../../src/adapters/mux/mux-socket.ts'
import { BufferBudget } from '../../../src/exchange/buffer-budget.ts'
import { DeadlineWheel } from '../../../src/exchange/deadline-wheel.ts'
import { ExchangeError } from '../../../src/exchange/errors.ts'
import type { ClientSide, HeaderList, MessageMeta, RequestHead } from '../../../src/exchange/exchange.ts'
import type { Limit } from '../../../src/exchange/limit.ts'
import { testRoute } from '../../support/test-route.ts'

export const MAX_HEADER_BYTES = 1000
export const MAX_URI_BYTES = 500

/** The backend of one exchange: remembers what it heard, and says what a test makes it say through `client`. */
export class ScriptedBackend {
  readonly request: RequestHead
  readonly client: ClientSide
  readonly chunks: { readonly text: string; readonly meta: MessageMeta | undefined }[] = []
  bytes = 0
  /** What `data` answers. */
  hasRoom = true
  ended: { readonly closeCode: number | undefined } | undefined
  error: ExchangeError | undefined
  drains = 0
  onDrained: () => void = () => {}

  constructor(request: RequestHead, client: ClientSide) {
    this.request = request
    this.client = client
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    this.chunks.push({ text: Buffer.from(chunk).toString(), meta })
    this.bytes += chunk.length
    return this.hasRoom
  }

  end(_trailers?: HeaderList, closeCode?: number): void {
    this.ended = { closeCode }
  }

  reset(error: ExchangeError): void {
    this.error = error
  }

  drained(): void {
    this.drains++
    this.onDrained()
  }

  /** The whole of a response, as plain replies come. */
  respond(text: string, head: { status?: number; headers?: HeaderList } = {}): void {
    const { status = 200, headers = [] } = head
    const body = Buffer.from(text)
    this.client.head({ status, headers, length: body.length, messages: false })
    if (body.length > 0) this.client.data(body)
    this.client.end()
  }

  stream(options: { messages?: boolean } = {}): void {
    this.client.head({ status: 200, headers: [], length: -1, messages: options.messages ?? false })
  }
}

export interface Ended {
  readonly status: number
  readonly code: string
  readonly bytesIn: number
  readonly bytesOut: number
}

export interface SessionUnderTest {
  readonly session: MuxConnection
  /** In the order of their opens; what routing refused has none. */
  readonly backends: ScriptedBackend[]
  readonly ended: Ended[]
  /** What the client went over. */
  readonly limited: Limit[]
  /** Frames that have left, decoded. */
  readonly frames: MuxFrame[]
  /** The same as they were sent. */
  readonly sent: (string | Uint8Array)[]
  /** How often the session has written. */
  readonly corks: number
  readonly closed: { readonly code: number; readonly reason: string } | undefined
  readonly paused: boolean
  readonly wheel: DeadlineWheel
  /** Exchanges that have begun and not ended, by the observer. */
  readonly underWay: number
  /** What `send` answers from now on. */
  setFull(isFull: boolean): void
  /** Full once so many bytes were sent; the client reads them with `setFull(false)`. */
  setCapacity(bytes: number): void
  send(frame: MuxFrame): void
  /** Sends, and lets the session write what it has to say to it. */
  exchange(...frames: MuxFrame[]): Promise<MuxFrame[]>
  /** Lets the session write. Gives the frames that have left since the last time. */
  settle(): Promise<MuxFrame[]>
  advance(ms: number): void
}

export interface SessionOptions {
  readonly encoding?: MuxEncoding
  readonly kind?: 'ws' | 'tcp'
  readonly maxExchanges?: number
  readonly canPause?: boolean
  readonly host?: string
  readonly headers?: HeaderList
  onOpen?(backend: ScriptedBackend): void
}

const ROUTES = {
  http: { ...testRoute(), name: 'http' },
  term: { ...testRoute({ kind: 'ws', websocket: 'stream' }), name: 'term' },
  rpc: { ...testRoute({ kind: 'ws', websocket: 'rpc' }), name: 'rpc' },
}

/** Paths: `/term` is a duplex, `/rpc` a route of WebSockets alone, `/none` no route, `/only-get` takes GET, the rest HTTP. */
export function startSession(options: SessionOptions = {}): SessionUnderTest {
  const { encoding = 'json', kind = 'ws' } = options
  let nowMs = 1000
  const wheel = new DeadlineWheel({ now: () => nowMs })
  const backends: ScriptedBackend[] = []
  const ended: Ended[] = []
  const limited: Limit[] = []
  const sent: (string | Uint8Array)[] = []
  const frames: MuxFrame[] = []
  let begun = 0
  let corks = 0
  let isFull = false
  let capacity = Infinity
  let isPaused = false
  let taken = 0
  let closed: { code: number; reason: string } | undefined
  const dispatch = (request: RequestHead, client: ClientSide) => {
    const backend = new ScriptedBackend(request, client)
    backends.push(backend)
    options.onOpen?.(backend)
    return backend
  }
  const connect = createMux({
    wheel,
    makeRequestId: () => `made-${begun}`,
    maxHeaderBytes: MAX_HEADER_BYTES,
    maxUriBytes: MAX_URI_BYTES,
    limitObserver: { onLimit: (limit) => void limited.push(limit) },
    buffers: new BufferBudget(),
    messageRate: { messagesPerSecond: 0, bytesPerSecond: 0 },
    ...(options.maxExchanges !== undefined && { maxExchanges: options.maxExchanges }),
    observer: {
      refused() {},
      begun: () => begun++,
      ended(_request, status, error, _durationMs, bytesIn, bytesOut) {
        ended.push({ status, code: error?.code ?? 'ok', bytesIn, bytesOut })
      },
    },
    routing: {
      resolve(request, lookIn) {
        const name = request.path.split('/')[1]
        const isHttp = name !== 'none' && name !== 'term' && name !== 'rpc'
        if (isHttp ? lookIn !== 'http' : lookIn !== 'ws' || name === 'none')
          return new ExchangeError('no_route', 'no route')
        if (name === 'only-get' && request.method !== 'GET')
          return new ExchangeError('method_not_allowed', 'only GET', { allow: ['GET'] })
        request.route = { ...ROUTES[name === 'term' || name === 'rpc' ? name : 'http'], dispatch }
        request.subject = `test.${name}`
        return undefined
      },
    },
  })
  const socket: MuxSocket = {
    send(frame) {
      sent.push(frame)
      frames.push(typeof frame === 'string' ? decodeJsonFrame(frame) : decodeBinaryFrame(frame))
      capacity -= frame.length
      if (capacity <= 0) isFull = true
      return !isFull
    },
    cork(work) {
      corks++
      work()
    },
    close(code, reason) {
      closed = { code, reason }
    },
    pause() {
      isPaused = options.canPause ?? true
      return isPaused
    },
    resume() {
      isPaused = false
    },
  }
  const session = connect(
    {
      kind,
      encoding,
      host: options.host ?? 'example.com',
      remote: '192.0.2.1',
      certificate: undefined,
      headers: options.headers ?? [],
    },
    socket,
  )
  const send = (frame: MuxFrame) => {
    const encoded = encoding === 'json' ? encodeJsonFrame(frame) : encodeBinaryFrame(frame)
    if (kind === 'ws') session.onFrame(encoded)
    else session.onBytes(typeof encoded === 'string' ? Buffer.from(`${encoded}\n`) : encoded)
  }
  const settle = async () => {
    // The session writes in a microtask; a macrotask later all of those have run.
    await new Promise(setImmediate)
    const fresh = frames.slice(taken)
    taken = frames.length
    return fresh
  }
  return {
    session,
    backends,
    ended,
    limited,
    frames,
    sent,
    wheel,
    get corks() {
      return corks
    },
    get closed() {
      return closed
    },
    get paused() {
      return isPaused
    },
    get underWay() {
      return begun - ended.length
    },
    setFull(full) {
      isFull = full
      if (!full) session.onWritable()
    },
    setCapacity(bytes) {
      capacity = bytes
      isFull = false
      session.onWritable()
    },
    send,
    async exchange(...all) {
      for (const frame of all) send(frame)
      return settle()
    },
    settle,
    advance(ms) {
      nowMs += ms
      wheel.advance()
    },
  }
}
