import type { Msg } from 'nats'
import { serve } from '../../src/backend/index.ts'
import { assertSubjectShape } from '../routing/subject-shape.ts'
import { GUARDED_SUBJECT, PARAMS_SUBJECT, SUBJECTS } from './routes.ts'
import type { FuzzStage } from './stage.ts'

/** What a request must have by the time that it is published, whatever its client has sent. */
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const PATH = /^\/[\x21\x22\x24-\x7e]*$/
const VALUE = /^[\x20-\x7e]*$/

/** A response of which the system takes less, some MiB, for a client that does not read: the router holds the rest. */
const LARGE_PARTS = 256
const LARGE_PART = Buffer.alloc(64 * 1024, 'x')

/**
 * Backends for the routes of test/fuzz/routes.ts: echoes, and the one that a target plays.
 * @param violations gets what no backend should ever see
 * @returns what ends them
 */
export async function startBackends(stage: FuzzStage, violations: string[]): Promise<() => Promise<void>> {
  const { nats, hostileNats } = stage
  const echo = (_error: Error | null, message: Msg) => void message.respond(message.data)
  /** Sees what is published for a template; what answers it may be somebody else. */
  const watch = (template: string) => (_error: Error | null, message: Msg) => {
    stage.published++
    try {
      assertRequest(message, template)
    } catch (violation) {
      violations.push(String(violation))
    }
  }
  nats.subscribe(`${SUBJECTS}.well`, { callback: echo })
  nats.subscribe(`${SUBJECTS}.messages`, { callback: echo })
  for (const [subject, template] of [
    [`${SUBJECTS}.any.>`, `${SUBJECTS}.any.{a}.{rest...}`],
    [`${SUBJECTS}.params.>`, PARAMS_SUBJECT],
  ] as const) {
    nats.subscribe(subject, { callback: echo })
    nats.subscribe(subject, { callback: watch(template) })
  }
  nats.subscribe(`${SUBJECTS}.guarded.>`, { callback: watch(GUARDED_SUBJECT) })
  nats.subscribe(`${SUBJECTS}.stream`, { callback: watch(`${SUBJECTS}.stream`) })
  hostileNats.subscribe(`${SUBJECTS}.hostile`, {
    callback(_error, message) {
      if (message.reply !== undefined) stage.hostile?.(message.reply)
    },
  })
  const service = await serve({ nats, name: 'fuzz', version: '1.0.0', maxConcurrent: 10_000 })
  for (const subject of [`${SUBJECTS}.stream`, `${SUBJECTS}.guarded.>`]) {
    service.exchange(subject, async (exchange) => {
      for await (const message of exchange) await exchange.send(message.data)
    })
  }
  service.exchange(`${SUBJECTS}.large`, async (exchange) => {
    for (let part = 0; part < LARGE_PARTS; part++) await exchange.send(LARGE_PART)
  })
  await service.flush()
  await Promise.all([nats.flush(), hostileNats.flush()])
  return () => service.drain(0)
}

function assertRequest({ subject, headers }: Msg, template: string): void {
  const path = headers?.get('Sx-Path') ?? ''
  const method = headers?.get('Sx-Method') ?? ''
  const rest = path.split('/').length - 3
  assertSubjectShape(template, subject, { rest })
  if (headers?.get('Sx-Kind') !== 'http') return
  if (!METHOD.test(method)) throw new Error(`published with the method ${JSON.stringify(method)}`)
  if (!PATH.test(path)) throw new Error(`published with the path ${JSON.stringify(path)}`)
  for (const name of headers?.keys() ?? []) {
    if (!METHOD.test(name)) throw new Error(`published with a header field ${JSON.stringify(name)}`)
    for (const value of headers?.values(name) ?? []) {
      if (!VALUE.test(value)) throw new Error(`published with ${name}: ${JSON.stringify(value)}`)
    }
  }
}
