import type { ExchangeError } from './errors.ts'

/** Whether a request is taken at all: asked first of everything, as a refusal is to cost next to nothing. */
export interface Gate {
  /** To be asked once for each request. False: it is to be refused. */
  admits(): boolean
  /** With this. */
  readonly refusal: ExchangeError
}
