import type { BackendSide } from './exchange.ts'

/** The backend's side of an exchange that ended before it began: takes what still comes and forgets it. */
export const CLOSED_SIDE: BackendSide = Object.freeze({
  data: () => true,
  end: () => {},
  reset: () => {},
  drained: () => {},
})
