import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** AuthenticationOk, and ReadyForQuery outside of a transaction. */
const LOGGED_IN = Buffer.from([...ascii('R'), 0, 0, 0, 8, 0, 0, 0, 0, ...ascii('Z'), 0, 0, 0, 5, ...ascii('I')])

export interface FakePostgres {
  readonly url: string
  /** When each connection came, by `performance.now()`. */
  readonly acceptedAtMs: readonly number[]
}

/** A server that is not Postgres, or not for long, until the test is over. */
export async function startFakePostgres(
  t: Pick<TestContext, 'after'>,
  onConnection: (socket: Socket) => void,
): Promise<FakePostgres> {
  const sockets = new Set<Socket>()
  const acceptedAtMs: number[] = []
  const server = createServer((socket) => {
    acceptedAtMs.push(performance.now())
    sockets.add(socket)
    // A client that hangs up is not what is looked at here.
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    onConnection(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `postgres://u@127.0.0.1:${(server.address() as AddressInfo).port}/d`, acceptedAtMs }
}

/** Lets the client in, whoever it is, and reads what it says from then on. */
export async function logIn(socket: Socket): Promise<void> {
  await once(socket, 'data')
  socket.resume()
  socket.write(LOGGED_IN)
}

function ascii(text: string): Buffer {
  return Buffer.from(text, 'ascii')
}
