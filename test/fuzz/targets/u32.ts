import assert from 'node:assert/strict'
import fc from 'fast-check'
import { arbitraryMutations, mutate } from '../bytes.ts'
import { arbitraryConnections, sendConnection } from '../connection.ts'
import { routerTarget } from '../target.ts'

const LENGTH_BYTES = 4
const SHARP = [
  '\0\0\0\0',
  '\0\0\0\x01',
  '\0\x01\0\x01',
  '\0\xa0\0\0',
  '\0\xa0\0\x01',
  '\x7f\xff\xff\xff',
  '\xff\xff\xff\xff',
]

const message = fc
  .oneof(
    { weight: 60, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    // About where a message goes on in parts.
    { weight: 1, arbitrary: fc.constantFrom(65_535, 65_536, 65_537, 131_073).map((length) => new Uint8Array(length)) },
  )
  .map((payload) => {
    const bytes = Buffer.alloc(LENGTH_BYTES + payload.length)
    bytes.writeUInt32BE(payload.length)
    bytes.set(payload, LENGTH_BYTES)
    return bytes
  })

const bytes = fc
  .tuple(fc.array(message, { maxLength: 8 }), arbitraryMutations(SHARP))
  .map(([messages, mutations]) => mutate(Buffer.concat(messages), mutations))

/** Messages with their length before them, changed and cut anywhere: what comes back is what was sent, as far as it comes. */
export const u32Target = routerTarget('u32', arbitraryConnections(bytes), async (connections, { tcp }) => {
  await Promise.all(
    connections.map(async (connection) => {
      const echoed = payloadOf(await sendConnection(tcp.u32, connection))
      const sent = payloadOf(connection.bytes)
      assert.ok(echoed.equals(sent.subarray(0, echoed.length)), 'the echo is not what was sent')
    }),
  )
})

/** Of all messages, joined, and of the last one what there is of it. */
function payloadOf(bytes: Uint8Array): Buffer {
  const buffer = Buffer.from(bytes)
  const payloads: Buffer[] = []
  for (let at = 0; at + LENGTH_BYTES <= buffer.length; ) {
    const from = at + LENGTH_BYTES
    at = from + buffer.readUInt32BE(at)
    payloads.push(buffer.subarray(from, at))
  }
  return Buffer.concat(payloads)
}
