import type { Ask } from '../exchange/ask.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { NatsLink } from './connection.ts'

/** For questions of our own, which are few: the client library's request, with a promise and a timer for each. */
export function createAsk(link: NatsLink): Ask {
  return async (subject, question, timeoutMs) => {
    const { client, connected } = link
    if (client === undefined || !connected) throw new ExchangeError('nats_unavailable', 'NATS is not connected')
    try {
      const { data } = await client.request(subject, question, { timeout: timeoutMs })
      return data
    } catch (cause) {
      // Nobody has done anything for the client yet, so that it may try again, whatever it wants.
      throw new ExchangeError('busy', `no answer on ${subject} within ${timeoutMs} ms`, { cause })
    }
  }
}
