/**
 * A process that sends as fast as it may: on `raw.source` plain messages to the subject that it is asked to, and on
 * `stream.>` the same chunks as a stream of SX/1. Both say in their request how many.
 */
import { connect } from 'nats'
import { serve } from '../backend/index.ts'

const CHUNK = Buffer.alloc(64 * 1024, 'x')
/** Raw bytes that may be on the way to the server: enough to keep it busy, and a bound on what the client library holds. */
const RAW_BATCH_BYTES = 1024 * 1024
const RAW_BATCHES = 4

const servers = process.env.NATS_URL ?? 'nats://127.0.0.1:4222'
const raw = await connect({ servers, name: 'bench-raw-source' })
raw.subscribe('raw.source', {
  callback: (_error, message) => {
    const { subject, chunks, chunkBytes } = message.json<{ subject: string; chunks: number; chunkBytes: number }>()
    void sendRaw(subject, chunks, CHUNK.subarray(0, chunkBytes))
  },
})

async function sendRaw(subject: string, chunks: number, chunk: Uint8Array): Promise<void> {
  const batch = RAW_BATCH_BYTES / chunk.length
  const flushes: Promise<void>[] = []
  for (let sent = 0; sent < chunks; ) {
    for (let i = 0; i < batch && sent < chunks; i++, sent++) raw.publish(subject, chunk)
    flushes.push(raw.flush())
    if (flushes.length >= RAW_BATCHES) await flushes.shift()
  }
}

const service = await serve({
  nats: { servers },
  name: 'bench-stream-source',
  version: '1.0.0',
  maxConcurrent: 100_000,
})
service.exchange('stream.*', async (exchange) => {
  const chunks = Number(exchange.subject.split('.')[1])
  for (let i = 0; i < chunks; i++) await exchange.send(CHUNK)
})
await raw.flush()
process.stdout.write('ready\n')
