import type { Clock } from './clock.ts'

/**
 * A wait that the signal ends: rejects with its reason.
 * @param start begins the wait, and returns what ends it; that is called in any case, once
 */
export function abortable<T>(
  signal: AbortSignal,
  start: (resolve: (value: T) => void, reject: (reason: unknown) => void) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    signal.throwIfAborted()
    const onAbort = () => {
      release()
      reject(signal.reason)
    }
    const stop = start(
      (value) => {
        release()
        resolve(value)
      },
      (reason) => {
        release()
        reject(reason)
      },
    )
    const release = () => {
      signal.removeEventListener('abort', onAbort)
      stop()
    }
    signal.addEventListener('abort', onAbort)
  })
}

export function sleep(delayMs: number, signal: AbortSignal, clock: Clock): Promise<void> {
  return abortable<void>(signal, (resolve) => {
    const timer = clock.setTimeout(() => resolve(), delayMs)
    return () => clock.clearTimeout(timer)
  })
}
