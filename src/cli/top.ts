import { setTimeout as delay } from 'node:timers/promises'
import { ADMIN_OPTIONS } from './admin-client.ts'
import { printJson } from './print.ts'
import { FLEET_OPTIONS } from './router-fleet.ts'
import { watchFleet } from './top-fleet.ts'
import { watchRouter } from './top-router.ts'
import type { Io, Verb } from './verb.ts'

/** What there is to see, from time to time. */
export interface Watched {
  /** Between two looks. */
  readonly pauseMs: number
  /** What happened since the last look. */
  look(): Promise<Look>
  close(): Promise<void>
}

export interface Look {
  /** For `--json`. */
  readonly view: object
  readonly lines: readonly string[]
}

/** Another screen without a cursor, so that what was on the terminal is there again afterwards. */
const ENTER_SCREEN = '\x1b[?1049h\x1b[?25l'
const LEAVE_SCREEN = '\x1b[?25h\x1b[?1049l'

export const verb: Verb = {
  options: {
    once: { type: 'boolean', description: 'Print one second and exit' },
    json: { type: 'boolean', description: 'Print one second as one JSON document and exit' },
    ...FLEET_OPTIONS,
    ...ADMIN_OPTIONS,
  },
  examples: ['engine-router top', 'engine-router top --all', 'engine-router top --once --url http://127.0.0.1:9090'],
  async run(args, io) {
    const watched = await (args.options.all === true ? watchFleet(args, io) : watchRouter(args, io))
    const isJson = args.options.json === true
    const isOnce = isJson || args.options.once === true
    const isScreen = !isOnce && io.stdout.isTTY === true
    if (isScreen) io.stdout.write(ENTER_SCREEN)
    try {
      while (await pauses(watched.pauseMs, io.signal)) {
        const { view, lines } = await watched.look()
        if (isJson) printJson(io, view)
        else io.stdout.write(isScreen ? frame(lines, io) : `${lines.join('\n')}\n`)
        if (isOnce) return 0
      }
      if (isOnce) io.signal.throwIfAborted()
      return 0
    } catch (error) {
      // Ctrl-C in the middle of a question is how it ends.
      if (io.signal.aborted && !isOnce) return 0
      throw error
    } finally {
      if (isScreen) io.stdout.write(LEAVE_SCREEN)
      await watched.close()
    }
  },
}

/** False: there was an interrupt. */
function pauses(pauseMs: number, signal: AbortSignal): Promise<boolean> {
  return delay(pauseMs, true, { signal }).catch(() => false)
}

/** Over what was drawn before, without a flicker; no more than fits. */
function frame(lines: readonly string[], { stdout }: Io): string {
  const rows = 'rows' in stdout && typeof stdout.rows === 'number' ? stdout.rows : 24
  return `\x1b[H${lines
    .slice(0, rows - 1)
    .map((line) => `${line}\x1b[K\n`)
    .join('')}\x1b[J`
}
