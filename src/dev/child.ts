import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { VerbError } from '../cli/verb.ts'

const TAIL_LINES = 200

export interface ChildSpec {
  /** As the user reads it: `nats-server`. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly uid?: number
  readonly gid?: number
  /** What asks it to end; SIGTERM if absent. */
  readonly stopSignal?: NodeJS.Signals
  /** Each line that it writes to stdout or stderr. */
  readonly onLine?: (line: string) => void
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** It could not be started at all. */
  readonly error?: Error
}

/** One child process with its last output. Leads its own process group; see ChildGuard for what ends it with us. */
export class Child {
  readonly name: string
  /** Undefined if it could not be started; `exited` says why. */
  readonly pid: number | undefined
  /** Resolves, and never rejects, once the process has ended and its output is read. */
  readonly exited: Promise<Exit>
  readonly #process: ChildProcess
  readonly #stopSignal: NodeJS.Signals
  readonly #tail: string[] = []
  readonly #listeners = new Set<(line: string) => void>()

  constructor(spec: ChildSpec) {
    this.name = spec.name
    this.#stopSignal = spec.stopSignal ?? 'SIGTERM'
    const child = spawn(spec.command, [...spec.args], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: spec.env ?? process.env,
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      ...(spec.uid === undefined ? {} : { uid: spec.uid }),
      ...(spec.gid === undefined ? {} : { gid: spec.gid }),
    })
    this.#process = child
    this.pid = child.pid
    if (spec.onLine) this.#listeners.add(spec.onLine)
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        this.#onLine(line)
      })
    }
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => resolve({ code: null, signal: null, error }))
      child.once('close', (code, signal) => resolve({ code, signal }))
    })
  }

  /** Its last lines, the oldest first. */
  get tail(): readonly string[] {
    return this.#tail
  }

  /** The first line, written already or to come, that matches; rejects when the process ends or time is up. */
  async waitForLine(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    for (const line of this.#tail) {
      const match = pattern.exec(line)
      if (match) return match
    }
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer)
        this.#listeners.delete(listener)
        act()
      }
      const listener = (line: string) => {
        const match = pattern.exec(line)
        if (match) settle(() => resolve(match))
      }
      const timer = setTimeout(() => {
        settle(() => reject(new VerbError(`${this.name} is not ready after ${timeoutMs / 1000} s${this.#quoteTail()}`)))
      }, timeoutMs)
      this.#listeners.add(listener)
      void this.exited.then((exit) => settle(() => reject(new VerbError(this.describe(exit)))))
    })
  }

  /** What became of it, with its last lines, for a person. */
  describe(exit: Exit): string {
    if (exit.error) return `${this.name} could not be started: ${exit.error.message}`
    const how = exit.signal ? `was killed by ${exit.signal}` : `ended with code ${exit.code}`
    return `${this.name} ${how}${this.#quoteTail()}`
  }

  /** Asks it to end, kills its group after `graceMs`, and waits for that. */
  async stop(graceMs = 10_000): Promise<Exit> {
    this.signal('SIGCONT')
    this.signal(this.#stopSignal)
    const timer = setTimeout(() => this.signalGroup('SIGKILL'), graceMs)
    const exit = await this.exited
    clearTimeout(timer)
    return exit
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  signalGroup(signal: NodeJS.Signals): void {
    if (this.pid === undefined || this.#process.exitCode !== null || this.#process.signalCode !== null) return
    process.kill(-this.pid, signal)
  }

  /** Lets this process end while the child runs. */
  unref(): void {
    this.#process.unref()
    for (const stream of [this.#process.stdout, this.#process.stderr]) (stream as Socket | null)?.unref()
  }

  #onLine(line: string): void {
    this.#tail.push(line)
    if (this.#tail.length > TAIL_LINES) this.#tail.shift()
    for (const listener of this.#listeners) listener(line)
  }

  #quoteTail(): string {
    const lines = this.#tail.slice(-12)
    return lines.length === 0 ? '' : `; its last lines:\n${lines.map((line) => `  | ${line}`).join('\n')}`
  }
}
