import { ExchangeError } from './errors.ts'
import type { BackendSide } from './exchange.ts'

/** The backend's side of an exchange that ended before it began: takes what still comes and forgets it. */
export const CLOSED_SIDE: BackendSide = Object.freeze({
  data: () => true,
  end: () => {},
  reset: () => {},
  drained: () => {},
})

/** Lets go of a backend that began when its client had its answer already. Where none began, it costs no error. */
export function resetUnwanted(backend: BackendSide): void {
  if (backend === CLOSED_SIDE) return
  backend.reset(new ExchangeError('client_gone', 'the exchange was over before it had begun'))
}
