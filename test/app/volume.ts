import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { get, request } from 'node:http'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Service, serve } from '../../src/backend/index.ts'
import { eventually } from '../support/eventually.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { type RouterProcess, startRouter, temporaryDirectory } from './router-process.ts'

const MIB = 1024 * 1024
const CHUNK_BYTES = 64 * 1024
/** A backend that has sent nothing for this long is held up. */
const STILL_MS = 500
/** Different in each chunk's first bytes, so that one that is lost, doubled or out of place changes the checksum. */
const noise = randomBytes(CHUNK_BYTES)

function* chunks(bytes: number): Generator<Buffer> {
  for (let at = 0; at < bytes; at += CHUNK_BYTES) {
    const chunk = Buffer.from(noise.subarray(0, Math.min(CHUNK_BYTES, bytes - at)))
    chunk.writeDoubleBE(at, 0)
    yield chunk
  }
}

/** A router in a process of its own, and a backend for what these tests ask for. */
export async function startVolumeRouter(t: TestContext, url: string): Promise<RouterProcess> {
  const directory = await temporaryDirectory()
  const routes = [
    {
      name: 'up',
      match: { methods: ['PUT'], path: '/up' },
      subject: 'volume.up',
      body: 'stream',
      limits: { bodyBytes: '8GiB' },
    },
    { name: 'down', match: { path: '/down/{mib}' }, subject: 'volume.down.{mib}', body: 'stream' },
    { name: 'unary', match: { path: '/unary' }, subject: 'volume.unary' },
  ]
  await writeFile(join(directory, 'routes.yaml'), JSON.stringify({ version: 1, routes }))
  const database = await createTestDatabase({ migrated: true })
  t.after(() => database.drop())
  const router = await startRouter(
    t,
    { natsUrl: url, databaseUrl: database.url, routes: { file: 'routes.yaml' } },
    directory,
  )
  await metricIs(router, 'engine_router_routes', routes.length)
  const service = await serve({ nats: { servers: url }, name: 'volume', version: '1.0.0', maxConcurrent: 10_000 })
  t.after(() => service.drain(0))
  addEndpoints(service)
  await service.flush()
  return router
}

/** By the backend, on all downloads. */
let sentChunks = 0

function addEndpoints(service: Service): void {
  service.exchange('volume.up', async (exchange) => {
    const hash = createHash('sha256')
    for await (const { data } of exchange) hash.update(data)
    await exchange.send(hash.digest('hex'))
  })
  service.exchange('volume.down.*', async (exchange) => {
    const mib = Number(exchange.subject.split('.')[2])
    for (const chunk of chunks(mib * MIB)) {
      sentChunks++
      await exchange.send(chunk)
    }
  })
  service.exchange('volume.unary', async (exchange) => void (await exchange.send('here')))
}

export function rssMiB(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1]) / 1024
}

/** The largest resident memory of a process while `work` runs. */
export async function peakRssMiB(pid: number, work: () => Promise<void>): Promise<number> {
  let peak = rssMiB(pid)
  const timer = setInterval(() => {
    peak = Math.max(peak, rssMiB(pid))
  }, 20)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return Math.max(peak, rssMiB(pid))
}

/** Uploads and checks what the backend has read. */
export async function upload(router: RouterProcess, mib: number): Promise<void> {
  const hash = createHash('sha256')
  const out = request(`${router.url}/up`, { method: 'PUT' })
  const answered = once(out, 'response')
  for (const chunk of chunks(mib * MIB)) {
    hash.update(chunk)
    if (!out.write(chunk)) await once(out, 'drain')
  }
  out.end()
  const [response] = await answered
  let answer = ''
  for await (const data of response) answer += data
  assert.deepEqual([response.statusCode, answer], [200, hash.digest('hex')])
}

/** Downloads and checks what came. */
export async function download(router: RouterProcess, mib: number): Promise<void> {
  const expected = createHash('sha256')
  const [response] = await once(get(`${router.url}/down/${mib}`), 'response')
  const came = createHash('sha256')
  let bytes = 0
  for await (const data of response) {
    came.update(data)
    bytes += data.length
  }
  for (const chunk of chunks(mib * MIB)) expected.update(chunk)
  assert.deepEqual([bytes, came.digest('hex')], [mib * MIB, expected.digest('hex')])
}

/** Clients that begin an endless download and read none of it; all that lies between is full when it returns. */
export async function openStalledReaders(t: TestContext, router: RouterProcess, count: number): Promise<Socket[]> {
  const sockets = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connectTcp({ port: router.port, host: '127.0.0.1' })
      socket.pause()
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      socket.write('GET /down/1000000 HTTP/1.1\r\nhost: volume\r\n\r\n')
      return socket
    }),
  )
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  let stillSinceMs = performance.now()
  let before = -1
  const isHeldUp = () => {
    if (sentChunks !== before) stillSinceMs = performance.now()
    before = sentChunks
    return sentChunks > count && performance.now() - stillSinceMs > STILL_MS
  }
  await eventually('the backend is held up', isHeldUp, { timeoutMs: 60_000 })
  return sockets
}

/** Bytes that came to each socket since the last call; takes what is there and stops again. */
export function readSome(socket: Socket): number {
  let bytes = 0
  for (let data = socket.read(); data !== null; data = socket.read()) bytes += data.length
  return bytes
}

/** The 99th percentile of `count` small requests one after the other, in milliseconds. */
export async function unaryP99Ms(router: RouterProcess, count: number): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const startedMs = performance.now()
    const response = await fetch(`${router.url}/unary`)
    assert.equal(await response.text(), 'here')
    times.push(performance.now() - startedMs)
  }
  return times.sort((a, b) => a - b)[Math.floor(count * 0.99)]!
}

/** Waits until the router has no exchange left. */
export async function idle(router: RouterProcess): Promise<void> {
  await metricIs(router, 'engine_router_inbox_tokens', 0)
}

function metricIs(router: RouterProcess, name: string, value: number): Promise<unknown> {
  return eventually(`${name} is ${value}`, async () => {
    const metrics = await (await fetch(`${router.adminUrl}/metrics`)).text()
    return metrics.includes(`\n${name} ${value}\n`)
  })
}
