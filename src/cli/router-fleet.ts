import { setTimeout as delay } from 'node:timers/promises'
import { askInstance, findInstances, type InstanceAnswer } from '../nats/ask-service.ts'
import { OPERATOR_PREFIX, SERVICE_NAME } from '../operator-service.ts'
import { CONFIG_OPTIONS, loadVerbConfig } from './config-options.ts'
import { createNatsAttempt } from './nats-attempt.ts'
import { type Io, type OptionSpec, UsageError, type VerbArgs, VerbError } from './verb.ts'

const CONNECT_MS = 5000
/** For routers to tell that they are there. */
export const FIND_MS = 500
const ANSWER_MS = 2000
/** A router that is asked too much answers again within a second. */
const BUSY = 429
const BUSY_PAUSE_MS = 250
const BUSY_TRIES = 8

/** Of the verbs that can ask all routers. */
export const FLEET_OPTIONS = {
  all: { type: 'boolean', description: 'Ask every router, over NATS' },
  'nats-url': CONFIG_OPTIONS['nats-url'],
  'nats-creds': CONFIG_OPTIONS['nats-creds'],
} as const satisfies Record<string, OptionSpec>

/** All routers that are on the same NATS. */
export interface RouterFleet {
  /** Their names, sorted. */
  find(): Promise<string[]>
  ask(router: string, endpoint: 'connections' | 'metrics', question?: object): Promise<InstanceAnswer>
  close(): Promise<void>
}

/** Connects. Throws VerbError where NATS is not there. */
export async function openFleet(args: VerbArgs, io: Io): Promise<RouterFleet> {
  if (args.options.url !== undefined) throw new UsageError('--all asks over NATS, and has no use for --url')
  const { nats } = await loadVerbConfig(args, io)
  const { link, connect } = createNatsAttempt(nats, 'engine-router')
  const client = await connect(CONNECT_MS, io.signal).catch(async (error) => {
    await link.close()
    throw error
  })
  return {
    find: () => findInstances(client, SERVICE_NAME, { inboxPrefix: nats.inboxPrefix, timeoutMs: FIND_MS }),
    async ask(router, endpoint, question = {}) {
      for (let tries = 1; ; tries++) {
        if (io.signal.aborted) return { problem: 'interrupted' }
        const answer = await askInstance(client, `${OPERATOR_PREFIX}.${router}.${endpoint}`, question, ANSWER_MS)
        if ('data' in answer || answer.code !== BUSY || tries === BUSY_TRIES) return answer
        await delay(BUSY_PAUSE_MS, undefined, { signal: io.signal }).catch(() => undefined)
      }
    },
    close: () => link.close(),
  }
}

/** There is none to ask. */
export function noRouterError(): VerbError {
  return new VerbError(
    `no router answers over NATS: is one running there, with nats.service on, and may its user subscribe to $SRV.> and ${OPERATOR_PREFIX}.>?`,
  )
}
