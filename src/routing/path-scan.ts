import { decodePercent } from './percent.ts'

/** What a client is told of a path that `read` refuses. */
export const PATH_FAULT = 'The path must begin with `/` and be percent-encoded ASCII'

/** A request's path, split once for the lookup and the subject. Reused from request to request. */
export class PathScan {
  /** Segments after percent-decoding; undefined where that fails. */
  readonly texts: (string | undefined)[] = []
  readonly #starts: number[] = []
  #path = ''

  /** Splits up to `maxSegments`. False if it is no path: no `/` at its start, or raw controls or non-ASCII in it. */
  read(path: string, maxSegments: number): boolean {
    if (!/^\/[ -~]*$/.test(path)) return false
    const { texts } = this
    texts.length = 0
    this.#path = path
    const encoded = path.includes('%')
    for (let start = 1; start > 0 && texts.length < maxSegments; ) {
      const end = path.indexOf('/', start)
      const raw = path.slice(start, end < 0 ? undefined : end)
      this.#starts[texts.length] = start
      texts.push(encoded ? decodePercent(raw) : raw)
      start = end + 1
    }
    return true
  }

  /** From this segment to the path's end, as sent. */
  tail(index: number): string {
    return this.#path.slice(this.#starts[index])
  }
}
