import { connect } from 'node:net'
import { WebSocket } from 'ws'
import { BinaryFrameDecoder } from '../../../src/adapters/framing/binary-frame-decoder.ts'
import { decodeBinaryFrame, encodeBinaryFrame } from '../../../src/adapters/framing/binary-frames.ts'
import { decodeJsonFrame, encodeJsonFrame } from '../../../src/adapters/framing/json-frames.ts'
import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import { NdjsonDecoder } from '../../../src/adapters/framing/ndjson-decoder.ts'
import type { ClientProtocol } from '../client.ts'
import { firstOf } from './first-of.ts'
import { startGatewayRouter } from './gateway-router.ts'
import { type MuxClientSocket, type MuxEvents, MuxStreams } from './mux-streams.ts'

type Connect = (port: number, events: MuxEvents) => MuxClientSocket

function mux(name: string, over: 'ws' | 'tcp', connectTo: Connect): ClientProtocol {
  return {
    name,
    cannot: { messages: 'the body of a request is bytes' },
    failure: (code) => ({ how: 'error', code }),
    startRouter: (natsUrl) =>
      startGatewayRouter(natsUrl, {
        match: (target) => ({ path: `/${target}` }),
        tcp: [{ protocol: 'mux', route: undefined }],
        client(gateway) {
          const port = over === 'ws' ? gateway.port : gateway.tcp.ports[0]!
          const streams = new MuxStreams((events) => connectTo(port, events))
          return (target, options) => streams.open(target, options)
        },
      }),
  }
}

/** Many exchanges over one connection, in each of its four forms. */
export const muxProtocols: readonly ClientProtocol[] = [
  mux('mux over WebSocket in JSON', 'ws', (port, events) =>
    connectWebSocket(port, 'sx.v1.json', events, encodeJsonFrame, (message) => decodeJsonFrame(message.toString())),
  ),
  mux('mux over WebSocket in binary', 'ws', (port, events) =>
    connectWebSocket(port, 'sx.v1.bin', events, encodeBinaryFrame, decodeBinaryFrame),
  ),
  mux('mux over TCP in JSON', 'tcp', (port, events) =>
    connectTcp(port, '', events, (frame) => `${encodeJsonFrame(frame)}\n`, new NdjsonDecoder(events.onFrame)),
  ),
  mux('mux over TCP in binary', 'tcp', (port, events) =>
    connectTcp(port, 'SX1\n', events, encodeBinaryFrame, new BinaryFrameDecoder(events.onFrame)),
  ),
]

function connectWebSocket(
  port: number,
  protocol: string,
  { onFrame, onClose }: MuxEvents,
  encode: (frame: MuxFrame) => string | Uint8Array,
  decode: (message: Buffer) => MuxFrame,
): MuxClientSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/_sx`, [protocol], { perMessageDeflate: false })
  socket.on('error', () => {})
  socket.on('message', (message: Buffer) => onFrame(decode(message)))
  socket.on('close', onClose)
  const opened = firstOf(socket, 'open', 'close')
  return {
    async send(frame) {
      await opened
      if (socket.readyState !== WebSocket.OPEN) return
      await new Promise<void>((resolve) => socket.send(encode(frame), () => resolve()))
    },
    close: () => socket.close(1000),
    break: () => socket.terminate(),
  }
}

function connectTcp(
  port: number,
  preamble: string,
  { onClose }: MuxEvents,
  encode: (frame: MuxFrame) => string | Uint8Array,
  decoder: NdjsonDecoder | BinaryFrameDecoder,
): MuxClientSocket {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.on('data', (bytes) => decoder.push(bytes))
  socket.on('close', onClose)
  if (preamble !== '') socket.write(preamble)
  return {
    async send(frame) {
      if (socket.destroyed || socket.write(encode(frame))) return
      await firstOf(socket, 'drain', 'close')
    },
    close: () => void socket.end(),
    break: () => void socket.resetAndDestroy(),
  }
}
