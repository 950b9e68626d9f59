/** What every verb of the command line is made of; one verb a file, index.ts is the only registry. */

export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly multiple?: boolean
  /** Placeholder in the help, e.g. `FILE`. */
  readonly value?: string
  readonly description: string
}

/** Where a verb reads and writes; tests hand in their own. */
export interface Io {
  readonly stdin: NodeJS.ReadableStream
  readonly stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number }
  readonly stderr: NodeJS.WritableStream & { isTTY?: boolean }
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** Aborts on the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
}

export interface VerbArgs {
  readonly positionals: readonly string[]
  /** Of an option without a value: true; with `multiple`: all of them in order. */
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>
}

/** What a verb's file exports as `verb`. Its name and summary are in the registry, so that help need not load it. */
export interface Verb {
  /** Positionals as the help shows them: `METHOD URL`. Without it, the verb takes none. */
  readonly usage?: string
  readonly options: Readonly<Record<string, OptionSpec>>
  readonly examples?: readonly string[]
  /** Lines that the help shows after the options. */
  readonly notes?: readonly string[]
  /** Exit code: 0 ok, 1 failed, 2 bad usage (throw UsageError for that). */
  run(args: VerbArgs, io: Io): Promise<number>
}

/** One line of the registry. */
export interface VerbEntry {
  /** One or two words: `serve`, `routes apply`. */
  readonly name: string
  /** One line for the list of verbs. */
  readonly summary: string
  /** Imports the verb's file, which happens only when the verb runs or shows its help. */
  readonly load: () => Promise<{ readonly verb: Verb }>
}

/** Bad usage: printed with a pointer to `--help`, exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

/** A failure the user can mend: printed without a stack, exit code 1. `message` says what to do. */
export class VerbError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'VerbError'
  }
}
