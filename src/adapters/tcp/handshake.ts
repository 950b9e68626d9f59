import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ClientCertificate } from '../../exchange/client-certificate.ts'
import type { DeadlineWheel, WheelEntry } from '../../exchange/deadline-wheel.ts'
import type { LimitObserver } from '../../exchange/limit.ts'
import { withoutMapping } from '../client-address.ts'
import { PendingBytes } from '../framing/pending-bytes.ts'
import { createServerSocket, readClientCertificate } from '../tls/server-socket.ts'
import type { TlsIdentity } from '../tls/tls-identity.ts'
import type { Channel } from './channel.ts'
import type { ConnectionLease } from './connection-lease.ts'
import type { ConnectionSet, TcpConnection } from './connection-set.ts'
import type { OccasionalWarning } from './occasional-warning.ts'
import { decodeProxyHeader, MAX_PROXY_HEADER_BYTES, type ProxyHeader, ProxyHeaderError } from './proxy-header.ts'
import { removeOwner, type SocketOwner, setOwner } from './socket-owner.ts'

const PROXY_HEADER_MS = 5000
const TLS_MS = 10_000

/** What the handshakes of one listener share. */
export interface HandshakeParts {
  readonly connections: ConnectionSet
  readonly wheel: DeadlineWheel
  readonly observer: LimitObserver
  /** A client has too many connections. */
  readonly onRefused: () => void
  readonly proxyProtocol: boolean
  readonly tls: TlsIdentity | undefined
  readonly proxyWarning: OccasionalWarning
  readonly certificateWarning: OccasionalWarning
  /** Gets the connection when it is ready, and owns it from then on. */
  readonly onReady: (channel: Channel) => void
}

/**
 * What comes before the protocol of a connection. States: `proxy` header -> `tls` handshake -> done, each where the
 * listener is configured so, and with a deadline. What fails or takes too long is reset.
 */
export class Handshake implements SocketOwner, TcpConnection, WheelEntry {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1

  readonly #parts: HandshakeParts
  readonly #raw: Socket
  readonly #header = new PendingBytes()
  readonly #lease: ConnectionLease
  #remote: string

  /** @param lease ended by its owner; where there is a PROXY header, it has no address yet */
  constructor(parts: HandshakeParts, raw: Socket, remote: string, lease: ConnectionLease) {
    this.#parts = parts
    this.#raw = raw
    this.#remote = remote
    this.#lease = lease
    parts.connections.add(this)
    setOwner(raw, this)
    if (parts.proxyProtocol) parts.wheel.schedule(this, PROXY_HEADER_MS)
    else this.#onProxyDone()
  }

  /** Of the PROXY header: over TLS nothing comes before the end of the handshake. */
  onData(chunk: Buffer): void {
    // Over TLS there is more to come when a client was cut for its certificate.
    if (this.#raw.destroyed) return
    const before = this.#header.length
    this.#header.append(chunk.subarray(0, MAX_PROXY_HEADER_BYTES - before))
    let header: ProxyHeader | undefined
    try {
      header = decodeProxyHeader(this.#header.bytes)
    } catch (error) {
      if (!(error instanceof ProxyHeaderError)) throw error
      this.#parts.proxyWarning.warn({ peer: this.#remote, reason: error.message })
      this.#cut()
      return
    }
    if (header === undefined) return
    if (header.source !== undefined) {
      this.#remote = withoutMapping(header.source)
      if (!this.#lease.assign(this.#remote)) {
        this.#parts.onRefused()
        this.#cut()
        return
      }
    }
    // What is left is read by whoever owns the socket next.
    this.#raw.pause()
    const rest = chunk.subarray(header.length - before)
    if (rest.length > 0) this.#raw.unshift(rest)
    this.#onProxyDone()
  }

  /** Before it has even begun. */
  onEnd(): void {
    this.#cut()
  }

  onDrain(): void {}

  onTimeout(): void {}

  onClose(): void {
    this.#leave()
  }

  onDeadline(): void {
    this.#parts.observer.onLimit('handshake', this.#remote)
    this.#cut()
  }

  drain(): void {
    this.#cut()
  }

  describe() {
    return { protocol: 'handshake', remote: this.#remote, exchanges: 0, bytesIn: 0, bytesOut: 0 } as const
  }

  stop(): void {
    this.#cut()
  }

  #onProxyDone(): void {
    const { tls, wheel } = this.#parts
    if (tls === undefined) {
      this.#onReady(this.#raw, undefined)
      return
    }
    wheel.schedule(this, TLS_MS)
    removeOwner(this.#raw)
    const socket = createServerSocket(this.#raw, tls)
    setOwner(socket, this)
    socket.once('secure', () => this.#onSecure(socket, tls))
    // What is no TLS after the handshake: without a TLS server around it, the socket tells of it so and goes on.
    socket.on('_tlsError', () => this.#cut())
  }

  #onSecure(socket: TLSSocket, { options }: TlsIdentity): void {
    let certificate: ClientCertificate | undefined
    try {
      certificate = readClientCertificate(socket, options.clientAuth)
    } catch (error) {
      this.#parts.certificateWarning.warn({ peer: this.#remote, reason: (error as Error).message })
      this.#cut()
      return
    }
    this.#onReady(socket, certificate)
  }

  #onReady(socket: Socket, certificate: ClientCertificate | undefined): void {
    this.#leave()
    this.#parts.onReady({ socket, raw: this.#raw, remote: this.#remote, certificate })
    // It may be paused, with bytes that came behind a PROXY header.
    socket.resume()
  }

  #leave(): void {
    this.#parts.wheel.cancel(this)
    this.#parts.connections.delete(this)
  }

  #cut(): void {
    this.#raw.resetAndDestroy()
  }
}
