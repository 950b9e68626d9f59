/** A rejection that nobody waits for is no fault of the program: whoever awaits the promise still sees it. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}
