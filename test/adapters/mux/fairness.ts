import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import type { MuxEncoding } from '../../../src/adapters/mux/mux-socket.ts'
import { startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { connectMuxClient } from './mux-client.ts'

export interface FairnessOptions {
  readonly kind: 'ws' | 'tcp'
  readonly encoding: MuxEncoding
  readonly downloadBytes: number
}

/** Of the small requests. */
export interface Fairness {
  readonly p50Ms: number
  readonly p99Ms: number
  /** What came of the download while half of the requests, or all but one of a hundred, waited for their answer. */
  readonly p50Bytes: number
  readonly p99Bytes: number
}

const DOWNLOAD_ID = 1
/** Without a limit the buffers of the system would fill up, in front of which no router can let anything pass. */
const WINDOW_BYTES = 256 * 1024

/**
 * Downloads on one exchange, while it sends one small request after the other on the same connection. Gives what those took.
 */
export async function measureFairness(t: TestContext, options: FairnessOptions): Promise<Fairness> {
  const { kind, encoding, downloadBytes } = options
  const url = await natsUrl()
  const prefix = `fair${process.pid}${kind}${encoding}`
  const backend = new Worker(new URL('./fairness-backend.ts', import.meta.url), {
    workerData: { url, prefix, downloadBytes },
  })
  t.after(() => backend.terminate())
  await once(backend, 'message')
  const gateway = await startGateway({
    natsUrl: url,
    tcp: [{ protocol: 'mux', route: undefined }],
    routes: [
      { name: 'small', match: { path: '/small' }, subject: `${prefix}.small` },
      { name: 'large', match: { path: '/large' }, subject: `${prefix}.large` },
    ],
  })
  t.after(() => gateway.close())
  const port = kind === 'ws' ? gateway.port : gateway.tcp.ports[0]!
  const client = await connectMuxClient({ port, kind, encoding })
  const tookMs: number[] = []
  const passedBytes: number[] = []
  let downloaded = 0
  let granted = WINDOW_BYTES
  let id = DOWNLOAD_ID
  let askedAtMs = 0
  let askedAtBytes = 0
  let isOver = false
  const ask = () => {
    if (isOver) return
    askedAtMs = performance.now()
    askedAtBytes = downloaded
    client.send({ t: 'open', id: ++id, path: '/small' })
  }
  const done = new EventTarget()
  client.onFrame = (frame: MuxFrame) => {
    if (frame.t === 'reset' || frame.t === 'goaway') assert.fail(JSON.stringify(frame))
    if (!('id' in frame)) return
    if (frame.id !== DOWNLOAD_ID) {
      tookMs.push(performance.now() - askedAtMs)
      passedBytes.push(downloaded - askedAtBytes)
      ask()
    } else if (frame.t === 'data') {
      downloaded += frame.body.length
      if (downloaded + WINDOW_BYTES - granted >= WINDOW_BYTES / 2) {
        granted = downloaded + WINDOW_BYTES
        client.send({ t: 'credit', id: DOWNLOAD_ID, to: granted })
      }
    }
    if (frame.id !== DOWNLOAD_ID || !(frame.t === 'end' || (frame.t === 'data' && frame.end))) return
    isOver = true
    done.dispatchEvent(new Event('done'))
  }
  client.send({ t: 'open', id: DOWNLOAD_ID, path: '/large', credit: granted })
  ask()
  await once(done, 'done')
  client.close()
  await client.closed
  assert.equal(downloaded, downloadBytes)
  const fairness = {
    p50Ms: percentile(tookMs, 0.5),
    p99Ms: percentile(tookMs, 0.99),
    p50Bytes: percentile(passedBytes, 0.5),
    p99Bytes: percentile(passedBytes, 0.99),
  }
  t.diagnostic(`${kind} ${encoding}, ${tookMs.length} requests: ${JSON.stringify(fairness)}`)
  return fairness
}

function percentile(values: number[], part: number): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length * part)] ?? Infinity
}
