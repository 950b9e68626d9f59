import { createInbox, Empty, type NatsConnection } from 'nats'

/** Of one answer: anyone in the account may answer, with anything. */
const MAX_ANSWER_BYTES = 64 * 1024

export interface CollectOptions {
  readonly inboxPrefix: string
  readonly timeoutMs: number
}

/**
 * Asks all that listen on a subject with an empty message, and takes what comes within the time: there is no last answer.
 * Over at once where NATS says that nobody is there. Rejects if the connection is closed by then.
 * @param take gets what an answer says as JSON, of which nothing is sure; true: it is enough. What it throws at is no answer
 */
export function collectAnswers(
  client: NatsConnection,
  subject: string,
  { inboxPrefix, timeoutMs }: CollectOptions,
  take: (answer: unknown) => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const inbox = createInbox(inboxPrefix)
    const end = () => {
      clearTimeout(timer)
      // A connection that is closed has none, and throws.
      if (!client.isClosed()) subscription.unsubscribe()
      resolve()
    }
    // It throws where the connection is closed: no timer yet.
    const subscription = client.subscribe(inbox, {
      callback(error, { data }) {
        if (error !== null) return
        // The server's 503.
        if (data.length === 0) end()
        else if (data.length <= MAX_ANSWER_BYTES && isEnough(data, take)) end()
      },
    })
    const timer = setTimeout(end, timeoutMs)
    client.publish(subject, Empty, { reply: inbox })
  })
}

function isEnough(data: Uint8Array, take: (answer: unknown) => boolean): boolean {
  try {
    return take(JSON.parse(Buffer.from(data).toString()))
  } catch {
    // What is not an answer says nothing.
    return false
  }
}
