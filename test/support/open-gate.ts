import { ExchangeError } from '../../src/exchange/errors.ts'
import type { Gate } from '../../src/exchange/gate.ts'

/** Takes every request. */
export const OPEN_GATE: Gate = { admits: () => true, refusal: new ExchangeError('busy', 'never') }
