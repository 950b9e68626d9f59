import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { encodeBinaryFrame } from '../../src/adapters/framing/binary-frames.ts'
import type { MuxFrame } from '../../src/adapters/framing/mux-frame.ts'
import { connect } from '../../src/client/index.ts'
import { arbitraryFrame } from '../adapters/framing/arbitrary-frame.ts'
import { ManualClock } from './manual-clock.ts'

type Listener = (event: { readonly data: unknown }) => void

/** A WebSocket without a network: the test is the router. */
class LoopSocket {
  static readonly all: LoopSocket[] = []
  binaryType = ''
  isClosed = false
  readonly protocol: string
  readonly #listeners = new Map<string, Listener>()

  constructor(_url: string, protocol: string) {
    this.protocol = protocol
    LoopSocket.all.push(this)
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, listener)
  }

  send(): void {
    assert.equal(this.isClosed, false, 'sent on a closed socket')
  }

  close(): void {
    this.isClosed = true
  }

  emit(type: 'open' | 'message' | 'close', data?: unknown): void {
    if (type === 'close') this.isClosed = true
    this.#listeners.get(type)?.({ data })
  }
}

/** Aimed at the exchanges that there are, most of the time, and seldom one that ends the connection. */
const aimed: fc.Arbitrary<MuxFrame> = fc
  .tuple(arbitraryFrame, fc.integer({ min: 1, max: 6 }), fc.nat({ max: 9 }))
  .map(([frame, id, chance]) => {
    if (frame.t === 'goaway' && chance > 0) return { t: 'ping' } as const
    if (frame.t === 'open' && chance > 0) return { t: 'end', id } as const
    return 'id' in frame ? { ...frame, id } : frame
  })

const arbitraryEvent = fc.oneof(
  { weight: 30, arbitrary: aimed.map((frame) => ({ kind: 'frame' as const, frame })) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }).map((bytes) => ({ kind: 'bytes' as const, bytes })) },
  { weight: 1, arbitrary: fc.constant({ kind: 'close' as const }) },
  { weight: 4, arbitrary: fc.nat({ max: 40_000 }).map((delayMs) => ({ kind: 'time' as const, delayMs })) },
  { weight: 4, arbitrary: fc.constant({ kind: 'open' as const }) },
)

describe('a client of a router that sends anything', () => {
  test('settles everything, and leaves nothing', async (t) => {
    const failures: unknown[] = []
    const onFailure = (error: unknown) => failures.push(error)
    process.on('unhandledRejection', onFailure)
    t.after(() => process.off('unhandledRejection', onFailure))
    await fc.assert(
      fc.asyncProperty(fc.array(arbitraryEvent, { maxLength: 60 }), async (events) => {
        const clock = new ManualClock()
        LoopSocket.all.length = 0
        const client = connect('ws://router', { WebSocket: LoopSocket, clock, random: () => 0.5 })
        const requests: Promise<unknown>[] = [
          client.fetch('/1').then((response) => response.text()),
          client.fetch('/2', { method: 'POST', body: new Uint8Array(300_000) }).then((response) => response.text()),
          client.fetch('/3', { deadline: 50_000, body: new Blob(['x']).stream() }).then(({ body }) => body?.cancel()),
        ]
        for (const path of ['/4', '/5', '/6']) {
          const duplex = client.open(path)
          requests.push(
            duplex.head,
            duplex.closed,
            duplex.send('x'),
            duplex.send(new Uint8Array(400_000)),
            drain(duplex),
          )
          if (path === '/6') duplex.end()
        }
        const settled = Promise.allSettled(requests)
        for (const event of [{ kind: 'open' as const }, ...events]) {
          const socket = LoopSocket.all.at(-1)
          if (event.kind === 'time') clock.advance(event.delayMs)
          else if (event.kind === 'frame') socket?.emit('message', encodeBinaryFrame(event.frame).slice().buffer)
          else if (event.kind === 'bytes') socket?.emit('message', event.bytes.slice().buffer)
          else socket?.emit(event.kind)
          // All that is to be done without the router is done.
          await new Promise(setImmediate)
        }
        client.close()
        await settled
        await new Promise(setImmediate)
        assert.equal(clock.pending, 0, 'timers are left')
        assert.ok(LoopSocket.all.every(({ isClosed }) => isClosed))
        assert.deepEqual(failures, [])
      }),
      { numRuns: 200 },
    )
  })
})

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of messages);
}
