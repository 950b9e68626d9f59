/**
 * A process that loads a WebSocket gateway: so many connections, so many requests in flight on each, a new one for each
 * reply. Each request on `load.run` is a run. Frames are written and counted on bare sockets: a client library would be
 * slower than what is measured.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect, type Msg } from 'nats'
import { encodeBinaryFrame } from '../adapters/framing/binary-frames.ts'
import { encodeJsonFrame } from '../adapters/framing/json-frames.ts'

export interface LoadRun {
  readonly port: number
  readonly path: string
  /** `message`: each message is a request. The others: as frames of a multiplexed connection. */
  readonly protocol: 'message' | 'sx.v1.bin' | 'sx.v1.json'
  readonly connections: number
  readonly inFlight: number
  readonly seconds: number
}

export interface LoadAnswer {
  readonly replies: number
  readonly seconds: number
  readonly p50Us: number
  readonly p99Us: number
}

const BODY = '{"hello":"load"}'
const MUX_PATH = '/bench/42'
const WARM_UP_MS = 500

const client = await connect({ servers: process.env.NATS_URL ?? 'nats://127.0.0.1:4222', name: 'bench-ws-load' })
client.subscribe('load.run', { callback: (_error, message) => void answer(message) })
await client.flush()
process.stdout.write('ready\n')

async function answer(message: Msg): Promise<void> {
  try {
    message.respond(JSON.stringify(await load(message.json<LoadRun>())))
  } catch (error) {
    message.respond(JSON.stringify({ error: String(error) }))
  }
}

async function load(run: LoadRun): Promise<LoadAnswer> {
  const times: number[] = []
  const connections = await Promise.all(Array.from({ length: run.connections }, () => open(run)))
  const failed = new Promise<never>((_resolve, reject) => {
    for (const connection of connections) connection.onFailed = reject
  })
  for (const connection of connections) connection.request(run.inFlight)
  await Promise.race([failed, delay(WARM_UP_MS)])
  for (const connection of connections) connection.times = times
  const startedMs = performance.now()
  await Promise.race([failed, delay(run.seconds * 1000)])
  const seconds = (performance.now() - startedMs) / 1000
  for (const connection of connections) connection.close()
  times.sort((a, b) => a - b)
  const at = (share: number) => Math.round((times[Math.floor(times.length * share)] ?? 0) * 1000)
  return { replies: times.length, seconds, p50Us: at(0.5), p99Us: at(0.99) }
}

const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

async function open({ port, path, protocol }: LoadRun): Promise<Connection> {
  const socket = connectTcp({ port, host: '127.0.0.1', noDelay: true })
  const key = randomBytes(16).toString('base64')
  const offer = protocol === 'message' ? '' : `sec-websocket-protocol: ${protocol}\r\n`
  socket.write(
    `GET ${path} HTTP/1.1\r\nhost: bench\r\nupgrade: websocket\r\nconnection: upgrade\r\n` +
      `sec-websocket-key: ${key}\r\nsec-websocket-version: 13\r\n${offer}\r\n`,
  )
  const [head] = (await once(socket, 'data')) as [Buffer]
  if (!head.toString('latin1').startsWith('HTTP/1.1 101')) throw new Error(head.toString('latin1'))
  return new Connection(socket, protocol)
}

/** One connection: writes requests, counts replies. */
class Connection {
  /** How long each reply took, in milliseconds, once there is a place for it. */
  times: number[] | undefined
  onFailed: (error: Error) => void = () => {}
  readonly #socket: Socket
  readonly #protocol: LoadRun['protocol']
  /** When the requests in flight were sent, oldest first. */
  readonly #sentMs: number[] = []
  #rest: Buffer = Buffer.alloc(0)
  #id = 0

  constructor(socket: Socket, protocol: LoadRun['protocol']) {
    this.#socket = socket
    this.#protocol = protocol
    socket.on('data', (data) => this.#onData(data))
    socket.on('error', (error) => this.onFailed(error))
    socket.on('close', () => this.onFailed(new Error('the gateway closed a connection')))
  }

  request(count: number): void {
    const nowMs = performance.now()
    const frames: Buffer[] = []
    for (let i = 0; i < count; i++) {
      frames.push(this.#frame())
      this.#sentMs.push(nowMs)
    }
    this.#socket.write(Buffer.concat(frames))
  }

  close(): void {
    this.onFailed = () => {}
    this.#socket.destroy()
  }

  #frame(): Buffer {
    if (this.#protocol === 'message') return maskedFrame(Buffer.from(BODY), true)
    const open = { t: 'open', id: ++this.#id, method: 'POST', path: MUX_PATH, body: BODY } as const
    if (this.#protocol === 'sx.v1.json') return maskedFrame(Buffer.from(encodeJsonFrame(open)), true)
    return maskedFrame(Buffer.from(encodeBinaryFrame(open)), false)
  }

  #onData(data: Buffer): void {
    const input = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data])
    let at = 0
    let replies = 0
    for (;;) {
      const end = frameEnd(input, at)
      if (end === -1) break
      const opcode = input[at]! & 0xf
      if (opcode === 8) this.onFailed(new Error(`closed: ${input.subarray(at + 2, end).toString('latin1')}`))
      else if (opcode < 8) replies += this.#isReply(input.subarray(at, end)) ? 1 : 0
      at = end
    }
    this.#rest = input.subarray(at)
    const nowMs = performance.now()
    for (let i = 0; i < replies; i++) this.times?.push(nowMs - this.#sentMs[i]!)
    this.#sentMs.splice(0, replies)
    if (replies > 0) this.request(replies)
  }

  /** Of a multiplexed connection, a head with the body is one; a refusal fails the run; credit is neither. */
  #isReply(frame: Buffer): boolean {
    if (this.#protocol === 'message') return true
    const json = this.#protocol === 'sx.v1.json' ? frame.toString('latin1') : ''
    const type = frame[payloadAt(frame)]
    if (json === '' ? type === 5 || type === 9 : /"t":"(?:reset|goaway)"/.test(json)) this.onFailed(new Error(json))
    return json === '' ? type === 2 : json.includes('"t":"head"')
  }
}

/** The mask is four zeros: the payload goes as it is. */
function maskedFrame(payload: Buffer, isText: boolean): Buffer {
  const head = payload.length < 126 ? 6 : 8
  const frame = Buffer.alloc(head + payload.length)
  frame[0] = 0x80 | (isText ? 1 : 2)
  if (payload.length < 126) frame[1] = 0x80 | payload.length
  else {
    frame[1] = 0x80 | 126
    frame.writeUInt16BE(payload.length, 2)
  }
  frame.set(payload, head)
  return frame
}

function payloadAt(frame: Buffer): number {
  return frame[1]! < 126 ? 2 : 4
}

/** Where the frame at `at` ends; -1: not all of it is here. Replies have less than 64 KiB. */
function frameEnd(input: Buffer, at: number): number {
  if (input.length < at + 2) return -1
  const length = input[at + 1]!
  if (length < 126) return at + 2 + length <= input.length ? at + 2 + length : -1
  if (input.length < at + 4) return -1
  const end = at + 4 + input.readUInt16BE(at + 2)
  return end <= input.length ? end : -1
}
