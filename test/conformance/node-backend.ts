/** The Node SDK as a program, with the streams that examples/backends/python and go have. */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { connect } from 'nats'
import { type BackendExchange, serve } from '../../src/backend/index.ts'
import { DOWNLOAD_BYTES, numbers } from './numbers.ts'

const CHUNK_BYTES = 64 * 1024

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { nats: { type: 'string' }, drain: { type: 'string', default: '10s' } },
})
const [mode, prefix] = positionals
const nats = await connect({ servers: values.nats!, maxReconnectAttempts: -1, reconnectTimeWait: 100 })
const onError = (error: unknown) => console.error(`handler failed: ${error}`)
const service = await serve({ nats, name: 'conformance', version: '1.0.0', onError })

async function echo(x: BackendExchange) {
  for await (const message of x) await x.send(message)
}

async function upload(x: BackendExchange) {
  const digest = createHash('sha256')
  let length = 0
  for await (const { data } of x) {
    digest.update(data)
    length += data.length
  }
  await x.send(`${length} ${digest.digest('hex')}\n`)
}

async function slow(x: BackendExchange) {
  await delay(numberOf(x, 'ms', 2000), undefined, { signal: x.signal })
  await upload(x)
}

async function download(x: BackendExchange) {
  const bytes = numberOf(x, 'bytes', DOWNLOAD_BYTES)
  for (let at = 0; at < bytes; at += CHUNK_BYTES) await x.send(numbers(at, Math.min(bytes, at + CHUNK_BYTES)))
}

async function fail(x: BackendExchange) {
  const bytes = numberOf(x, 'bytes', CHUNK_BYTES)
  if (bytes > 0) await x.send(Buffer.alloc(bytes))
  throw new Error('as it was asked to')
}

function numberOf(x: BackendExchange, name: string, absent: number): number {
  return Number(new URLSearchParams(x.request.query).get(name) ?? absent)
}

if (mode === 'plain') {
  service.fetch(prefix!, async (request) => new Response(await request.arrayBuffer()))
} else {
  for (const handler of [echo, upload, slow, download, fail]) service.exchange(`${prefix}.${handler.name}`, handler)
  // A plain responder beside them.
  nats.subscribe(`${prefix}.open`, { callback: (_error, message) => void message.respond(String(service.size)) })
}
await service.flush()
console.log('ready')
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await service.drain(Number.parseFloat(values.drain) * 1000)
    await nats.close()
  })
}
