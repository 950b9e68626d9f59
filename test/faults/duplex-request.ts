import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'

/** An HTTP request whose body and response are open at the same time. */
export interface DuplexRequest {
  readonly request: ClientRequest
  readonly response: IncomingMessage
  text(): string
  /** Whole, or cut: what the client can tell. */
  readonly over: Promise<'whole' | 'cut'>
  /** Sends, and waits until the same has come back. */
  echo(text: string): Promise<void>
}

/** POSTs to a route that echoes, and waits for the head; `first` is the beginning of the body. */
export async function openDuplex(t: Pick<TestContext, 'after'>, url: string, first: string): Promise<DuplexRequest> {
  const outgoing = request(url, { method: 'POST' })
  t.after(() => outgoing.destroy())
  // How it ended is seen in `over`.
  outgoing.on('error', () => {})
  outgoing.write(first)
  const [response] = (await once(outgoing, 'response', { signal: AbortSignal.timeout(10_000) })) as [IncomingMessage]
  let text = ''
  response.setEncoding('latin1')
  response.on('data', (chunk) => (text += chunk))
  response.on('error', () => {})
  const over = new Promise<'whole' | 'cut'>((resolve) => {
    response.on('close', () => resolve(response.complete ? 'whole' : 'cut'))
  })
  const arrived = (wanted: string) => eventually(`the echo of ${wanted}`, () => text.endsWith(wanted))
  await arrived(first)
  return {
    request: outgoing,
    response,
    text: () => text,
    over,
    async echo(more) {
      outgoing.write(more)
      await arrived(more)
    },
  }
}
