import { ErrorCode, type NatsConnection, NatsError } from 'nats'
import { type CollectOptions, collectAnswers } from './collect-answers.ts'

/** Anyone in the account may answer. */
const MAX_INSTANCES = 1000
/** One NATS token, and nothing that a terminal would heed. */
const INSTANCE_ID = /^[\w-]{1,64}$/

/** An answer, or why there is none. */
export type InstanceAnswer =
  | { readonly data: Uint8Array }
  | { readonly problem: string /** An HTTP status that came with it. */; readonly code?: number }

/** Ids of the instances of a micro service that answer within the time, sorted. */
export async function findInstances(client: NatsConnection, name: string, options: CollectOptions): Promise<string[]> {
  const found = new Set<string>()
  await collectAnswers(client, `$SRV.PING.${name}`, options, (answer) => {
    const { id } = answer as { readonly id: unknown }
    return isInstanceId(id) && found.add(id).size === MAX_INSTANCES
  })
  return [...found].sort()
}

/** One request, answered by one instance. A connection that is closed is the caller's fault, and throws. */
export async function askInstance(
  client: NatsConnection,
  subject: string,
  question: object,
  timeoutMs: number,
): Promise<InstanceAnswer> {
  try {
    const { headers, data } = await client.request(subject, JSON.stringify(question), { timeout: timeoutMs })
    const code = headers?.get('Nats-Service-Error-Code')
    if (!code) return { data }
    return { problem: printable(headers?.get('Nats-Service-Error') || `error ${code}`), code: Number(code) }
  } catch (error) {
    if (!(error instanceof NatsError)) throw error
    if (error.code === ErrorCode.Timeout) return { problem: `no answer within ${timeoutMs} ms` }
    if (error.code === ErrorCode.NoResponders) return { problem: 'gone' }
    return { problem: error.message }
  }
}

function isInstanceId(id: unknown): id is string {
  return typeof id === 'string' && INSTANCE_ID.test(id)
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?')
}
