export interface InterruptOptions {
  /** Ends the process at once. */
  readonly kill: () => void
  /** Milliseconds from any origin, never going back. */
  readonly now: () => number
}

export interface Interrupts {
  /** Aborts on the first interrupt. */
  readonly signal: AbortSignal
  /** To be called for each SIGINT and SIGTERM. */
  onInterrupt(signal: InterruptSignal): void
}

export type InterruptSignal = 'SIGINT' | 'SIGTERM'

/** The reason of an aborted `Interrupts.signal`, for a verb to throw that cannot do what it was asked for any more. */
export class Interruption extends Error {
  /** As shells have it: 128 and the number of the signal. */
  readonly exitCode: number

  constructor(signal: InterruptSignal) {
    super(`stopped by ${signal}`)
    this.name = 'Interruption'
    this.exitCode = signal === 'SIGINT' ? 130 : 143
  }
}

/** `npm run` passes on a Ctrl-C that the terminal has already sent: two signals this close are one key press. */
const SAME_PRESS_MS = 200

/** The first interrupt asks for an orderly end; a second one does not wait for it. */
export function createInterrupts({ kill, now }: InterruptOptions): Interrupts {
  const abort = new AbortController()
  let firstAtMs: number | undefined
  return {
    signal: abort.signal,
    onInterrupt(signal) {
      if (firstAtMs === undefined) {
        firstAtMs = now()
        abort.abort(new Interruption(signal))
      } else if (now() - firstAtMs > SAME_PRESS_MS) kill()
    },
  }
}
