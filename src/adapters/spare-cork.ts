import type * as uws from 'uWebSockets.js'
import type { HttpResponse, us_listen_socket } from 'uWebSockets.js'
import { randomUUID } from 'node:crypto'
import { connect, type Socket } from 'node:net'

const OPEN_MS = 5000

interface Spare {
  readonly response: HttpResponse
  isGone: boolean
}

/**
 * A cork that belongs to no client. A request that is upgraded outside of its handler has to be in a cork, or uWebSockets.js
 * complains on stderr; and it must not be in its own, or uWebSockets.js 20 looks, at the end of it, into memory that is the
 * response's no more and at times takes what stands there for `connection: close`: the client sees 1006. So a response that
 * never ends is kept, to a client that is this process: what is written to others within its cork goes out uncorked.
 */
export class SpareCork {
  readonly #client: Socket
  readonly #spare: Spare

  /** Listens on a port of the loopback device for as long as it takes to connect to it. */
  static async open({ App, us_listen_socket_close, us_socket_local_port }: typeof uws): Promise<SpareCork> {
    const { promise: spare, resolve: onSpare, reject } = Promise.withResolvers<Spare>()
    // Whoever else of this machine finds the port is not to get in: there is nothing behind it.
    const path = `/${randomUUID()}`
    const app = App().any('/*', (res, req) => {
      if (req.getUrl() !== path) {
        res.close()
        return
      }
      const spare = { response: res, isGone: false }
      res.onAborted(() => {
        spare.isGone = true
      })
      onSpare(spare)
    })
    let listening: us_listen_socket | undefined
    app.listen('127.0.0.1', 0, (socket) => {
      if (socket) listening = socket
    })
    if (listening === undefined) throw new Error('cannot listen on 127.0.0.1')
    const client = connect({ port: us_socket_local_port(listening), host: '127.0.0.1', timeout: OPEN_MS })
    client.once('timeout', () => client.destroy(new Error(`no connection to 127.0.0.1 within ${OPEN_MS} ms`)))
    client.once('error', reject)
    client.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
    try {
      return new SpareCork(client, await spare)
    } finally {
      us_listen_socket_close(listening)
    }
  }

  private constructor(client: Socket, spare: Spare) {
    this.#client = client.setTimeout(0)
    this.#spare = spare
  }

  /** @param own of the response that is written to; used if the spare one is gone */
  cork(own: HttpResponse, callback: () => void): void {
    const { response, isGone } = this.#spare
    if (isGone) own.cork(callback)
    else response.cork(callback)
  }

  close(): void {
    this.#client.destroy()
  }
}
