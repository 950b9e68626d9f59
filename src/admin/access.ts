import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export interface AccessOptions {
  /** That it listens on. */
  readonly host: string
  /** Undefined: none is asked for, which is for loopback alone. */
  readonly token: string | undefined
}

/** Why a request is turned away, for the one who sent it. */
export interface Refusal {
  readonly status: 401 | 403
  readonly code: 'unauthorized' | 'forbidden'
  readonly title: string
}

/** Guards what a listener has for operators. */
export interface Access {
  /** Against pages in an operator's browser, which reach loopback as well as the operator does. */
  refusePage(req: IncomingMessage): Refusal | undefined
  /** Against everybody who has no token, where one is needed. */
  refuseStranger(req: IncomingMessage): Refusal | undefined
}

export function createAccess({ host, token }: AccessOptions): Access {
  const isLocal = isLoopback(host)
  const expected = token === undefined ? undefined : digest(token)
  return {
    refusePage(req) {
      const { host: named = '', origin } = req.headers
      // A name of the page's own that leads here (DNS rebinding) makes it the same origin in the browser's eyes.
      if (isLocal && !isLoopback(hostname(named))) {
        return forbidden('The Host header names another machine: use 127.0.0.1 or localhost')
      }
      if (origin !== undefined && !isSameHost(origin, named)) {
        return forbidden('Pages of other origins may not use the admin API')
      }
      return undefined
    },
    refuseStranger(req) {
      if (expected === undefined) {
        if (isLocal) return undefined
        return forbidden('Without a token there is no API beyond loopback: set ENGINE_ROUTER_ADMIN_TOKEN on the router')
      }
      const [, shown = ''] = /^bearer +(\S+) *$/i.exec(req.headers.authorization ?? '') ?? []
      // Digests have one length and tell nothing of the token: how far they agree, and for how long, is no help.
      if (timingSafeEqual(digest(shown), expected)) return undefined
      return { status: 401, code: 'unauthorized', title: 'The admin API needs its token: authorization: Bearer TOKEN' }
    },
  }
}

/** Of an address or a name; `localhost` is what the system makes of it, which is loopback by RFC 6761. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host)
}

function hostname(hostHeader: string): string {
  return hostHeader.replace(/:\d*$/, '')
}

function isSameHost(origin: string, hostHeader: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === hostHeader.toLowerCase()
}

function forbidden(title: string): Refusal {
  return { status: 403, code: 'forbidden', title }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
