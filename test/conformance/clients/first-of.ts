import type { EventEmitter } from 'node:events'

/** Resolves with the first of these events, and never rejects, as `once` does with an error. */
export function firstOf(emitter: EventEmitter, ...names: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      for (const name of names) emitter.off(name, settle)
      resolve()
    }
    for (const name of names) emitter.on(name, settle)
  })
}
