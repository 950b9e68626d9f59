import type * as uws from 'uWebSockets.js'
import type { HttpResponse, us_listen_socket } from 'uWebSockets.js'
import { connect, type Socket } from 'node:net'

const OPEN_MS = 5000

/**
 * A cork that belongs to no client. A request that is upgraded outside of its handler has to be in a cork, or uWebSockets.js
 * complains on stderr; and it must not be in its own, or uWebSockets.js 20 looks, at the end of it, into memory that is the
 * response's no more and at times takes what stands there for `connection: close`: the client sees 1006. So a response that
 * never ends is kept, to a client that is this process: what is written to others within its cork goes out uncorked.
 */
export class SpareCork {
  readonly #client: Socket
  #response: HttpResponse | undefined

  /** Listens on a port of the loopback device for as long as it takes to connect to it. */
  static async open({ App, us_listen_socket_close, us_socket_local_port }: typeof uws): Promise<SpareCork> {
    const { promise: response, resolve: onResponse, reject } = Promise.withResolvers<HttpResponse>()
    const app = App().any('/*', (res) => onResponse(res))
    let listening: us_listen_socket | undefined
    app.listen('127.0.0.1', 0, (socket) => {
      if (socket) listening = socket
    })
    if (listening === undefined) throw new Error('cannot listen on 127.0.0.1')
    const client = connect({ port: us_socket_local_port(listening), host: '127.0.0.1', timeout: OPEN_MS })
    client.once('timeout', () => client.destroy(new Error(`no connection to 127.0.0.1 within ${OPEN_MS} ms`)))
    client.once('error', reject)
    client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    try {
      return new SpareCork(client, await response)
    } finally {
      us_listen_socket_close(listening)
    }
  }

  private constructor(client: Socket, response: HttpResponse) {
    this.#client = client.setTimeout(0)
    this.#response = response
    response.onAborted(() => {
      this.#response = undefined
    })
  }

  /** @param own of the response that is written to; used if the spare one is gone */
  cork(own: HttpResponse, callback: () => void): void {
    const response = this.#response ?? own
    response.cork(callback)
  }

  close(): void {
    this.#client.destroy()
  }
}
