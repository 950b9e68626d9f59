import { once } from 'node:events'
import { type ClientOptions, WebSocket } from 'ws'

export interface Received {
  readonly data: Buffer
  readonly isBinary: boolean
}

/** A WebSocket client that remembers all that it hears. */
export interface TestSocket {
  readonly ws: WebSocket
  readonly received: Received[]
  /** Messages as text. */
  readonly texts: string[]
  /** Waits for this many messages in all, and returns them as text. */
  messages(count: number): Promise<string[]>
  /** Waits for the close, whoever begins it. */
  closed(): Promise<{ readonly code: number; readonly reason: string }>
}

const DEADLINE_MS = 10_000

/** Connects, or rejects with the refusal. */
export async function openSocket(
  url: string,
  options: ClientOptions & { readonly protocols?: string[] } = {},
): Promise<TestSocket> {
  const socket = createSocket(url, options)
  await once(socket.ws, 'open', { signal: AbortSignal.timeout(DEADLINE_MS) })
  return socket
}

/** The same before it is open. */
export function createSocket(
  url: string,
  { protocols = [], ...options }: ClientOptions & { readonly protocols?: string[] } = {},
): TestSocket {
  const ws = new WebSocket(url.replace(/^http/, 'ws'), protocols, { perMessageDeflate: false, ...options })
  const received: Received[] = []
  const texts: string[] = []
  ws.on('message', (data: Buffer, isBinary) => {
    received.push({ data, isBinary })
    texts.push(data.toString())
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  return {
    ws,
    received,
    texts,
    async messages(count) {
      const signal = AbortSignal.timeout(DEADLINE_MS)
      while (received.length < count) await once(ws, 'message', { signal })
      return texts
    },
    async closed() {
      const timeout = AbortSignal.timeout(DEADLINE_MS)
      const late = once(timeout, 'abort').then(() => {
        throw new Error(`not closed within ${DEADLINE_MS} ms`)
      })
      return Promise.race([closed, late])
    },
  }
}

export interface Refusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly problem: {
    readonly status: number
    readonly code: string
    readonly route: string | null
    readonly detail?: string
  }
}

/** The answer to an upgrade that is refused. */
export async function refusedSocket(
  url: string,
  options: ClientOptions & { readonly protocols?: string[] } = {},
): Promise<Refusal> {
  const { ws } = createSocket(url, options)
  const [, response] = await once(ws, 'unexpected-response', { signal: AbortSignal.timeout(DEADLINE_MS) })
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, headers: response.headers, problem: JSON.parse(text) }
}
