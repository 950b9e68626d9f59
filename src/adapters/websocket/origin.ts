/** Whether a page of this origin may open a WebSocket. Without an origin it is no page: only browsers send one. */
export type OriginCheck = (origin: string | undefined, hostHeader: string) => boolean

/** @param origins `*`: all; undefined: that of the request's own host, with its port */
export function createOriginCheck(origins: readonly string[] | undefined): OriginCheck {
  if (origins === undefined) return isSameHost
  if (origins.includes('*')) return () => true
  const allowed = new Set(origins.map((origin) => origin.toLowerCase()))
  return (origin) => origin === undefined || allowed.has(origin.toLowerCase())
}

function isSameHost(origin: string | undefined, hostHeader: string): boolean {
  if (origin === undefined) return true
  if (!/^https?:\/\/[^/@\s,]+$/i.test(origin) || !URL.canParse(origin)) return false
  const { protocol, host } = new URL(origin)
  // Parsed with the origin's scheme, so that a default port that is spelled out is the same as none.
  const own = `${protocol}//${hostHeader}`
  return URL.canParse(own) && new URL(own).host === host
}
