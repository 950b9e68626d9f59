import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** A network between a client and a server, for a test to break. What it does holds for both directions. */
export interface FaultProxy {
  readonly port: number
  /** Connections through it now. */
  readonly connections: number
  /** Each piece comes so much later. */
  setLatency(latencyMs: number): void
  /** Nothing gets through, and nobody is told: as a cable that is pulled. Connections stay, and new ones are taken. */
  stall(): void
  /** One byte at a time, so often. */
  drip(everyMs: number): void
  /** As it was at first; what was held back goes on. */
  heal(): void
  /** Resets all connections, and refuses new ones until `mend`. */
  cut(): void
  mend(): void
}

interface Mode {
  readonly kind: 'pass' | 'stall' | 'latency' | 'drip'
  readonly delayMs?: number
}

/** Listens on a free port of the loopback until the test is over. */
export async function startFaultProxy(t: Pick<TestContext, 'after'>, targetPort: number): Promise<FaultProxy> {
  const sockets = new Set<Socket>()
  const pipes = new Set<Pipe>()
  let mode: Mode = { kind: 'pass' }
  let refuses = false
  const set = (next: Mode) => {
    mode = next
    for (const pipe of pipes) pipe.onMode()
  }
  const server = createServer((client) => {
    if (refuses) {
      client.resetAndDestroy()
      return
    }
    const upstream = connect(targetPort, '127.0.0.1')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      const pipe = new Pipe(from, to, () => mode)
      sockets.add(from)
      pipes.add(pipe)
      from.on('data', (chunk) => pipe.push(chunk))
      from.on('end', () => pipe.end())
      // `close` follows, and takes the other side with it.
      from.on('error', () => {})
      from.on('close', (hadError) => {
        sockets.delete(from)
        if (!hadError) return
        pipes.delete(pipe)
        pipe.stop()
        to.resetAndDestroy()
      })
      to.on('close', () => {
        pipes.delete(pipe)
        pipe.stop()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  t.after(() => {
    cut()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return sockets.size / 2
    },
    setLatency: (latencyMs) => set({ kind: 'latency', delayMs: latencyMs }),
    stall: () => set({ kind: 'stall' }),
    drip: (everyMs) => set({ kind: 'drip', delayMs: everyMs }),
    heal: () => set({ kind: 'pass' }),
    cut() {
      refuses = true
      cut()
    },
    mend() {
      refuses = false
    },
  }
}

/** One direction of one connection: pieces in order, each when the mode lets it go. It reads no more than it holds. */
class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #mode: () => Mode
  #held: Buffer[] = []
  #ended = false
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, mode: () => Mode) {
    this.#from = from
    this.#to = to
    this.#mode = mode
    from.setNoDelay()
  }

  push(chunk: Buffer): void {
    this.#held.push(chunk)
    this.#from.pause()
    this.#go()
  }

  end(): void {
    this.#ended = true
    this.#go()
  }

  onMode(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#go()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#held = []
  }

  #go(): void {
    const mode = this.#mode()
    if (this.#timer !== undefined || mode.kind === 'stall') return
    if (mode.kind === 'pass') this.#write(Infinity)
    else if (this.#held.length > 0 || this.#ended) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.#write(mode.kind === 'drip' ? 1 : Infinity)
        if (this.#held.length > 0) this.#go()
      }, mode.delayMs)
    }
  }

  #write(maxBytes: number): void {
    const bytes = Buffer.concat(this.#held)
    const now = bytes.subarray(0, maxBytes)
    const later = bytes.subarray(now.length)
    this.#held = later.length > 0 ? [later] : []
    if (this.#to.destroyed) return
    const resume = () => {
      if (this.#held.length === 0) this.#from.resume()
    }
    if (now.length > 0 && !this.#to.write(now)) this.#to.once('drain', resume)
    else resume()
    if (this.#ended && this.#held.length === 0) this.#to.end()
  }
}
