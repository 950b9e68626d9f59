import { MessageChannel, type MessagePort } from 'node:worker_threads'

/**
 * Tells when the event loop has been once around all sockets: it takes what is ready in the order in which it became so,
 * and the port of a message is one more of them. A turn does not tell, where more than 1,024 sockets are ready: libuv asks
 * for more of them up to 48 times before it goes on to anything else.
 */
export class SocketRound {
  readonly #from: MessagePort
  readonly #to: MessagePort
  #callback: (() => void) | undefined

  constructor() {
    const { port1, port2 } = new MessageChannel()
    this.#from = port1
    this.#to = port2
    this.#to.on('message', () => {
      const callback = this.#callback
      this.#callback = undefined
      callback?.()
    })
    this.#to.unref()
  }

  /** One callback at a time. */
  after(callback: () => void): void {
    this.#callback = callback
    this.#from.postMessage(0)
  }

  close(): void {
    this.#from.close()
  }
}
