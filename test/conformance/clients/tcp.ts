import { connect, type Socket } from 'node:net'
import type { ClientProtocol, ClientStream, Outcome, Target } from '../client.ts'
import { firstOf } from './first-of.ts'
import { startGatewayRouter } from './gateway-router.ts'

const TARGETS: readonly Target[] = ['echo', 'upload', 'slow', 'download', 'fail', 'nobody']

/** A connection of bytes, on one port for each target. */
export const tcp: ClientProtocol = {
  name: 'raw TCP',
  cannot: {
    query: 'a raw connection has no parameters',
    messages: 'a raw connection is bytes',
    codes: 'a raw connection is reset without a reason',
    requests: 'a raw connection has no request with an end of its own',
  },
  failure: () => ({ how: 'cut' }),
  startRouter: (natsUrl) =>
    startGatewayRouter(natsUrl, {
      match: () => ({ kind: 'tcp' }),
      tcp: TARGETS.map((route) => ({ protocol: 'raw', route })),
      client: (gateway) => (target) => new TcpStream(gateway.tcp.ports[TARGETS.indexOf(target)]!),
    }),
}

class TcpStream implements ClientStream {
  readonly #socket: Socket
  readonly #chunks: AsyncIterator<Buffer, undefined>
  #outcome: Outcome | undefined

  constructor(port: number) {
    // Half-open, so that FIN is an end in either direction alone.
    this.#socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    this.#socket.on('error', () => {})
    const chunks: AsyncIterable<Buffer, undefined> = this.#socket.iterator({ destroyOnReturn: false })
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  async send(chunk: Uint8Array): Promise<void> {
    if (this.#socket.destroyed || this.#socket.write(chunk)) return
    await firstOf(this.#socket, 'drain', 'close')
  }

  end(): void {
    this.#socket.end()
  }

  async read(): Promise<Uint8Array | undefined> {
    try {
      const { value } = await this.#chunks.next()
      if (value === undefined) this.#outcome = await this.#outcomeOfEnd()
      return value
    } catch {
      this.#outcome = { how: 'cut' }
      return undefined
    }
  }

  outcome(): Outcome {
    if (this.#outcome === undefined) throw new Error('the stream has not been read to its end')
    return this.#outcome
  }

  /** Node shows a reset that is read together with the last bytes as an end; writing nothing tells one from the other. */
  async #outcomeOfEnd(): Promise<Outcome> {
    if (this.#socket.writableEnded) return { how: 'whole' }
    const error = await new Promise((resolve) => this.#socket.write('', resolve))
    if (error) return { how: 'cut' }
    this.#socket.end()
    return { how: 'whole' }
  }

  /** RST: a FIN would be an end. */
  abort(): void {
    this.#socket.resetAndDestroy()
  }

  break(): void {
    this.abort()
  }
}
