import type { ClientSocket } from './client-socket.ts'

/**
 * Tells sockets that they take more once uWebSockets' own callback has returned. What is sent inside of that callback and
 * fills the socket anew is never followed by another one (uWebSockets.js 20).
 */
export class WritableQueue {
  #sockets: ClientSocket[] = []
  readonly #onImmediate = () => this.#flush()

  push(socket: ClientSocket): void {
    if (this.#sockets.push(socket) === 1) setImmediate(this.#onImmediate)
  }

  #flush(): void {
    const sockets = this.#sockets
    this.#sockets = []
    for (const socket of sockets) socket.onWritable()
  }
}
