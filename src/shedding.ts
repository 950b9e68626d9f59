import type { DeadlineWheel } from './exchange/deadline-wheel.ts'
import type { Logger } from './exchange/logger.ts'
import { Admission } from './routing/admission.ts'
import { SocketRound } from './socket-round.ts'

export interface SheddingOptions {
  /** As that of `Admission`. */
  readonly maxLoopDelayMs: number
  readonly wheel: DeadlineWheel
  readonly logger: Logger
  /** Publishes what waits for the end of the turn, which may be long in coming. */
  readonly flush: () => void
}

/** Admission by the event loop of this thread; log lines tell when it begins and ceases to refuse. */
export function startShedding({ maxLoopDelayMs, wheel, logger, flush }: SheddingOptions) {
  const round = new SocketRound()
  const admission = new Admission({
    maxLoopDelayMs,
    now: () => wheel.now(),
    workedMs: threadWorkMs,
    afterTurn: setImmediate,
    afterRound: (callback) =>
      round.after(() => {
        flush()
        callback()
      }),
    random: Math.random,
    onChange: (isShedding) =>
      isShedding
        ? logger.warn({}, 'more requests than this router can serve: some get busy')
        : logger.info({}, 'this router can serve all requests again'),
  })
  return { admission, close: () => round.close() }
}

/** Of the main thread, in user and system together. */
function threadWorkMs(): number {
  // Node has it since 22.15; other threads of the router work little.
  const { user, system } = process.threadCpuUsage?.() ?? process.cpuUsage()
  return (user + system) / 1000
}
