import type { ExchangeError } from '../exchange/errors.ts'
import type {
  BackendSide,
  ClientSide,
  Dispatch,
  HeaderList,
  MessageMeta,
  RequestHead,
  ResponseHead,
} from '../exchange/exchange.ts'
import { isDuplex, type RouteSettings } from '../exchange/route.ts'

/** Hears how exchanges go: one for many of them. Must be quick and must not throw. */
export interface ExchangeWatcher {
  /** The response begins. */
  onHead?(status: number): void
  /**
   * Once for each exchange, however it ends.
   * @param error what the backend's side has reset the client with; undefined: it did not
   * @param progress how far the exchange had come
   */
  onOver(error: ExchangeError | undefined, progress: Progress): void
}

export interface Progress {
  /** Of the response; 0: it has not begun. */
  readonly status: number
  /** All of the request has come. */
  readonly isRequestWhole: boolean
}

/**
 * Begins an exchange that `watcher` hears of. It is over with a reset from either side; with the end of the response; for a
 * connection, with the ends of both directions.
 */
export function watchExchange(
  next: Dispatch,
  request: RequestHead,
  client: ClientSide,
  route: RouteSettings,
  watcher: ExchangeWatcher,
): BackendSide {
  const watched = new WatchedClient(client, watcher, isDuplex(route))
  let backend: BackendSide
  try {
    backend = next(request, watched)
  } catch (error) {
    watched.onOver(undefined)
    throw error
  }
  return new WatchedBackend(backend, watched)
}

/** States: open -> over. The watcher hears of the end first: what the client does then may begin another exchange. */
class WatchedClient implements ClientSide, Progress {
  readonly #client: ClientSide
  readonly #watcher: ExchangeWatcher
  readonly #isDuplex: boolean
  #isResponseWhole = false
  #isOver = false
  status = 0
  isRequestWhole = false

  constructor(client: ClientSide, watcher: ExchangeWatcher, isDuplex: boolean) {
    this.#client = client
    this.#watcher = watcher
    this.#isDuplex = isDuplex
  }

  head(head: ResponseHead): void {
    this.status = head.status
    if (!this.#isOver) this.#watcher.onHead?.(head.status)
    this.#client.head(head)
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    return this.#client.data(chunk, meta)
  }

  end(trailers?: HeaderList, closeCode?: number): void {
    this.#isResponseWhole = true
    if (!this.#isDuplex || this.isRequestWhole) this.onOver(undefined)
    this.#client.end(trailers, closeCode)
  }

  reset(error: ExchangeError): void {
    this.onOver(error)
    this.#client.reset(error)
  }

  drained(): void {
    this.#client.drained()
  }

  // The client speaks, and those who begin the exchange.

  onRequestEnd(): void {
    this.isRequestWhole = true
    if (this.#isResponseWhole) this.onOver(undefined)
  }

  onOver(error: ExchangeError | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#watcher.onOver(error, this)
  }
}

class WatchedBackend implements BackendSide {
  readonly #backend: BackendSide
  readonly #watched: WatchedClient

  constructor(backend: BackendSide, watched: WatchedClient) {
    this.#backend = backend
    this.#watched = watched
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    return this.#backend.data(chunk, meta)
  }

  end(trailers?: HeaderList, closeCode?: number): void {
    this.#watched.onRequestEnd()
    this.#backend.end(trailers, closeCode)
  }

  reset(error: ExchangeError): void {
    this.#watched.onOver(undefined)
    this.#backend.reset(error)
  }

  drained(): void {
    this.#backend.drained()
  }
}
