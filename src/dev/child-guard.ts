import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { Child, type ChildSpec } from './child.ts'

/**
 * Owns child processes that cannot outlive this one: a small guard process holds a pipe from us and stops what is left
 * when the pipe closes. Each child leads a process group of its own, so the terminal's Ctrl-C reaches only us.
 */
export class ChildGuard {
  readonly #guard: ChildProcess
  readonly #orders: Writable
  readonly #children = new Set<Child>()

  constructor() {
    // Beside this file: guard.ts in a checkout, guard.js when built.
    const program = join(import.meta.dirname, `guard${extname(import.meta.filename)}`)
    const guard = spawn(process.execPath, [program], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] })
    this.#guard = guard
    this.#orders = guard.stdin
    // A guard killed by hand must not take us along; the children then depend on stop() alone.
    guard.stdin.on('error', () => guard.stdin.destroy())
  }

  spawn(spec: ChildSpec): Child {
    const child = new Child(spec)
    if (child.pid === undefined) return child
    this.#order(`watch ${child.pid} ${spec.stopSignal ?? 'SIGTERM'}`)
    this.#children.add(child)
    void child.exited.then(() => {
      this.#children.delete(child)
      this.#order(`unwatch ${child.pid}`)
    })
    return child
  }

  /** Deletes `directory` when the guard ends, after the last child. */
  removeAtEnd(directory: string): void {
    this.#order(`remove ${directory}`)
  }

  /** Stops the children that are left, the latest first, and then the guard. */
  async close(): Promise<void> {
    for (const child of [...this.#children].reverse()) await child.stop()
    if (this.#guard.exitCode !== null || this.#guard.signalCode !== null) return
    const exited = once(this.#guard, 'exit')
    this.#orders.end()
    await exited
  }

  /** Kills all of it at once; for the second Ctrl-C. */
  killAll(): void {
    for (const child of this.#children) child.signalGroup('SIGKILL')
  }

  /** Lets this process end while children run; the guard then stops them. */
  unref(): void {
    this.#guard.unref()
    ;(this.#guard.stdin as Writable & { unref(): void }).unref()
    for (const child of this.#children) child.unref()
  }

  #order(line: string): void {
    if (this.#orders.writable) this.#orders.write(`${line}\n`)
  }
}
