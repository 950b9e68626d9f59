import { connect } from 'node:net'
import fc from 'fast-check'
import { arbitraryCuts, splitAt } from '../adapters/framing/arbitrary-frame.ts'

/** How long a client waits for what may never come. */
const PATIENCE_MS = 50

/** How a hostile client leaves: with FIN, RST, or after it has waited a little for an answer. */
export type Ending = 'end' | 'reset' | 'wait'

/** One connection of a hostile client. */
export interface ConnectionCase {
  readonly bytes: Uint8Array
  /** Where the bytes are split, as parts of the whole. */
  readonly cuts: readonly number[]
  readonly ending: Ending
}

/**
 * Several at a time, as they come in life; of some lots all wait, since a web server takes a FIN for the end of both
 * directions, and most others therefore see no response but one that comes at once.
 */
export function arbitraryConnections(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<readonly ConnectionCase[]> {
  const cuts = fc.oneof(fc.constant([]), arbitraryCuts)
  const lot = (...endings: Ending[]) =>
    fc.array(fc.record({ bytes, cuts, ending: fc.constantFrom(...endings) }), { minLength: 1, maxLength: 20 })
  return fc.oneof({ weight: 3, arbitrary: lot('end', 'reset') }, { weight: 1, arbitrary: lot('wait') })
}

/** Sends it all and leaves; gives what came back. */
export async function sendConnection(port: number, { bytes, cuts, ending }: ConnectionCase): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  const came: Buffer[] = []
  socket.on('data', (chunk) => came.push(chunk))
  // To be reset is a way to be refused; `close` follows.
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await Promise.race([new Promise((resolve) => socket.once('connect', resolve)), closed])
  for (const piece of splitAt(bytes, cuts)) {
    if (socket.destroyed) break
    socket.write(piece)
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (ending === 'reset') socket.resetAndDestroy()
  else {
    if (ending === 'end') socket.end()
    const timer = setTimeout(() => socket.destroy(), PATIENCE_MS)
    await closed
    clearTimeout(timer)
  }
  await closed
  return Buffer.concat(came)
}
