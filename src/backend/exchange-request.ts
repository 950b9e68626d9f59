import type { HeaderList } from '../exchange/exchange.ts'
import type { Kind } from '../exchange/route.ts'
import { isForwardable, toAsciiValue } from '../wire/header-field.ts'

/** What the client asked for. */
export interface ExchangeRequest {
  readonly kind: Kind
  /** `POST` for a plain NATS request that brought a payload, `GET` for one that did not. */
  readonly method: string
  /** Without the port. */
  readonly host: string
  /** As sent, still percent-encoded. */
  readonly path: string
  /** As sent, without the `?`; empty if none. */
  readonly query: string
  /** The client's address; empty for a plain NATS request. */
  readonly remote: string
  /** The router's route; empty for a plain NATS request. */
  readonly route: string
  readonly requestId: string
  /** Who the client is, as the route's policies have found out; undefined: they have not, or do not ask. */
  readonly subjectId: string | undefined
  /** The NATS subject that it came on. */
  readonly subject: string
  /** The client's headers. */
  readonly headers: Headers
}

/** @param list the metadata (`sx-*`) and the client's headers, names in lower case */
export function exchangeRequest(list: HeaderList, subject: string, defaultMethod: string): ExchangeRequest {
  const metadata = new Map<string, string>()
  const headers = new Headers()
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i]!
    const value = list[i + 1]!
    if (name.startsWith('sx-')) metadata.set(name, value)
    else if (isForwardable(name)) {
      const ascii = toAsciiValue(value)
      if (ascii !== undefined) headers.append(name, ascii)
    }
  }
  const kind = metadata.get('sx-kind')
  return {
    kind: kind === 'ws' || kind === 'tcp' ? kind : 'http',
    method: metadata.get('sx-method') ?? defaultMethod,
    host: metadata.get('sx-host') ?? 'localhost',
    path: metadata.get('sx-path') ?? `/${subject}`,
    query: metadata.get('sx-query') ?? '',
    remote: metadata.get('sx-remote') ?? '',
    route: metadata.get('sx-route') ?? '',
    requestId: metadata.get('sx-request-id') ?? '',
    subjectId: metadata.get('sx-subject-id'),
    subject,
    headers,
  }
}
