import { Empty, type Msg, type NatsConnection, NatsError } from 'nats'

/** Of a user, as far as publishing goes. */
export interface PublishPermissions {
  /** Empty: everything. */
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}

const EVERYTHING: PublishPermissions = { allow: [], deny: [] }

/** Asks the server what this user may publish to; undefined: it does not tell, as before nats-server 2.10. */
export async function readPublishPermissions(
  client: NatsConnection,
  timeoutMs: number,
): Promise<PublishPermissions | undefined> {
  const answer = await ask(client, '$SYS.REQ.USER.INFO', undefined, timeoutMs)
  const { data } = (answer ?? {}) as { data?: { permissions?: { publish?: Partial<PublishPermissions> } } }
  if (data === undefined) return client.info?.auth_required === true ? undefined : EVERYTHING
  const { allow, deny } = data.permissions?.publish ?? {}
  return { allow: allow ?? [], deny: deny ?? [] }
}

/** Names of the JetStream streams that take what is published to a subject, or to some that a pattern stands for. */
export async function findStreams(
  client: NatsConnection,
  subject: string,
  timeoutMs: number,
): Promise<readonly string[] | undefined> {
  const answer = await ask(client, '$JS.API.STREAM.NAMES', { subject }, timeoutMs)
  if (answer === undefined) return undefined
  // An error is that the account has no JetStream.
  return 'streams' in answer && Array.isArray(answer.streams) ? answer.streams.map(String) : []
}

/** Whether a stream answers what it takes, which is how it would answer the request of a client. */
export async function acknowledges(client: NatsConnection, stream: string, timeoutMs: number): Promise<boolean> {
  const answer = await ask(client, `$JS.API.STREAM.INFO.${stream}`, undefined, timeoutMs)
  const { config } = (answer ?? {}) as { config?: { no_ack?: boolean } }
  return config?.no_ack !== true
}

/** JSON of the server; undefined: nobody answers, it takes too long, or this user may not ask. */
async function ask(
  client: NatsConnection,
  subject: string,
  question: object | undefined,
  timeoutMs: number,
): Promise<object | undefined> {
  let message: Msg
  try {
    const data = question === undefined ? Empty : JSON.stringify(question)
    message = await client.request(subject, data, { timeout: timeoutMs })
  } catch (error) {
    if (error instanceof NatsError) return undefined
    throw error
  }
  try {
    const value: unknown = JSON.parse(Buffer.from(message.data).toString())
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    // Whoever answers on a subject of the server is not one that we know.
    return undefined
  }
}
