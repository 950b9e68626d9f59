import type { NatsConnection } from 'nats'
import { hideUserInfo, type RouterConfig } from '../config/router-config.ts'
import type { Logger } from '../exchange/logger.ts'
import { NatsConnectFailure } from '../nats/connect-failure.ts'
import { NatsLink } from '../nats/connection.ts'
import { Interruption } from './interrupts.ts'
import { VerbError } from './verb.ts'

/** A connection for one run of a verb. Unlike the router's, it gives up. */
export interface NatsAttempt {
  readonly link: NatsLink
  /** Connects; throws VerbError if that takes longer. */
  connect(timeoutMs: number, signal: AbortSignal): Promise<NatsConnection>
}

/** Makes a link that is not connected yet, so that others can listen to it first. */
export function createNatsAttempt(config: RouterConfig['nats'], name: string): NatsAttempt {
  const failures = new LastFailure()
  const link = new NatsLink({ ...config, name, logger: failures })
  return {
    link,
    async connect(timeoutMs, signal) {
      const deadline = AbortSignal.any([AbortSignal.timeout(timeoutMs), signal])
      const client = await new Promise<NatsConnection | undefined>((resolve) => {
        if (deadline.aborted) return resolve(undefined)
        deadline.addEventListener('abort', () => resolve(undefined), { once: true })
        link.listen({ onConnected: resolve, onDisconnected: () => {} })
        link.start()
      })
      if (client !== undefined) return client
      if (signal.reason instanceof Interruption) throw signal.reason
      const servers = config.servers.map(hideUserInfo).join(', ')
      const { failure } = failures
      if (failure instanceof NatsConnectFailure) {
        throw new VerbError(`no connection with NATS at ${servers}: ${failure.message}`, { cause: failure })
      }
      throw new VerbError(
        `NATS is not reachable at ${servers}: ${failure?.message ?? `no answer within ${timeoutMs} ms`}; ` +
          'start it, or say where it is with --nats-url or NATS_URL',
      )
    },
  }
}

/** A link says why it cannot connect in the log, and goes on trying. */
class LastFailure implements Logger {
  failure: Error | undefined

  debug(fields: object): void {
    this.error(fields)
  }
  info(): void {}
  warn(): void {}
  error(fields: object): void {
    if ('err' in fields && fields.err instanceof Error) this.failure = fields.err
  }
}
