/** Lists come in pages: so many items after the one with an id, which is the last of the page before. */

import type { ConnectionPosition } from '../exchange/client-connection.ts'

export const DEFAULT_LIMIT = 100
export const MAX_LIMIT = 1000

/** Which part of a list is asked for. */
export interface Page {
  readonly limit: number
  /** The id after which it begins; undefined: at the beginning. */
  readonly after: string | undefined
}

/** Undefined: the limit is none. */
export function parsePage(query: URLSearchParams): Page | undefined {
  const text = query.get('limit') ?? String(DEFAULT_LIMIT)
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > MAX_LIMIT) return undefined
  return { limit, after: query.get('after') ?? undefined }
}

/** So many of the items, and the id to go on after if there are more. */
export function takePage<T>(
  items: Iterable<T>,
  idOf: (item: T) => string,
  limit: number,
): { readonly taken: readonly T[]; readonly next?: string } {
  const taken: T[] = []
  for (const item of items) {
    if (taken.length === limit) return { taken, next: idOf(taken.at(-1)!) }
    taken.push(item)
  }
  return { taken }
}

/** `ws-17` or `tcp0-3`. A connection may be gone, and the page after it is still where it was. */
export function parseConnectionId(id: string): ConnectionPosition | undefined {
  const [, listener, number] = /^(?:ws|tcp(\d{1,3}))-([1-9]\d{0,14})$/.exec(id) ?? []
  if (number === undefined) return undefined
  return { listener: listener === undefined ? undefined : Number(listener), number: Number(number) }
}

export function exchangeId(number: number): string {
  return `ex-${number}`
}

/** The number in the id of an exchange. */
export function parseExchangeId(id: string): number | undefined {
  const digits = /^ex-([1-9]\d{0,14})$/.exec(id)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
