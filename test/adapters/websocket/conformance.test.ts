import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { type StreamBackend, startStreamBackend } from '../../support/stream-backend.ts'
import { closeFrame, frame, openRawSocket, type RawSocket } from './raw-socket.ts'

const TEXT = 1
const BINARY = 2
const CONTINUATION = 0
const CLOSE = 8
const PING = 9
const PONG = 10

/** What the client sends, and what is to come back of it from a backend that echoes each message. */
interface Case {
  readonly name: string
  readonly sends: readonly Uint8Array[]
  /** Messages that come back, as latin1. */
  readonly messages?: readonly string[]
  /** Payloads of pongs that come back. */
  readonly pongs?: readonly string[]
  /** How the connection ends; absent: it goes on. */
  readonly ends?: number | 'cut'
}

const long = (length: number) => 'x'.repeat(length)
const utf8 = (text: string) => Buffer.from(text)
const latin1 = (text: string) => Buffer.from(text).toString('latin1')
const hex = (text: string) => Buffer.from(text, 'hex')
const bytewise = (bytes: Uint8Array) => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))

/**
 * After the cases of the Autobahn test suite, in its order. Where the protocol is broken, RFC 6455 asks for a close frame
 * with 1002 or 1007 ("SHOULD"); uWebSockets cuts the connection without one.
 */
const CASES: readonly Case[] = [
  // 1: framing
  ...[0, 125, 126, 127, 128, 65_535, 65_536].flatMap((length): Case[] => [
    { name: `text of ${length} bytes`, sends: [frame(TEXT, long(length))], messages: [long(length)] },
    { name: `binary of ${length} bytes`, sends: [frame(BINARY, long(length))], messages: [long(length)] },
  ]),
  { name: 'text byte by byte', sends: bytewise(frame(TEXT, 'hello')), messages: ['hello'] },
  { name: 'binary of 1,000 bytes, byte by byte', sends: bytewise(frame(BINARY, long(1000))), messages: [long(1000)] },
  {
    name: 'many messages in one write',
    sends: [Buffer.concat(Array.from({ length: 100 }, (_, i) => frame(TEXT, String(i))))],
    messages: Array.from({ length: 100 }, (_, i) => String(i)),
  },
  { name: 'a length in more bytes than it needs', sends: [frame(TEXT, 'abc', { lengthBytes: 9 })], messages: ['abc'] },
  { name: 'a length with the highest bit set', sends: [hex('82ffffffffffffffffff00000000')], ends: 'cut' },

  // 2: pings and pongs
  { name: 'a ping without payload', sends: [frame(PING)], pongs: [''] },
  { name: 'a ping with a payload', sends: [frame(PING, 'hello')], pongs: ['hello'] },
  { name: 'a ping with a binary payload', sends: [frame(PING, hex('00fffefdfc'))], pongs: ['\x00\xff\xfe\xfd\xfc'] },
  { name: 'a ping of 125 bytes', sends: [frame(PING, long(125))], pongs: [long(125)] },
  { name: 'a ping of 126 bytes', sends: [frame(PING, long(126))], ends: 'cut' },
  { name: 'a ping byte by byte', sends: bytewise(frame(PING, long(125))), pongs: [long(125)] },
  { name: 'a pong that nobody asked for', sends: [frame(PONG), frame(PONG, 'x'), frame(TEXT, 'a')], messages: ['a'] },
  {
    name: 'ten pings',
    sends: Array.from({ length: 10 }, (_, i) => frame(PING, String(i))),
    pongs: Array.from({ length: 10 }, (_, i) => String(i)),
  },

  // 3: reserved bits
  ...[1, 2, 3, 5, 6, 7].map(
    (rsv): Case => ({ name: `text with RSV ${rsv}`, sends: [frame(TEXT, 'a', { rsv })], ends: 'cut' }),
  ),
  { name: 'text with RSV 4, compression that was not agreed on', sends: [frame(TEXT, 'a', { rsv: 4 })], ends: 'cut' },
  { name: 'a ping with RSV 1', sends: [frame(PING, '', { rsv: 1 })], ends: 'cut' },
  { name: 'a close with RSV 1', sends: [frame(CLOSE, '', { rsv: 1 })], ends: 'cut' },
  { name: 'RSV 4 behind a good message', sends: [frame(TEXT, 'a'), frame(TEXT, 'b', { rsv: 4 })], ends: 'cut' },

  // 4: reserved opcodes
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
    (opcode): Case => ({ name: `opcode ${opcode}`, sends: [frame(opcode, 'a')], ends: 'cut' }),
  ),

  // 5: fragmentation
  { name: 'a ping in fragments', sends: [frame(PING, 'a', { fin: false }), frame(CONTINUATION, 'b')], ends: 'cut' },
  { name: 'a pong in fragments', sends: [frame(PONG, 'a', { fin: false }), frame(CONTINUATION, 'b')], ends: 'cut' },
  {
    name: 'text in two fragments',
    sends: [frame(TEXT, 'one ', { fin: false }), frame(CONTINUATION, 'two')],
    messages: ['one two'],
  },
  {
    name: 'text in two fragments, byte by byte',
    sends: bytewise(Buffer.concat([frame(TEXT, 'one ', { fin: false }), frame(CONTINUATION, 'two')])),
    messages: ['one two'],
  },
  {
    name: 'a ping between fragments',
    sends: [frame(TEXT, 'one ', { fin: false }), frame(PING, 'p'), frame(CONTINUATION, 'two')],
    messages: ['one two'],
    pongs: ['p'],
  },
  {
    name: 'fragments without bytes',
    sends: [frame(TEXT, '', { fin: false }), frame(CONTINUATION, '', { fin: false }), frame(CONTINUATION, '')],
    messages: [''],
  },
  {
    name: 'a binary message in 100 fragments',
    sends: [
      frame(BINARY, 'x', { fin: false }),
      ...Array.from({ length: 98 }, () => frame(CONTINUATION, 'x', { fin: false })),
      frame(CONTINUATION, 'x'),
    ],
    messages: [long(100)],
  },
  { name: 'a continuation of nothing', sends: [frame(CONTINUATION, 'a')], ends: 'cut' },
  { name: 'a continuation of nothing that goes on', sends: [frame(CONTINUATION, 'a', { fin: false })], ends: 'cut' },
  { name: 'a continuation behind a whole message', sends: [frame(TEXT, 'a'), frame(CONTINUATION, 'b')], ends: 'cut' },
  { name: 'a new message within another', sends: [frame(TEXT, 'a', { fin: false }), frame(TEXT, 'b')], ends: 'cut' },

  // 6: UTF-8
  ...[
    'κόσμε',
    '\u0000',
    '\u007f',
    '\u0080',
    '\u07ff',
    '\u0800',
    '\uffff',
    '\u{10000}',
    '\u{10ffff}',
    '\ufeff',
    '\ufffd',
  ].map(
    (text): Case => ({
      name: `UTF-8 ${utf8(text).toString('hex')}`,
      sends: [frame(TEXT, text)],
      messages: [latin1(text)],
    }),
  ),
  ...bytewise(utf8('κόσμε😀'))
    .slice(1)
    .map((_, i): Case => {
      const bytes = utf8('κόσμε😀')
      return {
        name: `UTF-8 in fragments cut at ${i + 1}`,
        sends: [frame(TEXT, bytes.subarray(0, i + 1), { fin: false }), frame(CONTINUATION, bytes.subarray(i + 1))],
        messages: [bytes.toString('latin1')],
      }
    }),
  ...[
    ['a lone continuation byte', '80'],
    ['a lone start byte', 'c3'],
    ['a character cut short', 'e282'],
    ['an overlong slash', 'c0af'],
    ['an overlong slash of three bytes', 'e080af'],
    ['an overlong NUL', 'c080'],
    ['a surrogate', 'eda080'],
    ['a pair of surrogates', 'eda080edb080'],
    ['a code point above U+10FFFF', 'f4908080'],
    ['five bytes', 'f888808080'],
    ['fe and ff', 'fefeffff'],
    ['one bad byte among good ones', 'cebae1bdb9cf83cebcceb5eda080656469746564'],
  ].map(([name, bytes]): Case => ({ name: `text with ${name}`, sends: [frame(TEXT, hex(bytes!))], ends: 'cut' })),
  {
    name: 'text in fragments that is no UTF-8 as a whole',
    sends: [frame(TEXT, hex('cebae1bdb9'), { fin: false }), frame(CONTINUATION, hex('eda080'))],
    ends: 'cut',
  },
  {
    name: 'binary that is no UTF-8',
    sends: [frame(BINARY, hex('c328ff'))],
    messages: ['\xc3(\xff'],
  },

  // 7: the close
  { name: 'a close without a code', sends: [frame(CLOSE)], ends: 1005 },
  { name: 'a close with a code', sends: [closeFrame(1000)], ends: 1000 },
  { name: 'a close with a reason', sends: [closeFrame(1000, 'bye')], ends: 1000 },
  { name: 'a close with a reason of 123 bytes', sends: [closeFrame(1000, long(123))], ends: 1000 },
  { name: 'a close of 126 bytes', sends: [closeFrame(1000, long(124))], ends: 'cut' },
  { name: 'two closes', sends: [closeFrame(1000), closeFrame(1000)], ends: 1000 },
  { name: 'a ping behind a close', sends: [closeFrame(1000), frame(PING, 'late')], pongs: [], ends: 1000 },
  { name: 'a message behind a close', sends: [closeFrame(1000), frame(TEXT, 'late')], messages: [], ends: 1000 },
  {
    name: 'a close within a message',
    sends: [frame(TEXT, 'part', { fin: false }), closeFrame(1000), frame(CONTINUATION, 'rest')],
    messages: [],
    ends: 1000,
  },
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 4000, 4999].map(
    (code): Case => ({ name: `close code ${code}`, sends: [closeFrame(code)], ends: code }),
  ),
  // uWebSockets takes these for no code, also those that RFC 6455 section 7.4 allows.
  ...[1012, 1014, 3000, 3999].map(
    (code): Case => ({ name: `close code ${code}, which is lost`, sends: [closeFrame(code)], ends: 1005 }),
  ),
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map(
    (code): Case => ({ name: `close code ${code}, which is none`, sends: [closeFrame(code)], ends: 1005 }),
  ),
  { name: 'a close of one byte', sends: [frame(CLOSE, 'x')], ends: 1005 },
  { name: 'a close with a reason that is no UTF-8', sends: [closeFrame(1000, hex('c328'))], ends: 1005 },
]

describe('WebSocket conformance', () => {
  let gateway: Gateway
  let backend: StreamBackend
  let socket: RawSocket | undefined

  before(async () => {
    const server = await natsUrl()
    const subject = `t${process.pid}wsconf`
    gateway = await startGateway({
      natsUrl: server,
      routes: [{ name: 'echo', match: { kind: 'ws', path: '/echo' }, subject }],
    })
    backend = await startStreamBackend(server)
    await backend.handle(subject, (stream) => {
      stream.accept(1, 65536)
      stream.head({ status: 200, headers: [] })
      return {
        data: (chunk, meta) => stream.data(chunk, meta),
        drained: () => stream.drained(),
        end: () => stream.end(),
      }
    })
  })
  afterEach(async () => {
    socket?.destroy()
    await gateway.assertIdle()
    await eventually('the streams of the backend', () => backend.open === 0)
  })
  after(async () => {
    await gateway.close()
    await backend.close()
  })

  for (const { name, sends, messages, pongs, ends } of CASES) {
    test(name, async () => {
      socket = await openRawSocket(gateway.port, '/echo')
      const raw = socket
      raw.write(...sends)
      if (ends !== undefined) assert.equal(await raw.closed(), ends)
      if (messages !== undefined) {
        await eventually('the messages', () => raw.messages().length >= messages.length)
        assert.deepEqual(raw.messages(), messages)
      }
      const ponged = () =>
        raw
          .frames()
          .filter(({ opcode }) => opcode === PONG)
          .map(({ payload }) => payload.toString('latin1'))
      if (pongs !== undefined) {
        await eventually('the pongs', () => ponged().length >= pongs.length)
        assert.deepEqual(ponged(), pongs)
      }
      if (ends !== undefined) return
      // It still works.
      const before = raw.messages().length
      raw.write(frame(TEXT, 'still here'))
      await eventually('an echo', () => raw.messages().length > before)
      assert.equal(raw.messages().at(-1), 'still here')
    })
  }
})
