import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { ClientProtocol, ClientStream, OpenOptions, Outcome } from '../client.ts'
import { firstOf } from './first-of.ts'
import { startGatewayRouter } from './gateway-router.ts'

/** HTTP/1.1 with node's own client. */
export const http: ClientProtocol = {
  name: 'HTTP',
  cannot: { messages: 'the body of a request is bytes' },
  failure: (code) => ({ how: 'error', code }),
  startRouter: (natsUrl) =>
    startGatewayRouter(natsUrl, {
      match: (target) => ({ path: `/${target}` }),
      client: (gateway) => (target, options) => new HttpStream(gateway.port, `/${target}`, options),
    }),
}

class HttpStream implements ClientStream {
  readonly #request: ClientRequest
  readonly #response: Promise<IncomingMessage | undefined>
  #chunks: AsyncIterator<Buffer, undefined> | undefined
  /** Of an error, its document. */
  #problem: Buffer[] = []
  #outcome: Outcome | undefined

  constructor(port: number, path: string, { query = '', sends = true, length }: OpenOptions) {
    this.#request = request({
      port,
      host: '127.0.0.1',
      path: query === '' ? path : `${path}?${query}`,
      method: sends ? 'POST' : 'GET',
      agent: false,
      ...(length !== undefined && { headers: { 'content-length': length } }),
    })
    this.#response = new Promise((resolve) => {
      this.#request.once('response', resolve)
      // The connection broke before there was a response.
      this.#request.once('close', () => resolve(undefined))
      this.#request.on('error', () => {})
    })
    if (sends) this.#request.flushHeaders()
    else this.#request.end()
  }

  async send(chunk: Uint8Array): Promise<void> {
    if (this.#request.destroyed || this.#request.write(chunk)) return
    await firstOf(this.#request, 'drain', 'close')
  }

  end(): void {
    this.#request.end()
  }

  async read(): Promise<Uint8Array | undefined> {
    const response = await this.#response
    if (response === undefined) {
      this.#outcome = { how: 'cut' }
      return undefined
    }
    this.#chunks ??= response[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>
    for (;;) {
      const chunk = await this.#next(this.#chunks)
      if (chunk === undefined) {
        this.#outcome = this.#outcomeOf(response)
        return undefined
      }
      if (response.statusCode === 200) return chunk
      this.#problem.push(chunk)
    }
  }

  outcome(): Outcome {
    if (this.#outcome === undefined) throw new Error('the stream has not been read to its end')
    return this.#outcome
  }

  abort(): void {
    this.#request.destroy()
  }

  break(): void {
    this.abort()
  }

  async #next(chunks: AsyncIterator<Buffer, undefined>): Promise<Buffer | undefined> {
    try {
      const { value } = await chunks.next()
      return value
    } catch {
      // The connection was cut: the response knows that it is not complete.
      return undefined
    }
  }

  #outcomeOf(response: IncomingMessage): Outcome {
    if (!response.complete) return { how: 'cut' }
    if (response.statusCode === 200) return { how: 'whole' }
    const { code } = JSON.parse(Buffer.concat(this.#problem).toString()) as { code: string }
    return { how: 'error', code }
  }
}
