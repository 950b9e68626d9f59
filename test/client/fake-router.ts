import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { WebSocketServer, type WebSocket as WsSocket } from 'ws'
import { decodeBinaryFrame, encodeBinaryFrame } from '../../src/adapters/framing/binary-frames.ts'
import { decodeJsonFrame, encodeJsonFrame } from '../../src/adapters/framing/json-frames.ts'
import type { MuxFrame } from '../../src/adapters/framing/mux-frame.ts'
import { type Client, type ConnectOptions, connect } from '../../src/client/index.ts'
import { eventually } from '../support/eventually.ts'

type FrameOf<T extends MuxFrame['t']> = Extract<MuxFrame, { readonly t: T }>

/** One client, as a router sees it. It does what the test says and nothing by itself. */
export class FakeConnection {
  readonly frames: MuxFrame[] = []
  readonly protocol: string
  readonly #socket: WsSocket
  closeCode: number | undefined

  constructor(socket: WsSocket, onFrame: (frame: MuxFrame, connection: FakeConnection) => void) {
    this.#socket = socket
    this.protocol = socket.protocol
    socket.on('message', (data, isBinary) => {
      const frame = isBinary ? decodeBinaryFrame(new Uint8Array(data as Buffer)) : decodeJsonFrame(String(data))
      this.frames.push(frame)
      onFrame(frame, this)
    })
    socket.on('close', (code) => {
      this.closeCode = code
    })
  }

  of<T extends MuxFrame['t']>(t: T): FrameOf<T>[] {
    return this.frames.filter((frame): frame is FrameOf<T> => frame.t === t)
  }

  /** The n-th frame of this type, which it waits for. */
  frame<T extends MuxFrame['t']>(t: T, n = 1): Promise<FrameOf<T>> {
    return eventually(`${n} frames of ${t}`, () => this.of(t)[n - 1])
  }

  send(...frames: MuxFrame[]): void {
    for (const frame of frames)
      this.#socket.send(this.protocol === 'sx.v1.json' ? encodeJsonFrame(frame) : encodeBinaryFrame(frame))
  }

  sendRaw(data: string | Uint8Array): void {
    this.#socket.send(data)
  }

  close(code: number): void {
    this.#socket.close(code)
  }

  /** Without a word. */
  cut(): void {
    this.#socket.terminate()
  }
}

export interface FakeRouterOptions {
  /** Default any free one. */
  readonly port?: number
  readonly onFrame?: (frame: MuxFrame, connection: FakeConnection) => void
  /** Default the first that the client offers. */
  readonly selectProtocol?: (offered: Set<string>) => string | false
}

/** A router's end of multiplexed WebSockets, for faults that a real one does not have on demand. */
export interface FakeRouter {
  readonly url: string
  readonly port: number
  readonly connections: readonly FakeConnection[]
  /** The n-th, which it waits for. */
  connection(n?: number): Promise<FakeConnection>
}

/** Is gone after the test. */
export async function startFakeRouter(t: TestContext, options: FakeRouterOptions = {}): Promise<FakeRouter> {
  const { port = 0, onFrame = () => undefined, selectProtocol } = options
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port,
    path: '/_sx',
    ...(selectProtocol && { handleProtocols: selectProtocol }),
  })
  const connections: FakeConnection[] = []
  server.on('connection', (socket) => connections.push(new FakeConnection(socket, onFrame)))
  await once(server, 'listening')
  t.after(async () => {
    for (const connection of connections) connection.cut()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${address.port}`,
    port: address.port,
    connections,
    connection: (n = 1) => eventually(`${n} connections`, () => connections[n - 1]),
  }
}

/** A client and the one exchange that it has begun, of which its router has heard and said nothing yet. */
export async function beginOne<T>(t: TestContext, begin: (client: Client) => T, options?: ConnectOptions) {
  const router = await startFakeRouter(t)
  const client = connect(router.url, options)
  const begun = begin(client)
  const connection = await router.connection()
  await connection.frame('open')
  return { router, client, connection, begun }
}

/** Answers every request at once with 200 and this text. */
export function answering(text: string): NonNullable<FakeRouterOptions['onFrame']> {
  return (frame, connection) => {
    if (frame.t === 'open') connection.send({ t: 'head', id: frame.id, status: 200, body: text, end: true })
  }
}
