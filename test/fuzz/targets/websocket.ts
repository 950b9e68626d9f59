import fc from 'fast-check'
import { encodeBinaryFrame } from '../../../src/adapters/framing/binary-frames.ts'
import { encodeJsonFrame } from '../../../src/adapters/framing/json-frames.ts'
import { arbitraryFrame } from '../../adapters/framing/arbitrary-frame.ts'
import { frame } from '../../adapters/websocket/raw-socket.ts'
import { arbitraryMutations, mutate } from '../bytes.ts'
import { arbitraryConnections, sendConnection } from '../connection.ts'
import { routerTarget } from '../target.ts'
import { TOKENS } from '../tokens.ts'
import { OPENING_FRAMES } from './mux-frames.ts'

const SHARP = [
  '\x81\x80',
  '\x88\x82',
  '\x8a\xff',
  '\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff',
  '\0',
  '\xff',
  '\r\n',
  '{',
]

const handshake = fc
  .record({
    path: fc.constantFrom(
      '/messages',
      '/duplex',
      '/_sx',
      '/fuzz/a/b',
      '/params/a?q=b',
      ...TOKENS.map((token) => `/guarded/a?q=b&token=${token}`),
    ),
    protocol: fc.constantFrom('', 'sx.v1.json', 'sx.v1.bin', 'sx.v1.bin, sx.v1.json', ','),
    key: fc.constantFrom('dGhlIHNhbXBsZSBub25jZQ==', 'short', ''),
    version: fc.constantFrom('13', '13', '13', '8'),
    origin: fc.constantFrom('', 'Origin: http://127.0.0.1\r\n', 'Origin: null\r\n'),
  })
  .map(({ path, protocol, key, version, origin }) =>
    Buffer.from(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${origin}` +
        `${protocol === '' ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`}` +
        `Sec-WebSocket-Version: ${version}\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    ),
  )

const payload = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 100 }).map((text) => Uint8Array.from(Buffer.from(text))),
  fc.constantFrom(...OPENING_FRAMES).map((one) => Uint8Array.from(Buffer.from(encodeJsonFrame(one)))),
  arbitraryFrame.map((one) => Uint8Array.from(Buffer.from(encodeJsonFrame(one)))),
  arbitraryFrame.map((one) => encodeBinaryFrame(one)),
  fc.constant(new Uint8Array(70_000)),
)

const frames = fc.array(
  fc
    .record({
      opcode: fc.constantFrom(0, 1, 1, 1, 2, 2, 8, 9, 10, 3, 15),
      fin: fc.boolean(),
      rsv: fc.constantFrom(0, 0, 0, 0, 0, 4, 1),
      masked: fc.constantFrom(true, true, true, true, false),
      lengthBytes: fc.constantFrom<(1 | 3 | 9)[]>(3, 9),
      payload,
    })
    .map(({ opcode, payload, lengthBytes, ...options }) =>
      // The longest form of a length holds any; the shortest is what most clients send.
      frame(opcode, payload, payload.length < 126 ? { ...options, lengthBytes } : options),
    ),
  { maxLength: 12 },
)

const bytes = fc
  .tuple(handshake, frames, arbitraryMutations(SHARP), arbitraryMutations(['\r\n', ':', ' ', ',']))
  .map(([head, list, changes, headChanges]) =>
    // Most handshakes stay as they are, for what is behind a broken one is never read.
    Buffer.concat([headChanges.length > 4 ? mutate(head, headChanges) : head, mutate(Buffer.concat(list), changes)]),
  )

/** Handshakes and frames of WebSocket, changed and cut anywhere. */
export const webSocketTarget = routerTarget('ws', arbitraryConnections(bytes), async (connections, { httpPort }) => {
  await Promise.all(connections.map((connection) => sendConnection(httpPort, connection)))
})
