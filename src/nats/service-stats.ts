/** What `$SRV.STATS` tells of one endpoint, in the words of the NATS micro protocol. */
export interface EndpointFigures {
  readonly num_requests: number
  readonly num_errors: number
  readonly last_error: string
  /** Nanoseconds. */
  readonly processing_time: number
  readonly average_processing_time: number
}

/** Counts what is asked of one endpoint. */
class EndpointStats {
  readonly #now: () => number
  #requests = 0
  #errors = 0
  #lastError = ''
  #processingMs = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** @returns what `end` wants */
  begin(): number {
    this.#requests++
    return this.#now()
  }

  /** @param error undefined: there was an answer */
  end(begunMs: number, error: string | undefined): void {
    this.#processingMs += this.#now() - begunMs
    if (error === undefined) return
    this.#errors++
    this.#lastError = error
  }

  figures(): EndpointFigures {
    const nanoseconds = Math.round(this.#processingMs * 1e6)
    return {
      num_requests: this.#requests,
      num_errors: this.#errors,
      last_error: this.#lastError,
      processing_time: nanoseconds,
      average_processing_time: this.#requests === 0 ? 0 : Math.round(nanoseconds / this.#requests),
    }
  }
}

/** Counts what is asked of a service. */
export class ServiceStats {
  readonly started = new Date().toISOString()
  readonly #endpoints = new Map<string, EndpointStats>()

  constructor(endpoints: readonly string[], now: () => number) {
    for (const name of endpoints) this.#endpoints.set(name, new EndpointStats(now))
  }

  /** @param endpoint one of those it was made for */
  of(endpoint: string): EndpointStats {
    return this.#endpoints.get(endpoint)!
  }
}
