/**
 * A rejection that whoever awaits it still sees, and that does not end the process where nobody does: a client that
 * leaves must not take down a backend which does not await each `send`.
 */
export function handledRejection(error: unknown): Promise<never> {
  const rejection = Promise.reject(error)
  rejection.catch(() => undefined)
  return rejection
}
