import { createHash, randomBytes } from 'node:crypto'
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

const CHUNK_BYTES = 32 * 1024
const CHUNKS = 16
/** So that an upload is under way for a while. */
const CHUNK_EVERY_MS = 20

/** What came of some clients' requests, one after the other each. */
export interface Outcome {
  answered: number
  /** How often a retry was needed, where a client may. */
  retried: number
  /** What went wrong; the first few. */
  readonly failures: string[]
}

export type Send = (number: number) => Promise<string>

/** Requests until the signal, each with a number of its own, which must come back. Resolves when the last is answered. */
export async function requestAgainAndAgain(
  clients: number,
  pauseMs: number,
  signal: AbortSignal,
  send: Send,
): Promise<Outcome> {
  const outcome: Outcome = { answered: 0, retried: 0, failures: [] }
  const client = async (first: number) => {
    for (let number = first; !signal.aborted; number += clients) {
      try {
        const answer = await send(number)
        if (answer === String(number)) outcome.answered++
        else outcome.failures.push(`${number}: ${answer}`)
      } catch (error) {
        outcome.failures.push(`${number}: ${String(error)}`)
      }
      await delay(pauseMs)
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)))
  return outcome
}

/** Over kept-alive connections. An answer other than 200 is told with its status. */
export function createSender(url: string, method: string, path: string): { send: Send; close(): void } {
  const agent = new Agent({ keepAlive: true })
  return {
    send: (number) => exchange(url, method, `${path}/${number}`, agent, async (outgoing) => void outgoing.end()),
    close: () => agent.destroy(),
  }
}

/**
 * Uploads until the signal, each in chunks that take their time. One that fails is tried again, once; one whose answer
 * belongs to another body is a failure.
 */
export async function uploadAgainAndAgain(url: string, clients: number, signal: AbortSignal): Promise<Outcome> {
  const outcome: Outcome = { answered: 0, retried: 0, failures: [] }
  const client = async () => {
    while (!signal.aborted) {
      const body = randomBytes(CHUNKS * CHUNK_BYTES)
      const digest = createHash('sha256').update(body).digest('hex')
      const first = await upload(url, body).catch(String)
      const answer = first === digest ? first : await upload(url, body).catch(String)
      if (first !== digest) outcome.retried++
      if (answer === digest) outcome.answered++
      // 64 characters are the digest of something else.
      if (answer !== digest || (first !== digest && first.length === digest.length))
        outcome.failures.push(first, answer)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return outcome
}

function upload(url: string, body: Buffer): Promise<string> {
  return exchange(url, 'POST', '/upload', false, async (outgoing) => {
    for (let at = 0; at < body.length; at += CHUNK_BYTES) {
      if (outgoing.destroyed) return
      outgoing.write(body.subarray(at, at + CHUNK_BYTES))
      await delay(CHUNK_EVERY_MS)
    }
    outgoing.end()
  })
}

function exchange(
  url: string,
  method: string,
  path: string,
  agent: Agent | false,
  writeBody: (outgoing: ReturnType<typeof request>) => Promise<void>,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}${path}`, { method, agent, timeout: 10_000 }, (response) => {
      readAll(response).then(
        (text) => resolve(response.statusCode === 200 ? text : `${response.statusCode} ${text}`),
        reject,
      )
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 10 s')))
    outgoing.on('error', reject)
    writeBody(outgoing).catch(reject)
  })
}

async function readAll(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response) text += chunk
  return text
}
