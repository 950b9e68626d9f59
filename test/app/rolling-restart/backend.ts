import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'nats'
import { type BackendExchange, serve } from '../../../src/backend/index.ts'

const EVENT_EVERY_MS = 50
/** An answer takes up to so long, so that there is always one under way. */
const MAX_ANSWER_MS = 20

export interface CountingBackend {
  /** How often each POST has come, by its number. */
  readonly posts: ReadonlyMap<string, number>
  close(): Promise<void>
}

/** Below the prefix: `get.N` and `post.N` answer with N, `events` counts on from the client's last, `upload` hashes. */
export async function startCountingBackend(natsUrl: string, prefix: string): Promise<CountingBackend> {
  const nats = await connect({ servers: natsUrl })
  const posts = new Map<string, number>()
  nats.subscribe(`${prefix}.*.*`, {
    callback: (_error, message) => {
      const [, kind, number = ''] = message.subject.split('.')
      if (kind === 'post') posts.set(number, (posts.get(number) ?? 0) + 1)
      setTimeout(() => message.respond(number), Math.random() * MAX_ANSWER_MS)
    },
  })
  const service = await serve({ nats, name: 'rolling-restart', version: '1.0.0' })
  service.exchange(`${prefix}.events`, countOn)
  service.exchange(`${prefix}.upload`, hash)
  await service.flush()
  return {
    posts,
    async close() {
      await service.drain(0)
      await nats.close()
    },
  }
}

async function countOn(x: BackendExchange): Promise<void> {
  for (let n = Number(x.headers.get('last-event-id') ?? 0) + 1; ; n++) {
    await x.send({ data: Buffer.from(String(n)), id: String(n) })
    await delay(EVENT_EVERY_MS, undefined, { signal: x.signal })
  }
}

async function hash(x: BackendExchange): Promise<void> {
  const digest = createHash('sha256')
  for await (const { data } of x) digest.update(data)
  await x.send(digest.digest('hex'))
}
