import fc from 'fast-check'
import { encodeBinaryFrame } from '../../../src/adapters/framing/binary-frames.ts'
import { encodeJsonFrame } from '../../../src/adapters/framing/json-frames.ts'
import { arbitraryFrame } from '../../adapters/framing/arbitrary-frame.ts'
import { arbitraryMutations, mutate } from '../bytes.ts'
import { arbitraryConnections, sendConnection } from '../connection.ts'
import { routerTarget } from '../target.ts'
import { OPENING_FRAMES } from './mux-frames.ts'

const SHARP = ['\n', '\r\n', '{', '}', '"', '\\u0000', '"id":1', '"__proto__":{}', '[', '1e999', '\0', '\xff', 'SX1\n']

const frames = fc.array(fc.oneof(fc.constantFrom(...OPENING_FRAMES), arbitraryFrame), { maxLength: 12 })
const lines = frames.map((list) => Buffer.from(list.map((frame) => `${encodeJsonFrame(frame)}\n`).join('')))
const binary = frames.map((list) => Buffer.concat([Buffer.from('SX1\n'), ...list.map(encodeBinaryFrame)]))
const bytes = fc
  .tuple(fc.oneof(lines, binary), arbitraryMutations(SHARP))
  .map(([list, mutations]) => mutate(list, mutations))

/** Frames of both encodings, changed and cut anywhere, over TCP. */
export const muxTarget = routerTarget('mux', arbitraryConnections(bytes), async (connections, { tcp }) => {
  await Promise.all(connections.map((connection) => sendConnection(tcp.mux, connection)))
})
