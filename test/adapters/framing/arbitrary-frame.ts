import fc from 'fast-check'
import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'

const id = fc.integer({ min: 1, max: 2 ** 31 - 1 })
const count = fc.maxSafeNat()
const flag = fc.boolean()
const text = fc.string({ unit: 'binary' })
const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 })
/** An empty body of `open` and `head` is the same as none. */
const someBody = fc.option(fc.oneof(text, bytes), { nil: undefined })
const body = fc.oneof(text, fc.uint8Array({ maxLength: 300 }))
const headers = maybe(
  fc.dictionary(text, fc.oneof(text, fc.array(text, { maxLength: 3 })), { maxKeys: 4, noNullPrototype: true }),
)

/** Every frame that may be sent, with all of its fields; what is absent is undefined, as a decoder gives it. */
export const arbitraryFrame: fc.Arbitrary<MuxFrame> = fc
  .oneof(
    fc.record({
      t: fc.constant('open' as const),
      id,
      method: maybe(text),
      path: text,
      headers,
      body: someBody,
      more: flag,
      credit: maybe(count),
      deadline: maybe(count),
    }),
    fc.record({
      t: fc.constant('head' as const),
      id,
      status: fc.integer({ min: 200, max: 599 }),
      headers,
      body: someBody,
      end: flag,
    }),
    fc.record({
      t: fc.constant('data' as const),
      id,
      body,
      end: flag,
      fin: maybe(fc.constant(false as const)),
      event: maybe(text),
      eventId: maybe(text),
    }),
    fc.record({ t: fc.constant('end' as const), id, close: maybe(count) }),
    fc.record({
      t: fc.constant('reset' as const),
      id,
      code: text,
      status: maybe(count),
      retryable: maybe(flag),
      detail: maybe(text),
    }),
    fc.record({ t: fc.constant('credit' as const), id, to: count }),
    fc.record({ t: fc.constantFrom('ping' as const, 'pong' as const) }),
    fc.record({
      t: fc.constant('goaway' as const),
      lastId: count,
      grace: count,
      code: maybe(text),
      detail: maybe(text),
    }),
    fc.record({ t: fc.constant('auth' as const), token: maybe(text), code: maybe(text), detail: maybe(text) }),
  )
  // A record of fast-check has no prototype; a frame has.
  .map((frame) => ({ ...frame }))

function maybe<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined })
}

/** `bytes` in pieces: at each of the numbers, taken as parts of the whole, it is split. */
export function splitAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const points = [0, ...cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b), bytes.length]
  return points.slice(1).map((to, index) => bytes.slice(points[index], to))
}

/** Where to split, as parts of the whole. */
export const arbitraryCuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 })
