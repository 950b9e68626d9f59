/** One request, or what pretends to be one, and what the router is to make of it. */
export interface SmugglingCase {
  readonly name: string
  /** The bytes, one character each; `/PATH` becomes a path that no other case has. */
  readonly bytes: string
  readonly expected: Expectation
  /** What says so: a section of RFC 9112 unless another is named, and what an attacker would gain. */
  readonly why: string
}

export type Expectation =
  /** Answered with this status and closed; nothing is published. */
  | { readonly kind: 'refused'; readonly status: number }
  /**
   * Answered with this status and closed, for what comes in or behind the body. Nothing is published of a body that is to
   * be whole; of one that is streamed, its beginning may be, and ends in a reset: never as if that were all of it.
   */
  | Cut
  /** Answered with this status; nothing is published. Where it ends is not in doubt, so that the next may follow. */
  | { readonly kind: 'answered'; readonly status: number }
  /** Closed without an answer; nothing is published. */
  | { readonly kind: 'dropped' }
  /** One request is published, just as it says here. */
  | { readonly kind: 'taken'; readonly request: TakenRequest }

interface Cut {
  readonly kind: 'cut'
  readonly status: number
  /** Where the body is streamed. */
  readonly streamedStatus: number
  /** All of the body, where only what is behind it is refused: as a stream that is under way it may end with this. */
  readonly body: string | undefined
}

/** What of a request has to reach a backend. Absent: the path of the case, no query, no body, any host. */
export interface TakenRequest {
  readonly method: string
  readonly path?: string
  readonly query?: string
  readonly host?: string
  readonly body?: string
  /** Fields by their names in lower case; `undefined`: must not be there. */
  readonly fields?: Readonly<Record<string, string | undefined>>
}

/** Stands for the path of a case. */
export const PATH = '/PATH'
/** What an attacker would like to have read as a request of its own. */
export const SMUGGLED = `GET ${PATH}/smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n`

export function refused(status: number, name: string, why: string, bytes: string): SmugglingCase {
  return { name, bytes, why, expected: { kind: 'refused', status } }
}

export function cut(
  status: number,
  name: string,
  why: string,
  bytes: string,
  { streamedStatus = status, body }: { readonly streamedStatus?: number; readonly body?: string } = {},
): SmugglingCase {
  return { name, bytes, why, expected: { kind: 'cut', status, streamedStatus, body } }
}

export function answered(status: number, name: string, why: string, bytes: string): SmugglingCase {
  return { name, bytes, why, expected: { kind: 'answered', status } }
}

export function dropped(name: string, why: string, bytes: string): SmugglingCase {
  return { name, bytes, why, expected: { kind: 'dropped' } }
}

export function taken(request: TakenRequest, name: string, why: string, bytes: string): SmugglingCase {
  return { name, bytes, why, expected: { kind: 'taken', request } }
}

/** A request with these lines between its `Host` and its end, and a body or what else follows. */
export function post(fields: string, rest = ''): string {
  return `POST ${PATH} HTTP/1.1\r\nHost: a.example\r\n${fields}\r\n\r\n${rest}`
}

export function get(fields: string): string {
  return `GET ${PATH} HTTP/1.1\r\n${fields}\r\n\r\n`
}

/** The bytes of a case with a path of its own. */
export function bytesOf({ bytes }: SmugglingCase, path: string): Buffer {
  return Buffer.from(bytes.replaceAll(PATH, path), 'latin1')
}
