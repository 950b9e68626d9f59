import type { Msg } from 'nats'
import { serve } from '../../src/backend/index.ts'
import { assertSubjectShape } from '../routing/subject-shape.ts'
import { SUBJECTS } from './routes.ts'
import type { FuzzStage } from './stage.ts'

/** What a request must have by the time that it is published, whatever its client has sent. */
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const PATH = /^\/[\x21\x22\x24-\x7e]*$/
const VALUE = /^[\x20-\x7e]*$/

/** More than the system takes of a response that its client does not read. */
const LARGE = Buffer.alloc(512 * 1024, 'x')

/**
 * Backends for the routes of test/fuzz/routes.ts: echoes, and the one that a target plays.
 * @param violations gets what no backend should ever see
 * @returns what ends them
 */
export async function startBackends(stage: FuzzStage, violations: string[]): Promise<() => Promise<void>> {
  const { nats, hostileNats } = stage
  const echo = (_error: Error | null, message: Msg) => void message.respond(message.data)
  nats.subscribe(`${SUBJECTS}.well`, { callback: echo })
  nats.subscribe(`${SUBJECTS}.messages`, { callback: echo })
  nats.subscribe(`${SUBJECTS}.large`, { callback: (_error, message) => void message.respond(LARGE) })
  nats.subscribe(`${SUBJECTS}.any.>`, {
    callback(error, message) {
      echo(error, message)
      stage.published++
      try {
        assertRequest(message)
      } catch (violation) {
        violations.push(String(violation))
      }
    },
  })
  hostileNats.subscribe(`${SUBJECTS}.hostile`, {
    callback(_error, message) {
      if (message.reply !== undefined) stage.hostile?.(message.reply)
    },
  })
  const service = await serve({ nats, name: 'fuzz', version: '1.0.0', maxConcurrent: 10_000 })
  service.exchange(`${SUBJECTS}.stream`, async (exchange) => {
    for await (const message of exchange) await exchange.send(message.data)
  })
  await service.flush()
  await Promise.all([nats.flush(), hostileNats.flush()])
  return () => service.drain(0)
}

function assertRequest({ subject, headers }: Msg): void {
  const path = headers?.get('Sx-Path') ?? ''
  const method = headers?.get('Sx-Method') ?? ''
  const rest = path.split('/').length - 3
  assertSubjectShape(`${SUBJECTS}.any.{a}.{rest...}`, subject, { rest })
  if (!METHOD.test(method)) throw new Error(`published with the method ${JSON.stringify(method)}`)
  if (!PATH.test(path)) throw new Error(`published with the path ${JSON.stringify(path)}`)
  for (const name of headers?.keys() ?? []) {
    if (!METHOD.test(name)) throw new Error(`published with a header field ${JSON.stringify(name)}`)
    for (const value of headers?.values(name) ?? []) {
      if (!VALUE.test(value)) throw new Error(`published with ${name}: ${JSON.stringify(value)}`)
    }
  }
}
