import type { Socket } from 'node:net'

/** Collects what is written until the end of this callback of the event loop into one system call. */
export function corkForNow(socket: Socket): void {
  if (socket.writableCorked > 0) return
  socket.cork()
  process.nextTick(uncork, socket)
}

function uncork(socket: Socket): void {
  socket.uncork()
}
