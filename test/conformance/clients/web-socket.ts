import { WebSocket } from 'ws'
import { ERRORS } from '../../../src/exchange/errors.ts'
import type { ClientProtocol, ClientStream, OpenOptions, Outcome } from '../client.ts'
import { firstOf } from './first-of.ts'
import { startGatewayRouter } from './gateway-router.ts'
import { Mailbox } from './mailbox.ts'

const NORMAL = 1000
/** The connection ended without a close frame. */
const ABNORMAL = 1006

/** A WebSocket that is one exchange, with the client of the package `ws`. */
export const webSocket: ClientProtocol = {
  name: 'WebSocket',
  cannot: {
    'half-close': 'a WebSocket closes both directions at once',
    requests: 'a WebSocket has no request with an end of its own',
    'paced-sends': 'a WebSocket cannot be paused: who sends too fast is closed with 1013',
  },
  failure: (code) => ({ how: 'error', code: String(ERRORS[code].close) }),
  startRouter: (natsUrl) =>
    startGatewayRouter(natsUrl, {
      match: (target) => ({ kind: 'ws', path: `/${target}` }),
      client: (gateway) => (target, options) =>
        new WebSocketStream(`ws://127.0.0.1:${gateway.port}/${target}`, options),
    }),
}

class WebSocketStream implements ClientStream {
  readonly #socket: WebSocket
  readonly #opened: Promise<void>
  readonly #mailbox = new Mailbox()
  #outcome: Outcome | undefined

  constructor(url: string, { query = '' }: OpenOptions) {
    const socket = new WebSocket(query === '' ? url : `${url}?${query}`, { perMessageDeflate: false })
    this.#socket = socket
    socket.on('error', () => {})
    this.#opened = firstOf(socket, 'open', 'close')
    socket.on('message', (data: Buffer) => {
      this.#mailbox.push(data)
      // What is not read stays in the socket, and holds the router.
      socket.pause()
    })
    socket.on('close', (code) => {
      this.#outcome = outcomeOf(code)
      this.#mailbox.close()
    })
  }

  async send(chunk: Uint8Array): Promise<void> {
    await this.#opened
    if (this.#socket.readyState !== WebSocket.OPEN) return
    await new Promise<void>((resolve) => this.#socket.send(chunk, () => resolve()))
  }

  end(): void {
    throw new Error('a WebSocket has no half-close')
  }

  async read(): Promise<Uint8Array | undefined> {
    await this.#opened
    if (this.#mailbox.isEmpty && this.#socket.isPaused) this.#socket.resume()
    return this.#mailbox.take()
  }

  outcome(): Outcome {
    if (this.#outcome === undefined) throw new Error('the stream has not been read to its end')
    return this.#outcome
  }

  abort(): void {
    this.#socket.terminate()
  }

  break(): void {
    this.abort()
  }
}

function outcomeOf(closeCode: number): Outcome {
  if (closeCode === NORMAL) return { how: 'whole' }
  return closeCode === ABNORMAL ? { how: 'cut' } : { how: 'error', code: String(closeCode) }
}
