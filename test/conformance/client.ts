import type { ErrorCode } from '../../src/exchange/errors.ts'

/** What the routes of a router under test lead to; see `routes.ts`. */
export type Target = 'echo' | 'upload' | 'slow' | 'download' | 'fail' | 'small' | 'nobody' | 'whole'

/** What some protocols have and others do not. */
export type Capability =
  /** A client can say that it has sent all, and still read. */
  | 'half-close'
  /** What a client sends at once is a message of its own. */
  | 'messages'
  /** A client is held back when it sends faster than the backend takes. */
  | 'paced-sends'
  /** A client can hand parameters to the backend. */
  | 'query'
  /** A client is told why its stream failed. */
  | 'codes'
  /** A client can send one request with a body and get one response. */
  | 'requests'

export interface OpenOptions {
  readonly query?: string
  /** False: the client has nothing to send, and says so where its protocol can. Default true. */
  readonly sends?: boolean
  /** How much it will send, where its protocol can say so. */
  readonly length?: number
}

/** How a stream ended, as its client sees it: `cut` is without a word, and can never be taken for an end. */
export type Outcome =
  | { readonly how: 'whole' }
  | { readonly how: 'error'; readonly code: string }
  | { readonly how: 'cut' }

/** One exchange as a client has it. Nothing is read but when it is asked for. */
export interface ClientStream {
  /** Resolves when the client may send more; also once there is nobody left to send to. */
  send(chunk: Uint8Array): Promise<void>
  /** All is sent. */
  end(): void
  /** The next bytes, however many; undefined once the stream is over. */
  read(): Promise<Uint8Array | undefined>
  /** How it ended; only after `read` has given undefined. */
  outcome(): Outcome
  /** Leaves in the middle, as its protocol has it. */
  abort(): void
  /** Its connection breaks, right behind the last bytes. */
  break(): void
}

/** A router with the routes of `routes.ts`, as far as clients of one protocol use it. */
export interface RouterUnderTest {
  open(target: Target, options?: OpenOptions): ClientStream
  /** As SIGTERM does: takes nothing new, and gives what is under way so long to end. */
  drain(timeoutMs: number): Promise<void>
  /** Fails unless every map is empty, which it waits for. */
  assertIdle(): Promise<void>
  close(): Promise<void>
}

/** A client protocol. A new one is a file in `clients/` and a line in its index. */
export interface ClientProtocol {
  readonly name: string
  /** Why the protocol cannot have it: cases that need it are skipped with that. */
  readonly cannot: Partial<Record<Capability, string>>
  /** How its clients see an error that comes before anything of the response. */
  failure(code: ErrorCode): Outcome
  startRouter(natsUrl: string): Promise<RouterUnderTest>
}

/** Reads to the end. */
export async function readAll(stream: ClientStream): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for (let chunk = await stream.read(); chunk !== undefined; chunk = await stream.read()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Reads until so many bytes have come, or the stream is over. */
export async function readBytes(stream: ClientStream, bytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for (let come = 0; come < bytes; ) {
    const chunk = await stream.read()
    if (chunk === undefined) break
    chunks.push(chunk)
    come += chunk.length
  }
  return Buffer.concat(chunks)
}
