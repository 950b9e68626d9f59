import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Msg, NatsConnection } from 'nats'
import { hideUserInfo, type RouterConfig } from '../config/router-config.ts'
import { formatBytes } from '../exchange/units.ts'
import { OPERATOR_PREFIX } from '../operator-service.ts'
import { type Finding, fail, ok, warn } from './doctor-finding.ts'
import { checkSubjects, type RouteSubject } from './doctor-subjects.ts'
import { createNatsAttempt } from './nats-attempt.ts'
import { VerbError } from './verb.ts'

/** The oldest server that the tests run against. */
const OLDEST_TESTED = [2, 9, 10] as const
/** A chunk of a stream and the headers beside it. */
const COMFORTABLE_PAYLOAD = 128 * 1024
/** Headers that the router may have to forward go into one message with a piece of a body. */
const LEAST_PAYLOAD = 8 * 1024

/**
 * Whether NATS is there and does what the router needs of it.
 * @param table of routes, which may come later, or be empty where it is not known
 */
export async function checkNats(
  config: RouterConfig['nats'],
  table: Promise<{ readonly routes: readonly RouteSubject[] }>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { link, connect } = createNatsAttempt(config, 'engine-router doctor')
  try {
    const client = await connect(timeoutMs, signal)
    const inbox = await checkInbox(client, config.inboxPrefix, timeoutMs)
    const last = inbox.result === 'ok' ? [await checkNoResponders(client, config.inboxPrefix, timeoutMs)] : []
    const { routes } = await table
    return [
      ok('nats', hideUserInfo(client.getServer())),
      checkVersion(client),
      checkPayload(client),
      inbox,
      ...last,
      ...(config.service ? [await checkService(client, timeoutMs)] : []),
      ...(inbox.result === 'ok' ? await checkSubjects(client, routes, timeoutMs) : []),
    ]
  } catch (error) {
    if (!(error instanceof VerbError)) throw error
    return [fail('nats', 'no connection', error.message)]
  } finally {
    await link.close()
  }
}

function checkVersion({ info }: NatsConnection): Finding {
  const version = info?.version ?? ''
  if (info?.headers !== true) {
    return fail('nats version', `${version}, without headers`, 'use nats-server 2.2 or later, with headers enabled')
  }
  const parts = version.split(/[.-]/).map(Number)
  const at = OLDEST_TESTED.findIndex((part, index) => part !== parts[index])
  if (at === -1 || (parts[at] ?? 0) > OLDEST_TESTED[at]!) return ok('nats version', version)
  return warn('nats version', version, `nothing before ${OLDEST_TESTED.join('.')} is tested; upgrade nats-server`)
}

function checkPayload({ info }: NatsConnection): Finding {
  const maxPayload = info?.max_payload ?? 0
  if (maxPayload >= COMFORTABLE_PAYLOAD) {
    return ok('nats payload', `${formatBytes(maxPayload)}, which is also the limit of a body that is not streamed`)
  }
  const advice = `set max_payload of nats-server to ${formatBytes(COMFORTABLE_PAYLOAD)} or more`
  if (maxPayload < LEAST_PAYLOAD) {
    return fail('nats payload', `${formatBytes(maxPayload)} a message, which the heads of requests outgrow`, advice)
  }
  return warn('nats payload', `only ${formatBytes(maxPayload)} a message`, advice)
}

async function checkInbox(client: NatsConnection, prefix: string, timeoutMs: number): Promise<Finding> {
  const subject = `${prefix}.${token()}`
  const started = performance.now()
  const reply = await receive(client, subject, timeoutMs, () => client.publish(subject))
  const advice = `let this user publish and subscribe to ${prefix}.>, or set nats.inboxPrefix to what it may use`
  if (reply === 'denied') return fail('nats inbox', `this user may not subscribe to ${prefix}.>`, advice)
  if (reply === undefined) return fail('nats inbox', `what is sent to ${prefix}.> does not come back`, advice)
  return ok('nats inbox', `round trip in ${(performance.now() - started).toFixed(1)} ms`)
}

/** What a router subscribes to as a micro service. */
async function checkService(client: NatsConnection, timeoutMs: number): Promise<Finding> {
  const denied: string[] = []
  for (const subject of ['$SRV.*', `${OPERATOR_PREFIX}.all.*`]) {
    const subscription = client.subscribe(subject, {
      callback: (error) => {
        if (error !== null) denied.push(subject)
      },
    })
    // Its denial comes before the answer to what follows.
    await Promise.race([client.flush(), delay(timeoutMs, undefined, { ref: false })])
    if (!subscription.isClosed()) subscription.unsubscribe()
  }
  if (denied.length === 0) return ok('nats service', 'routers can be asked with --all')
  return warn(
    'nats service',
    `this user may not subscribe to ${denied.join(' and ')}: routers cannot be asked with --all`,
    `let it subscribe to $SRV.> and ${OPERATOR_PREFIX}.>, or set nats.service to false`,
  )
}

async function checkNoResponders(client: NatsConnection, prefix: string, timeoutMs: number): Promise<Finding> {
  const reply = `${prefix}.${token()}`
  const subject = `engine_router.doctor.${token()}`
  const message = await receive(client, reply, timeoutMs, () => client.publish(subject, undefined, { reply }))
  if (message !== 'denied' && message?.headers?.code === 503)
    return ok('nats no responders', 'a subject without subscribers is told at once')
  return warn(
    'nats no responders',
    message === undefined ? 'no word about a subject without subscribers' : 'someone answers on any subject',
    'look for a subscription to ">", or for a user that may not publish: missing backends will show as timeouts',
  )
}

/** The first message on a subject after an action; undefined if none comes in time. */
function receive(
  client: NatsConnection,
  subject: string,
  timeoutMs: number,
  act: () => void,
): Promise<Msg | 'denied' | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish(undefined), timeoutMs)
    const subscription = client.subscribe(subject, {
      callback: (error, message) => finish(error === null ? message : 'denied'),
    })
    const finish = (message: Msg | 'denied' | undefined) => {
      clearTimeout(timer)
      if (!subscription.isClosed()) subscription.unsubscribe()
      resolve(message)
    }
    act()
  })
}

function token(): string {
  return randomBytes(12).toString('base64url')
}
