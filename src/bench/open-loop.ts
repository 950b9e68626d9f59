import { connect, type Socket } from 'node:net'

/** How often what is due is sent. */
const TICK_MS = 1
const DRAIN_MS = 5000

export interface OpenLoopOptions {
  readonly port: number
  readonly path: string
  /** As `name: value`. */
  readonly headers?: readonly string[]
  readonly connections: number
  /** Infinity: each connection asks again as soon as it has its answer, which is a closed loop. */
  readonly requestsPerSecond: number
  readonly seconds: number
  /** What comes in at first is left out of the figures. Default 0. */
  readonly warmUpSeconds?: number
}

export interface OpenLoopResult {
  /** Answered with 200, each second. */
  readonly goodput: number
  /** Of all that is answered, the part with 503. */
  readonly refusedPart: number
  /** Anything else. */
  readonly errors: number
  /** Of those with 200, since the moment that they were due. */
  readonly p50Ms: number
  readonly p99Ms: number
}

interface Client {
  readonly socket: Socket
  /** When its request was due; 0: it has none. */
  dueMs: number
  received: string
}

/**
 * Sends requests at a rate that does not ask how they fare, as many clients do who know nothing of one another. One that
 * finds no free connection waits for it, and its time counts: what waits at the client is waiting, too.
 */
export async function runOpenLoop(options: OpenLoopOptions): Promise<OpenLoopResult> {
  const { port, path, headers = [], connections, requestsPerSecond, seconds, warmUpSeconds = 0 } = options
  const fields = ['host: bench', 'accept: application/json', ...headers]
  const request = `GET ${path} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`
  const isClosedLoop = requestsPerSecond === Number.POSITIVE_INFINITY
  const idle: Client[] = []
  const latenciesMs: number[] = []
  let refused = 0
  let errors = 0
  let due = 0
  let next = 0
  let isOver = false
  const startMs = performance.now()
  const countFromMs = startMs + warmUpSeconds * 1000
  const dueMsOf = (i: number) => startMs + (i * 1000) / requestsPerSecond

  const send = (client: Client, dueMs: number) => {
    client.dueMs = dueMs
    client.socket.write(request)
  }
  const onFree = (client: Client) => {
    if (isOver) return
    if (isClosedLoop) send(client, performance.now())
    else if (next < due) send(client, dueMsOf(next++))
    else idle.push(client)
  }
  const onAnswer = (client: Client, status: string) => {
    const nowMs = performance.now()
    if (client.dueMs >= countFromMs) {
      if (status === '200') latenciesMs.push(nowMs - client.dueMs)
      else if (status === '503') refused++
      else errors++
    }
    client.dueMs = 0
    onFree(client)
  }
  const clients = await Promise.all(
    Array.from({ length: connections }, () => openClient(port, onAnswer, () => isOver || errors++)),
  )
  for (const client of clients) onFree(client)
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = performance.now() - startMs
      if (elapsedMs >= (warmUpSeconds + seconds) * 1000) {
        clearInterval(timer)
        resolve()
      } else if (!isClosedLoop) {
        due = Math.floor((elapsedMs * requestsPerSecond) / 1000)
        // The one that is idle longest: a server may close what is idle for too long.
        while (next < due && idle.length > 0) send(idle.shift()!, dueMsOf(next++))
      }
    }, TICK_MS)
  })
  const measuredS = (performance.now() - countFromMs) / 1000
  isOver = true
  const answered = latenciesMs.length
  for (const { socket } of clients) socket.destroy()
  latenciesMs.sort((a, b) => a - b)
  const quantile = (q: number) => latenciesMs[Math.floor(q * (answered - 1))] ?? 0
  return {
    goodput: answered / measuredS,
    refusedPart: refused / (answered + refused),
    errors,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  }
}

function openClient(
  port: number,
  onAnswer: (client: Client, status: string) => void,
  onError: () => void,
): Promise<Client> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const client: Client = { socket, dueMs: 0, received: '' }
    socket.setEncoding('latin1')
    socket.setTimeout(DRAIN_MS)
    socket.once('connect', () => resolve(client))
    socket.once('error', reject)
    socket.on('error', onError)
    socket.on('data', (text: string) => {
      client.received += text
      const status = takeAnswer(client)
      if (status !== undefined) onAnswer(client, status)
    })
  })
}

/** The status of an answer that is whole; undefined: more is to come. */
function takeAnswer(client: Client): string | undefined {
  const { received } = client
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0)
  if (received.length < end + 4 + length) return undefined
  client.received = ''
  return received.slice(9, 12)
}
