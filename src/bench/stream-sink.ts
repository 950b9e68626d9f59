/**
 * A process that receives what stream-source.ts sends. Each request on `sink.run` is a run; the answer comes when all
 * of it is here, and is the time that it took in milliseconds.
 */
import { connect as connectTcp } from 'node:net'
import { connect, type Msg } from 'nats'

export type SinkRun =
  | { readonly kind: 'raw'; readonly chunkBytes: number; readonly chunks: number }
  /** So many chunks of 64 KiB on each of the streams. */
  | { readonly kind: 'http'; readonly port: number; readonly streams: number; readonly chunks: number }

const CHUNK_BYTES = 64 * 1024
const client = await connect({ servers: process.env.NATS_URL ?? 'nats://127.0.0.1:4222', name: 'bench-stream-sink' })
client.subscribe('sink.run', { callback: (_error, message) => void answer(message) })
await client.flush()
process.stdout.write('ready\n')

async function answer(message: Msg): Promise<void> {
  const run = message.json<SinkRun>()
  const startedMs = performance.now()
  try {
    if (run.kind === 'raw') await receiveRaw(run.chunkBytes, run.chunks)
    else await Promise.all(Array.from({ length: run.streams }, () => receiveStream(run.port, run.chunks)))
    message.respond(JSON.stringify({ ms: performance.now() - startedMs }))
  } catch (error) {
    message.respond(JSON.stringify({ error: String(error) }))
  }
}

async function receiveRaw(chunkBytes: number, chunks: number): Promise<void> {
  let received = 0
  const subject = `raw.sink.${performance.now()}`
  const done = new Promise<void>((resolve) => {
    client.subscribe(subject, {
      max: chunks,
      callback: () => {
        if (++received === chunks) resolve()
      },
    })
  })
  await client.flush()
  client.publish('raw.source', JSON.stringify({ subject, chunks, chunkBytes }))
  await done
}

const scratch = Buffer.allocUnsafe(256 * 1024)

/** On a connection of its own; what comes is counted and thrown away. */
function receiveStream(port: number, chunks: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = 0
    const onread = {
      buffer: scratch,
      callback: (bytes: number) => {
        received += bytes
        return true
      },
    }
    const socket = connectTcp({ port, host: '127.0.0.1', onread })
    socket.write(`GET /stream/${chunks} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n`)
    socket.on('error', reject)
    socket.on('close', () => {
      // The framing of HTTP comes on top.
      if (received > chunks * CHUNK_BYTES) resolve()
      else reject(new Error(`a stream of ${chunks} chunks ended after ${received} bytes`))
    })
  })
}
