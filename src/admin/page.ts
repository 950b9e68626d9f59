/** Lists come in pages: so many items after the one with an id, which is the last of the page before. */

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

/** Beyond the number of any connection or exchange. */
const GROUP = 2 ** 40

/**
 * Items come group by group (`ws`, `tcp0`, `tcp1`), and in a group by a number that is never given again: so a page also
 * follows on an item that is gone by now.
 * @returns undefined: `after` is no id
 */
export function takePage<T>(
  items: Iterable<T>,
  idOf: (item: T) => string,
  { limit, after }: Page,
): { readonly taken: readonly T[]; readonly next?: string } | undefined {
  const start = after === undefined ? -1 : positionOf(after)
  if (start === undefined) return undefined
  const taken: T[] = []
  for (const item of items) {
    if (start >= 0 && (positionOf(idOf(item)) ?? 0) <= start) continue
    if (taken.length === limit) return { taken, next: idOf(taken.at(-1)!) }
    taken.push(item)
  }
  return { taken }
}

/** Where the item with the id stands in its list. */
function positionOf(id: string): number | undefined {
  const match = /^(?:ws|ex|tcp(\d{1,3}))-(\d{1,12})$/.exec(id)
  if (match === null) return undefined
  const group = match[1] === undefined ? 0 : Number(match[1]) + 1
  return group * GROUP + Number(match[2])
}
