import type { HeaderList, RequestHead } from '../../exchange/exchange.ts'
import { isEncodingOf } from '../../exchange/percent-encoding.ts'

/** Where a token may be beside `Authorization`; RFC 6750 section 2.3 says why that is second best. */
export interface TokenPlaces {
  /** Name of a query parameter. */
  readonly query?: string | undefined
  /** Name of a cookie. */
  readonly cookie?: string | undefined
}

const BEARER = /^bearer +([\x21-\x7e]+) *$/i
/** What somebody may take for it who is less strict. */
const LIKE_BEARER = /^[^\x21-\x7e]*bearer(?![!#$%&'*+.^_`|~\w-])/i

/** The token of a request: that of `Authorization` before others. Undefined if it has none; empty if it is malformed. */
export function findToken(request: RequestHead, places: TokenPlaces): string | undefined {
  const { headers, query } = request
  return findBearer(request) ?? findParameter(query, places.query) ?? findCookie(headers, places.cookie)
}

/** That of `Authorization` alone; undefined if there is none, or of another scheme; empty if it is malformed. */
export function findBearer({ headers }: RequestHead): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'authorization') continue
    const value = headers[i + 1]!
    const token = BEARER.exec(value)?.[1]
    if (token !== undefined) return token
    if (LIKE_BEARER.test(value)) return ''
  }
  return undefined
}

function findParameter(query: string, name: string | undefined): string | undefined {
  if (name === undefined || query === '') return undefined
  for (const pair of query.split('&')) {
    const value = isNamed(pair, name) ? decode(pair.slice(pair.indexOf('=') + 1)) : ''
    if (value !== '') return value
  }
  return undefined
}

/** What is left of a query without the parameter of that name, however it was percent-encoded. */
export function withoutParameter(query: string, name: string): string {
  if (query === '') return query
  const pairs = query.split('&')
  const kept = pairs.filter((pair) => !isNamed(pair, name))
  return kept.length === pairs.length ? query : kept.join('&')
}

function isNamed(pair: string, name: string): boolean {
  const equals = pair.indexOf('=')
  return isEncodingOf(equals < 0 ? pair : pair.slice(0, equals), name)
}

function decode(text: string): string {
  if (!text.includes('%')) return text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    // What is no encoding of anything is taken as it is written.
    return text
  }
}

function findCookie(headers: HeaderList, name: string | undefined): string | undefined {
  if (name === undefined) return undefined
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'cookie') continue
    const pair = headers[i + 1]!.split(';').find((cookie) => cookieName(cookie) === name)
    // What is empty has been taken back: it is none.
    if (pair !== undefined) return unquoted(pair.slice(pair.indexOf('=') + 1).trim()) || undefined
  }
  return undefined
}

/** RFC 6265 section 4.1.1. */
function unquoted(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}

/** The fields without the cookie of that name; the same list if it is not there. */
export function withoutCookie(headers: HeaderList, name: string): HeaderList {
  let changed: string[] | undefined
  for (let i = 0; i < headers.length; i += 2) {
    const isCookie = headers[i] === 'cookie'
    const cookies = isCookie ? headers[i + 1]!.split(';') : []
    const kept = cookies.filter((cookie) => cookieName(cookie) !== name)
    if (kept.length < cookies.length) {
      changed ??= headers.slice(0, i)
      if (kept.length > 0) changed.push('cookie', kept.join(';').trim())
    } else changed?.push(headers[i]!, headers[i + 1]!)
  }
  return changed ?? headers
}

function cookieName(cookie: string): string {
  const equals = cookie.indexOf('=')
  return (equals < 0 ? cookie : cookie.slice(0, equals)).trim()
}
