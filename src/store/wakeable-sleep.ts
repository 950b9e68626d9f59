/** A sleep that can be cut short. A wake while nobody sleeps cuts the next sleep, so that none is lost. */
export class WakeableSleep {
  #woken = false
  #end: (() => void) | undefined

  /** Resolves after the time or on `wake`. One sleeper at a time. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        this.#end = undefined
        this.#woken = false
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#end = end
      if (this.#woken) end()
    })
  }

  wake(): void {
    this.#woken = true
    this.#end?.()
  }
}
