import type { Socket } from 'node:net'

/** Hears what happens to a socket. */
export interface SocketOwner {
  onData(chunk: Buffer): void
  /** The client has sent all, and may still read. */
  onEnd(): void
  /** What was written has left. */
  onDrain(): void
  /** Nothing moved for as long as `socket.setTimeout` said. */
  onTimeout(): void
  /** Once, and the last to come; `socket.errored` says why, if it was an error. */
  onClose(): void
}

const OWNER = Symbol('owner')

interface OwnedSocket extends Socket {
  [OWNER]: SocketOwner | undefined
}

/** From now on the socket's events go to this owner. One set of functions serves all sockets, not closures for each. */
export function setOwner(socket: Socket, owner: SocketOwner): void {
  const owned = socket as OwnedSocket
  const isFirst = owned[OWNER] === undefined
  owned[OWNER] = owner
  if (!isFirst) return
  owned.on('data', onData)
  owned.on('end', onEnd)
  owned.on('drain', onDrain)
  owned.on('timeout', onTimeout)
  owned.on('error', onError)
  owned.on('close', onClose)
}

/** Another stream reads the socket from now on. Errors stay heard, or one would end the process. */
export function removeOwner(socket: Socket): void {
  const owned = socket as OwnedSocket
  owned[OWNER] = undefined
  owned.off('data', onData)
  owned.off('end', onEnd)
  owned.off('drain', onDrain)
  owned.off('timeout', onTimeout)
  owned.off('close', onClose)
}

function onData(this: OwnedSocket, chunk: Buffer): void {
  this[OWNER]?.onData(chunk)
}

function onEnd(this: OwnedSocket): void {
  this[OWNER]?.onEnd()
}

function onDrain(this: OwnedSocket): void {
  this[OWNER]?.onDrain()
}

function onTimeout(this: OwnedSocket): void {
  this[OWNER]?.onTimeout()
}

function onError(): void {
  // `close` follows, and `socket.errored` has it.
}

function onClose(this: OwnedSocket): void {
  this[OWNER]?.onClose()
}
