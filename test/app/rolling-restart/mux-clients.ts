import { WebSocket } from 'ws'
import { type Client, connect } from '../../../src/client/index.ts'
import type { Send } from './requests.ts'

/** Clients with a connection each that does nothing, but is there again as soon as it is lost. */
export interface Herd {
  /** When each of them has come back, as of `performance.now()`. */
  readonly returnedAtMs: readonly number[]
  /** How many have a connection now. */
  readonly open: number
  close(): void
}

export function startHerd(url: string, size: number): Herd {
  const returnedAtMs: number[] = []
  const clients = Array.from({ length: size }, () => {
    let hasBeenOpen = false
    const client = connect(url, { WebSocket, eager: true })
    client.onstate = (state) => {
      if (state !== 'open') return
      if (hasBeenOpen) returnedAtMs.push(performance.now())
      hasBeenOpen = true
    }
    return client
  })
  return {
    returnedAtMs,
    get open() {
      return clients.filter(({ state }) => state === 'open').length
    },
    close() {
      for (const client of clients) client.close()
    },
  }
}

/** Over one WebSocket of the SDK. */
export function createMuxSender(url: string): { get: Send; post: Send; client: Client } {
  const client = connect(url, { WebSocket })
  const send = (method: string, path: string) => async (number: number) => {
    const response = await client.fetch(`${path}/${number}`, { method })
    const text = await response.text()
    return response.status === 200 ? text : `${response.status} ${text}`
  }
  return { client, get: send('GET', '/get'), post: send('POST', '/post') }
}
