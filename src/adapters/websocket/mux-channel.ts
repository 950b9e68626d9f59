import type { ExchangeError } from '../../exchange/errors.ts'
import type { ConnectMux } from '../mux/mux.ts'
import { MUX_HIGH_WATER_BYTES, type MuxConnection, type MuxPeer, type MuxSocket } from '../mux/mux-socket.ts'
import type { ClientSocket, SocketHandler } from './client-socket.ts'
import { closeCodeOfError } from './close-codes.ts'

/** Of a close frame (RFC 6455 section 5.5), less the code. */
const MAX_REASON_BYTES = 123

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** A WebSocket with many exchanges: one frame a message. */
export class MuxChannel implements MuxSocket, SocketHandler {
  readonly protocol = 'mux'
  readonly #connect: ConnectMux
  readonly #peer: MuxPeer
  #socket!: ClientSocket
  #session!: MuxConnection

  constructor(connect: ConnectMux, peer: MuxPeer) {
    this.#connect = connect
    this.#peer = peer
  }

  get exchanges(): number {
    return this.#session.openExchanges
  }

  // The connection speaks.

  onOpen(socket: ClientSocket): void {
    this.#socket = socket
    this.#session = this.#connect(this.#peer, this)
  }

  onMessage(bytes: Uint8Array, isText: boolean): void {
    this.#session.onFrame(isText ? decoder.decode(bytes) : bytes)
  }

  onWritable(): void {
    this.#session.onWritable()
  }

  onClosed(): void {
    this.#session.onClosed()
    this.#socket.release()
  }

  onLingered(): void {}

  drain(timeoutMs: number): void {
    this.#session.drain(timeoutMs)
  }

  stop(error: ExchangeError): void {
    this.close(closeCodeOfError(error), error.code)
  }

  // The session speaks.

  send(frame: string | Uint8Array): boolean {
    return this.#socket.send(frame, typeof frame === 'string') || this.#socket.bufferedBytes < MUX_HIGH_WATER_BYTES
  }

  cork(work: () => void): void {
    this.#socket.cork(work)
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, Buffer.byteLength(reason) <= MAX_REASON_BYTES ? reason : '')
  }

  /** uWebSockets has no way to stop reading a WebSocket. */
  pause(): boolean {
    return false
  }

  resume(): void {}
}
