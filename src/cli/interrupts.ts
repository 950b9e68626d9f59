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
  onInterrupt(): void
}

/** `npm run` passes on a Ctrl-C that the terminal has already sent: two signals this close are one key press. */
const SAME_PRESS_MS = 200

/** The first interrupt asks for an orderly end; a second one does not wait for it. */
export function createInterrupts({ kill, now }: InterruptOptions): Interrupts {
  const abort = new AbortController()
  let firstAtMs: number | undefined
  return {
    signal: abort.signal,
    onInterrupt() {
      if (firstAtMs === undefined) {
        firstAtMs = now()
        abort.abort()
      } else if (now() - firstAtMs > SAME_PRESS_MS) kill()
    },
  }
}
