import type { HeaderList, RequestHead } from '../../exchange/exchange.ts'

/** Where a token may be beside `Authorization`; RFC 6750 section 2.3 says why that is second best. */
export interface TokenPlaces {
  /** Name of a query parameter. */
  readonly query?: string | undefined
  /** Name of a cookie. */
  readonly cookie?: string | undefined
}

const BEARER = /^bearer +(\S+) *$/i

/** The token of a request: that of `Authorization` before others. Undefined if it has none. */
export function findToken({ headers, query }: RequestHead, places: TokenPlaces): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'authorization') continue
    const token = BEARER.exec(headers[i + 1]!)?.[1]
    if (token !== undefined) return token
  }
  return findParameter(query, places.query) ?? findCookie(headers, places.cookie)
}

function findParameter(query: string, name: string | undefined): string | undefined {
  if (name === undefined || query === '') return undefined
  return query
    .split('&')
    .filter((pair) => isNamed(pair, name))
    .map((pair) => decode(pair.slice(pair.indexOf('=') + 1)))
    .find((value) => value !== '')
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
  return decode(equals < 0 ? pair : pair.slice(0, equals)) === name
}

function decode(text: string): string {
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
    if (pair !== undefined) return /^"?(.*?)"?$/.exec(pair.slice(pair.indexOf('=') + 1).trim())![1]
  }
  return undefined
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
