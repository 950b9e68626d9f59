import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { Dispatch } from '../exchange/exchange.ts'
import type { Authenticate } from '../exchange/route.ts'

// It is clients who choose what policies work on: whatever one throws is the end of one exchange, and not of the process.

export function guardDispatch(dispatch: Dispatch): Dispatch {
  return (request, client) => {
    try {
      return dispatch(request, client)
    } catch (cause) {
      client.reset(toInternal(cause))
      return CLOSED_SIDE
    }
  }
}

export function guardAuthenticate(authenticate: Authenticate): Authenticate {
  return (request) => {
    try {
      const error = authenticate(request)
      return error instanceof Promise ? error.catch(toInternal) : error
    } catch (cause) {
      return toInternal(cause)
    }
  }
}

function toInternal(cause: unknown): ExchangeError {
  return new ExchangeError('internal', 'a policy has failed', { cause, isOfPolicy: true })
}
