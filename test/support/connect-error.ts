import { once } from 'node:events'
import { connect } from 'node:net'

/** Why nobody gets through to a port of this machine, as a code of the system; undefined: somebody listens. */
export async function connectError(port: number): Promise<string | undefined> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  } finally {
    socket.destroy()
  }
}
