/**
 * The backends of fairness.ts, on a thread of their own, as in real life they are elsewhere: one sends as much as it may,
 * the other answers at once.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { connect } from 'nats'
import { startStreamBackend } from '../../support/stream-backend.ts'

const { url, prefix, downloadBytes } = workerData as { url: string; prefix: string; downloadBytes: number }
const CHUNK = Buffer.alloc(64 * 1024, 'x')

const large = await startStreamBackend(url)
// On a connection of its own, or its replies would wait behind the download there.
const small = await connect({ servers: url })
small.subscribe(`${prefix}.small`, { callback: (_error, message) => void message.respond('small') })
await large.handle(`${prefix}.large`, (stream) => {
  let left = downloadBytes / CHUNK.length
  const send = () => {
    while (left > 0) {
      left--
      if (!stream.data(CHUNK)) return
    }
    stream.end()
  }
  stream.accept(1, 64 * 1024)
  stream.head({ status: 200, headers: [] })
  send()
  return { drained: send }
})
await Promise.all([large.nats.flush(), small.flush()])
parentPort?.postMessage('ready')
