import { once } from 'node:events'
import { connect } from 'node:net'
import { WebSocket } from 'ws'
import { BinaryFrameDecoder } from '../../../src/adapters/framing/binary-frame-decoder.ts'
import { decodeBinaryFrame, encodeBinaryFrame } from '../../../src/adapters/framing/binary-frames.ts'
import { decodeJsonFrame, encodeJsonFrame } from '../../../src/adapters/framing/json-frames.ts'
import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import { NdjsonDecoder } from '../../../src/adapters/framing/ndjson-decoder.ts'
import type { MuxEncoding } from '../../../src/adapters/mux/mux-socket.ts'

/** A client that speaks frames, and does with them what the test says. */
export interface MuxClient {
  send(frame: MuxFrame): void
  sendRaw(data: string | Uint8Array): void
  /** Called for each frame. */
  onFrame: (frame: MuxFrame) => void
  /** Code and reason of a WebSocket; of TCP, 0 for FIN. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  close(): void
}

export interface MuxClientOptions {
  readonly port: number
  readonly kind: 'ws' | 'tcp'
  readonly encoding: MuxEncoding
  /** Of the handshake. */
  readonly headers?: Record<string, string>
}

export function connectMuxClient(options: MuxClientOptions): Promise<MuxClient> {
  return options.kind === 'ws' ? connectWebSocket(options) : connectTcp(options)
}

async function connectWebSocket({ port, encoding, headers = {} }: MuxClientOptions): Promise<MuxClient> {
  const protocol = encoding === 'json' ? 'sx.v1.json' : 'sx.v1.bin'
  const ws = new WebSocket(`ws://127.0.0.1:${port}/_sx`, protocol, { perMessageDeflate: false, headers })
  const closed = once(ws, 'close').then(([code, reason]) => ({ code, reason: String(reason) }))
  const client: MuxClient = {
    send: (frame) => ws.send(encoding === 'json' ? encodeJsonFrame(frame) : encodeBinaryFrame(frame)),
    sendRaw: (data) => ws.send(data),
    onFrame() {},
    closed,
    close: () => ws.close(1000),
  }
  ws.on('message', (data: Buffer, isBinary) => {
    client.onFrame(isBinary ? decodeBinaryFrame(data) : decodeJsonFrame(data.toString()))
  })
  await once(ws, 'open')
  return client
}

async function connectTcp({ port, encoding }: MuxClientOptions): Promise<MuxClient> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const closed = once(socket, 'close').then(() => ({ code: 0, reason: '' }))
  const client: MuxClient = {
    send: (frame) => socket.write(encoding === 'json' ? `${encodeJsonFrame(frame)}\n` : encodeBinaryFrame(frame)),
    sendRaw: (data) => socket.write(data),
    onFrame() {},
    closed,
    close: () => socket.end(),
  }
  const Decoder = encoding === 'json' ? NdjsonDecoder : BinaryFrameDecoder
  const decoder = new Decoder((frame) => client.onFrame(frame))
  socket.on('data', (chunk) => decoder.push(chunk))
  await once(socket, 'connect')
  if (encoding === 'binary') socket.write('SX1\n')
  return client
}
