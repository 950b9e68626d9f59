import type { MuxHead } from '../adapters/framing/mux-frame.ts'
import { sleep } from './abortable.ts'
import { backoffMs } from './backoff.ts'
import type { Clock } from './clock.ts'
import type { OpenRequest } from './connection.ts'
import type { Dialer } from './dialer.ts'
import type { Exchange } from './exchange.ts'
import type { RequestLife } from './request-life.ts'
import { RouterError } from './router-error.ts'

const MAX_ATTEMPTS = 3

/** What the requests of one client share. */
export interface Session {
  readonly dialer: Dialer
  readonly clock: Clock
  readonly random: () => number
  /** Requests that are not over. */
  readonly lives: Set<RequestLife>
  /** Of every request: a copy for each attempt. */
  headers(): Headers
}

/** One attempt: what opens the exchange, and what goes on once it is open. */
export interface Attempt {
  readonly open: OpenRequest
  begin(exchange: Exchange): void
}

export interface OpenPlan {
  readonly isDuplex: boolean
  readonly life: RequestLife
  /** Makes each attempt anew. */
  attempt(): Attempt
  /** Nothing has been used up that another attempt would need. */
  canRepeat(): boolean
}

export interface Opened {
  readonly exchange: Exchange
  readonly head: MuxHead
}

/**
 * Opens an exchange and waits for its head; again, up to three times, where that is safe: the router says that the
 * request was not processed, or does not know us by our token and there is a newer one, or the connection was lost
 * before the head of a method that may be repeated.
 */
export async function openExchange(session: Session, plan: OpenPlan): Promise<Opened> {
  try {
    for (let attempt = 1; ; attempt++) {
      const { exchange, open } = await beginExchange(session, plan)
      try {
        const head = await exchange.head
        plan.life.headed()
        const onEnd = () => plan.life.end()
        exchange.closed.then(onEnd, onEnd)
        return { exchange, head }
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !plan.canRepeat()) throw error
        if (isUnauthorized(error) && (await session.dialer.renewToken(plan.life.signal))) continue
        if (!isSafe(error, open.method)) throw error
      }
      await sleep(backoffMs(attempt - 1, session.random), plan.life.signal, session.clock)
    }
  } catch (error) {
    plan.life.end()
    throw error
  }
}

async function beginExchange(session: Session, { life, isDuplex, attempt }: OpenPlan) {
  const { signal } = life
  const { open, begin } = attempt()
  signal.throwIfAborted()
  const exchange = await session.dialer.open(() => ({ ...open, deadline: life.remainingMs }), isDuplex, signal)
  const onAbort = () => exchange.cancel(signal.reason)
  const onClosed = () => signal.removeEventListener('abort', onAbort)
  signal.addEventListener('abort', onAbort)
  exchange.closed.then(onClosed, onClosed)
  if (signal.aborted) onAbort()
  begin(exchange)
  return { exchange, open }
}

/** What harms nobody if it is done twice: RFC 9110 section 9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

function isUnauthorized(error: unknown): boolean {
  return error instanceof RouterError && error.code === 'unauthorized'
}

function isSafe(error: unknown, method = 'GET'): boolean {
  if (!(error instanceof RouterError)) return false
  return error.retryable || (error.code === 'connection_lost' && IDEMPOTENT.has(method))
}
