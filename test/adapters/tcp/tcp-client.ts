import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** What a client saw of its connection's end: a FIN, or a reset. */
export interface TcpClient {
  readonly socket: Socket
  /** All that has come so far. */
  received(): Buffer
  /** How the router's direction ended. */
  readonly outcome: Promise<'end' | 'reset'>
}

/** Half-open, so that a test says itself when it closes. @param localAddress of the loopback network, 127.0.0.0/8 */
export function connectTcp(t: TestContext, port: number, localAddress = '127.0.0.1'): TcpClient {
  const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true })
  t.after(() => void socket.destroy())
  return watch(socket)
}

/** As `connectTcp`, of a connection that is there: over TLS, say. */
export function watch(socket: Socket): TcpClient {
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  const outcome = new Promise<'end' | 'reset'>((resolve, reject) => {
    socket.once('end', () => resolve('end'))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') resolve('reset')
      else reject(error)
    })
  })
  return { socket, outcome, received: () => Buffer.concat(chunks) }
}
