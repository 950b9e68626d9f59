import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { MuxBody } from '../../src/adapters/framing/mux-frame.ts'
import { Incoming, WINDOW_BYTES } from '../../src/client/incoming.ts'
import { Outgoing } from '../../src/client/outgoing.ts'
import { byteLength, concat, piecesOf } from '../../src/client/pieces.ts'

const MAX_PIECE_BYTES = 64 * 1024
const arbitraryBody: fc.Arbitrary<MuxBody> = fc.oneof(
  fc.integer({ min: 0, max: 200_000 }).map((bytes) => new Uint8Array(bytes).map((_, index) => index % 251)),
  fc
    .tuple(fc.constantFrom('a', 'é', '€', '😀'), fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 40_000 }))
    .map(([character, begin, times]) => begin + character.repeat(times)),
)

describe('pieces of a body', () => {
  test('fit into frames, and are the body together', () => {
    fc.assert(
      fc.property(arbitraryBody, (body) => {
        const pieces = piecesOf(body)
        assert.ok(pieces.length >= 1)
        assert.ok(pieces.every((piece) => typeof piece === typeof body && byteLength(piece) <= MAX_PIECE_BYTES))
        assert.deepEqual(Buffer.from(concat(pieces)), Buffer.from(concat([body])))
        // No character is cut: each piece is as good a text as the whole.
        if (typeof body === 'string') assert.equal(pieces.join(''), body)
      }),
      { numRuns: 50 },
    )
  })
})

describe('what is sent and what is received', () => {
  test('stay within the credit, in order, whoever is slow', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(arbitraryBody, { maxLength: 8 }),
        fc.infiniteStream(fc.nat({ max: 2 })),
        async (bodies, steps) => {
          let granted = WINDOW_BYTES
          let sentBytes = 0
          const grants: number[] = []
          const incoming = new Incoming((to) => grants.push(to))
          const outgoing = new Outgoing(
            {
              data(body, fin) {
                sentBytes += byteLength(body)
                assert.ok(sentBytes <= granted, 'more than was granted')
                assert.ok(incoming.push({ t: 'data', id: 1, body, fin }))
              },
              end: () => incoming.end(),
            },
            0,
            true,
          )
          const sent = bodies.map((body) => outgoing.send(body, true))
          outgoing.end()
          const found: MuxBody[] = []
          let parts: MuxBody[] = []
          let isOver = false
          while (!isOver) {
            const step = steps.next().value
            if (step === 0 && grants.length > 0) {
              granted = grants.shift()!
              outgoing.grant(granted)
              continue
            }
            // Nothing to read would be waited for in vain unless a grant comes first.
            const reading = incoming.read()
            while (grants.length > 0) {
              granted = grants.shift()!
              outgoing.grant(granted)
            }
            const chunk = await reading
            if (chunk === undefined) isOver = true
            else {
              parts.push(chunk.body)
              if (chunk.fin !== false) {
                found.push(parts.length === 1 ? parts[0]! : concat(parts))
                parts = []
              }
            }
          }
          await Promise.all(sent)
          assert.equal(found.length, bodies.length)
          for (const [index, body] of bodies.entries())
            assert.ok(Buffer.from(concat([found[index]!])).equals(Buffer.from(concat([body]))))
        },
      ),
      { numRuns: 50 },
    )
  })

  test('wait when many frames were not taken, however few their bytes', () => {
    let sent = 0
    const outgoing = new Outgoing({ data: () => sent++, end: () => undefined }, 10, true)
    for (let n = 0; n < 5000; n++) outgoing.send('x', true)
    assert.equal(sent, 2048)
    // What went before and a thousand of them were taken.
    outgoing.grant(WINDOW_BYTES + 10 + 1000)
    assert.equal(sent, 3048)
    outgoing.grant(WINDOW_BYTES + 10 + 3048)
    assert.equal(sent, 5000)
  })

  test('are refused beyond the window, empty chunks by their number', () => {
    const incoming = new Incoming(() => undefined)
    const chunk = { t: 'data', id: 1, body: new Uint8Array(WINDOW_BYTES) } as const
    assert.equal(incoming.push(chunk), true)
    assert.equal(incoming.push({ ...chunk, body: 'x' }), false)
    const empty = new Incoming(() => undefined)
    for (let n = 0; n < WINDOW_BYTES; n++) assert.equal(empty.push({ ...chunk, body: '' }), true)
    assert.equal(empty.push({ ...chunk, body: '' }), false)
  })
})
