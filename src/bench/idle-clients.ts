/**
 * A process that holds connections open and says nothing on them. Requests on `idle.open` open so many, in a row with a
 * few at a time, and answer when all are open; `idle.close` closes them all; `idle.reopen` waits until each has been
 * closed by the router and is open again.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect, type Msg } from 'nats'
import { serve as serveBackend } from '../backend/index.ts'

export interface IdleRun {
  /** `rpc` and `stream`: raw WebSockets, of the route's kind. */
  readonly protocol: 'websocket mux' | 'websocket rpc' | 'websocket stream' | 'tcp mux'
  readonly port: number
  readonly count: number
}

export interface IdleAnswer {
  readonly seconds: number
  readonly error?: string
}

const AT_A_TIME = 64
/** How long a client that was cut waits before it tries again: any time up to this. */
const RETRY_WITHIN_MS = 1000
/** Sources to connect from: a single address has too few ports for many connections to one. */
const SOURCES = 4
const PATHS = { 'websocket mux': '/_sx', 'websocket rpc': '/bench-rpc', 'websocket stream': '/bench-idle/1' }

function handshake(path: string): string {
  return (
    `GET ${path} HTTP/1.1\r\nhost: bench\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n` +
    'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nuser-agent: bench/1.0\r\n\r\n'
  )
}

let sockets: Socket[] = []
/** Nobody reads what comes. */
const scratch = Buffer.allocUnsafe(64 * 1024)

const servers = process.env.NATS_URL ?? 'nats://127.0.0.1:4222'
/** Takes each stream, and waits for messages that do not come. */
const service = await serveBackend({ nats: { servers }, name: 'bench-idle', version: '1.0.0', maxConcurrent: 100_000 })
service.exchange('idle.stream.*', async (exchange) => {
  for await (const message of exchange) await exchange.send(message)
})
await service.flush()

const client = await connect({ servers, name: 'bench-idle-clients' })
serve('idle.open', async ({ count, ...run }) => {
  let next = 0
  const openNext = async () => {
    while (next < count) sockets.push(await open(run, next++))
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, openNext))
})
serve('idle.reopen', async (run) => {
  const open = sockets
  sockets = []
  await Promise.all(open.map((socket, i) => reopen(socket, run, i)))
})
serve('idle.close', async () => {
  for (const socket of sockets) socket.destroy()
  sockets = []
})
await client.flush()
process.stdout.write('ready\n')

function serve(subject: string, work: (run: IdleRun) => Promise<void>): void {
  client.subscribe(subject, { callback: (_error, message) => void answer(message, work) })
}

async function answer(message: Msg, work: (run: IdleRun) => Promise<void>): Promise<void> {
  const startedMs = performance.now()
  const reply: IdleAnswer = await work(message.json<IdleRun>()).then(
    () => ({ seconds: (performance.now() - startedMs) / 1000 }),
    (error) => ({ seconds: 0, error: String(error) }),
  )
  message.respond(JSON.stringify(reply))
}

/** Resolves when the router has answered: a handshake, or a ping of the multiplexed protocol. */
function open({ protocol, port }: Omit<IdleRun, 'count'>, index: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const onread = {
      buffer: scratch,
      callback: () => {
        resolve(socket)
        return true
      },
    }
    const localAddress = `127.0.0.${1 + (index % SOURCES)}`
    const socket = connectTcp({ port, host: '127.0.0.1', localAddress, onread })
    socket.on('error', reject)
    socket.write(protocol === 'tcp mux' ? '{"t":"ping"}\n' : handshake(PATHS[protocol]))
  })
}

async function reopen(socket: Socket, run: IdleRun, index: number): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * RETRY_WITHIN_MS))
    try {
      sockets.push(await open(run, index))
      return
    } catch {
      // The router is not back yet: again.
    }
  }
}
