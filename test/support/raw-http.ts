import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What came back on one connection, byte for byte. */
export interface RawConnection {
  readonly socket: Socket
  readonly text: () => string
  write(text: string | Uint8Array): void
  /** Waits until what came matches, and returns it. */
  until(pattern: RegExp, timeoutMs?: number): Promise<string>
  /** Waits for the peer to close. */
  closed(): Promise<string>
  destroy(): void
}

/** A client that sends exactly the bytes that it is told. @param localAddress of the loopback network, 127.0.0.0/8 */
export async function openRaw(port: number, localAddress = '127.0.0.1'): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  let text = ''
  let onChange = () => {}
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    onChange()
  })
  // A reset by the peer is a way to close; `close` follows.
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  await once(socket, 'connect')
  return {
    socket,
    text: () => text,
    write: (bytes) => void socket.write(bytes),
    until: (pattern, timeoutMs = 5000) =>
      new Promise((resolve, reject) => {
        const fail = setTimeout(() => reject(new Error(`not ${pattern} in: ${text.slice(0, 2000)}`)), timeoutMs)
        onChange = () => {
          if (!pattern.test(text)) return
          clearTimeout(fail)
          onChange = () => {}
          resolve(text)
        }
        onChange()
      }),
    async closed() {
      await closed
      return text
    },
    destroy: () => socket.destroy(),
  }
}
