import { ExchangeError } from '../exchange/errors.ts'
import type { BackendSide, ClientSide, Dispatch, ResponseHead } from '../exchange/exchange.ts'
import type { CallRequest } from './call-request.ts'

/** Where a response goes while it comes in. */
export interface CallOutput {
  head(head: ResponseHead): void
  /** False: full; `drained` is called when there is room again. The bytes are the callee's to copy. */
  chunk(bytes: Uint8Array, drained: () => void): boolean
}

/** How a call ended; `status` is 0 if no response began. */
export interface CallOutcome {
  readonly status: number
  readonly error: ExchangeError | undefined
}

/** Sends one request and resolves when its response is over, or when the signal has ended it. */
export function call(
  dispatch: Dispatch,
  { head: request, body }: CallRequest,
  output: CallOutput,
  signal: AbortSignal,
): Promise<CallOutcome> {
  return new Promise((resolve) => {
    let backend: BackendSide | undefined
    let status = 0
    const finish = (error?: ExchangeError) => {
      signal.removeEventListener('abort', onAbort)
      resolve({ status, error })
    }
    const onAbort = () => {
      const error = new ExchangeError('client_gone', 'interrupted')
      backend?.reset(error)
      finish(error)
    }
    const client: ClientSide = {
      head(head) {
        status = head.status
        output.head(head)
      },
      data: (chunk) => output.chunk(chunk, () => backend?.drained()),
      end: () => finish(),
      reset: finish,
      // The body is in memory: what the backend does not take at once, it holds.
      drained: () => {},
    }
    signal.addEventListener('abort', onAbort, { once: true })
    backend = dispatch(request, client)
    if (signal.aborted) return onAbort()
    if (body.length > 0) backend.data(body)
    backend.end()
  })
}
