import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { eventually } from '../../support/eventually.ts'

export interface RawFrame {
  readonly fin: boolean
  readonly rsv: number
  readonly opcode: number
  readonly payload: Buffer
}

/** A WebSocket connection over which a test sends any bytes that it likes. */
export interface RawSocket {
  readonly socket: Socket
  /** Whole frames that came since the handshake. */
  frames(): RawFrame[]
  /** Whole messages that came: text and binary, their fragments joined. */
  messages(): string[]
  write(...chunks: Uint8Array[]): void
  /** Waits for a close frame, and gives its code; or for the end of the connection without one. */
  closed(): Promise<number | 'cut'>
  destroy(): void
}

/** Upgrades; the handshake's answer is not among the frames. */
export async function openRawSocket(port: number, path: string): Promise<RawSocket> {
  const socket = connect(port, '127.0.0.1')
  let bytes = Buffer.alloc(0)
  let headEnd = -1
  let isOver = false
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk])
    if (headEnd < 0 && bytes.includes('\r\n\r\n')) headEnd = bytes.indexOf('\r\n\r\n') + 4
  })
  // A reset is a way to be cut; `close` follows.
  socket.on('error', () => {})
  socket.on('close', () => {
    isOver = true
  })
  await once(socket, 'connect')
  socket.setNoDelay(true)
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  await eventually('the upgrade', () => headEnd > 0)
  const frames = () => parseFrames(bytes.subarray(headEnd))
  return {
    socket,
    frames,
    messages() {
      const whole: string[] = []
      let parts: Buffer[] = []
      for (const { fin, opcode, payload } of frames()) {
        if (opcode > 2) continue
        parts.push(payload)
        if (!fin) continue
        whole.push(Buffer.concat(parts).toString('latin1'))
        parts = []
      }
      return whole
    },
    write(...chunks) {
      for (const chunk of chunks) socket.write(chunk)
    },
    async closed() {
      await eventually('a close', () => isOver || frames().some(({ opcode }) => opcode === 8), { timeoutMs: 8000 })
      const close = frames().find(({ opcode }) => opcode === 8)
      if (close === undefined) return 'cut'
      return close.payload.length >= 2 ? close.payload.readUInt16BE(0) : 1005
    },
    destroy: () => socket.destroy(),
  }
}

export interface FrameOptions {
  readonly fin?: boolean
  readonly rsv?: number
  readonly masked?: boolean
  /** Bytes of the length field: 1, 3 or 9; default the shortest. */
  readonly lengthBytes?: 1 | 3 | 9
  /** Said in place of the payload's own. */
  readonly length?: number
}

/** A client's frame (RFC 6455 section 5.2), right or wrong. */
export function frame(opcode: number, payload: Uint8Array | string = '', options: FrameOptions = {}): Buffer {
  const data = Buffer.from(payload)
  const { fin = true, rsv = 0, masked = true, length = data.length } = options
  const lengthBytes = options.lengthBytes ?? (length < 126 ? 1 : length < 65_536 ? 3 : 9)
  const head = Buffer.alloc(1 + lengthBytes)
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  head[1] = lengthBytes === 1 ? length : lengthBytes === 3 ? 126 : 127
  if (lengthBytes === 3) head.writeUInt16BE(length, 2)
  if (lengthBytes === 9) head.writeBigUInt64BE(BigInt(length), 2)
  if (!masked) return Buffer.concat([head, data])
  head[1] |= 0x80
  const mask = Buffer.from([0x12, 0x34, 0x56, 0x78])
  return Buffer.concat([head, mask, data.map((byte, i) => byte ^ mask[i % 4]!)])
}

/** A close frame with a code and a reason. */
export function closeFrame(code: number, reason: Uint8Array | string = ''): Buffer {
  const payload = Buffer.alloc(2)
  payload.writeUInt16BE(code, 0)
  return frame(8, Buffer.concat([payload, Buffer.from(reason)]))
}

function parseFrames(bytes: Buffer): RawFrame[] {
  const frames: RawFrame[] = []
  for (let at = 0; at + 2 <= bytes.length; ) {
    const first = bytes[at]!
    const short = bytes[at + 1]! & 0x7f
    const lengthBytes = short === 126 ? 3 : short === 127 ? 9 : 1
    if (at + 1 + lengthBytes > bytes.length) break
    const length =
      lengthBytes === 1 ? short : lengthBytes === 3 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))
    const start = at + 1 + lengthBytes
    if (start + length > bytes.length) break
    frames.push({
      fin: first >= 0x80,
      rsv: (first >> 4) & 7,
      opcode: first & 15,
      payload: bytes.subarray(start, start + length),
    })
    at = start + length
  }
  return frames
}
