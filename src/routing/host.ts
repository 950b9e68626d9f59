import { PatternError } from './pattern-error.ts'

/** Which hosts a route serves. Of `suffix`, `text` begins with the dot: `.example.com`. */
export interface HostPattern {
  readonly kind: 'exact' | 'suffix' | 'any'
  /** Lower case; empty for `any`. */
  readonly text: string
}

const ANY_HOST: HostPattern = { kind: 'any', text: '' }
const NAME = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/
const IPV6 = /^\[[0-9a-f:.]+\]$/

/** Parses `api.example.com` or `*.example.com`; undefined means any host. Throws PatternError. */
export function parseHost(pattern: string | undefined): HostPattern {
  if (pattern === undefined) return ANY_HOST
  const text = pattern.toLowerCase()
  if (IPV6.test(text)) return { kind: 'exact', text }
  if (/:\d*$/.test(text)) throw new PatternError('leave the port out: a route matches the host on every port')
  const wildcard = text.startsWith('*.')
  const name = wildcard ? text.slice(2) : text
  if (name.includes('*')) {
    throw new PatternError('`*` may only be the first label, as in `*.example.com`; leave host out to match any')
  }
  // RFC 3490: what comes in a Host header is the ASCII form of a name.
  if (/[^\p{ASCII}]/u.test(name)) throw new PatternError('write the name in its ASCII form (`xn--...`)')
  if (name.length > 253 || !NAME.test(name)) {
    throw new PatternError('expected a host name such as `api.example.com` or `*.example.com`')
  }
  return wildcard ? { kind: 'suffix', text: `.${name}` } : { kind: 'exact', text }
}

/** Whether a request's host (lower case, without the port) fits. `*.` stands for one or more labels. */
export function matchesHost(pattern: HostPattern, host: string): boolean {
  switch (pattern.kind) {
    case 'any':
      return true
    case 'exact':
      return host === pattern.text
    case 'suffix':
      return host.length > pattern.text.length && host.endsWith(pattern.text)
  }
}
