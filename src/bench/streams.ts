import { connect } from 'nats'
import { cpuTimeUs } from './cpu-time.ts'
import type { Gateway } from './gateways.ts'
import { medianBy } from './median.ts'
import type { SinkRun } from './stream-sink.ts'

const CHUNK_BYTES = 64 * 1024
const RUN_BYTES = 512 * 1024 * 1024
const RUN_TIMEOUT_MS = 120_000

/** Medians over the rounds. */
export interface StreamFigures {
  /** `raw`: a publisher and a subscriber, nothing in between but the server. */
  readonly name: 'raw' | 'router'
  readonly streams: number
  readonly messageBytes: number
  /** Payload, in millions of bytes a second, of all streams together. */
  readonly megabytesPerSecond: number
  /** Of the router's process. */
  readonly cpuMsPerGigabyte: number | undefined
}

export interface StreamOptions {
  readonly rounds: number
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number, what: string) => void
}

interface Subject extends Pick<StreamFigures, 'name' | 'streams' | 'messageBytes'> {
  readonly run: SinkRun
}

/**
 * Downloads of endless chunks of 64 KiB through the router, against the same bytes by bare publish and subscribe with the
 * same client library. They take turns within each round, and of the rounds the median counts.
 */
export async function measureStreams(
  natsUrl: string,
  router: Gateway,
  options: StreamOptions,
): Promise<StreamFigures[]> {
  const { rounds, signal, onProgress } = options
  const subjects = createSubjects(Number(new URL(router.url).port))
  const client = await connect({ servers: natsUrl, name: 'bench-streams' })
  try {
    const measure = async (subject: Subject): Promise<StreamFigures> => {
      const cpuBeforeUs = cpuTimeUs(router.pid)
      const message = await client.request('sink.run', JSON.stringify(subject.run), { timeout: RUN_TIMEOUT_MS })
      const { ms, error } = message.json<{ ms: number; error?: string }>()
      if (error !== undefined) throw new Error(error)
      const cpuMs = (cpuTimeUs(router.pid) - cpuBeforeUs) / 1000
      const { name, streams, messageBytes } = subject
      return {
        name,
        streams,
        messageBytes,
        megabytesPerSecond: RUN_BYTES / 1e3 / ms,
        cpuMsPerGigabyte: name === 'router' ? cpuMs / (RUN_BYTES / 1e9) : undefined,
      }
    }
    const runs = subjects.map((): StreamFigures[] => [])
    const total = (rounds + 1) * subjects.length
    for (let round = 0; round <= rounds; round++) {
      for (const [i, subject] of subjects.entries()) {
        signal.throwIfAborted()
        const what = `${subject.name}, ${subject.streams} streams of ${subject.messageBytes / 1024} KiB`
        onProgress(round * subjects.length + i, total, what)
        const figures = await measure(subject)
        // The first round warms up.
        if (round > 0) runs[i]!.push(figures)
      }
    }
    return runs.map((list) => round(medianBy(list, ({ megabytesPerSecond }) => megabytesPerSecond)))
  } finally {
    await client.close()
  }
}

function createSubjects(port: number): Subject[] {
  const raw = (chunkBytes: number): Subject => ({
    name: 'raw',
    streams: 1,
    messageBytes: chunkBytes,
    run: { kind: 'raw', chunkBytes, chunks: RUN_BYTES / chunkBytes },
  })
  const router = (streams: number): Subject => ({
    name: 'router',
    streams,
    messageBytes: CHUNK_BYTES,
    run: { kind: 'http', port, streams, chunks: RUN_BYTES / CHUNK_BYTES / streams },
  })
  return [raw(CHUNK_BYTES), router(1), router(256), raw(CHUNK_BYTES / 2)]
}

function round(figures: StreamFigures): StreamFigures {
  const { megabytesPerSecond, cpuMsPerGigabyte } = figures
  return {
    ...figures,
    megabytesPerSecond: Math.round(megabytesPerSecond),
    cpuMsPerGigabyte: cpuMsPerGigabyte === undefined ? undefined : Math.round(cpuMsPerGigabyte),
  }
}
