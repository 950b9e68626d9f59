import { connect, type Msg, type NatsConnection } from 'nats'
import { natsUrl } from '../support/nats.ts'

/** What policies let requests through to: answers `ok` on `{prefix}.whole`, and sends one `first` on `{prefix}.events`. */
export interface GuardedBackend {
  readonly nats: NatsConnection
  /** The last one on `{prefix}.whole`. */
  readonly request: Msg | undefined
  close(): Promise<void>
}

export async function startGuardedBackend(prefix: string): Promise<GuardedBackend> {
  const nats = await connect({ servers: await natsUrl() })
  let request: Msg | undefined
  nats.subscribe(`${prefix}.whole`, {
    callback(_, message) {
      request = message
      message.respond('ok')
    },
  })
  nats.subscribe(`${prefix}.events`, { callback: (_, message) => void message.respond('first') })
  await nats.flush()
  return {
    nats,
    get request() {
      return request
    },
    close: () => nats.close(),
  }
}
