/** What a route asks of a request beside its host and path; the table and `routes explain` share these rules. */
import type { HeaderList } from '../exchange/exchange.ts'
import { firstValue } from '../exchange/header-list.ts'

/** What of a request decides, beside its path. */
export interface RequestFacts {
  readonly method: string
  /** Lower case, without the port. */
  readonly host: string
  readonly headers: HeaderList
  /** Names of fields that are to come with values that nobody knows yet: they meet every condition. */
  readonly announced?: ReadonlySet<string>
}

/** Name in lower case and value; `*` as the value: present. */
export type HeaderCondition = readonly [name: string, value: string]

/** Undefined takes every method. A route with GET also takes HEAD (RFC 9110, 9.3.2). Methods are case-sensitive. */
export function takesMethod(methods: ReadonlySet<string> | undefined, method: string): boolean {
  return methods === undefined || methods.has(method) || (method === 'HEAD' && methods.has('GET'))
}

/** The methods that routes list, as `Allow` has them: sorted, distinct, HEAD beside GET. */
export function allowHeader(methods: Iterable<string>): string[] {
  const allow = new Set(methods)
  if (allow.has('GET')) allow.add('HEAD')
  return [...allow].sort()
}

/** The first condition that the request does not meet. */
export function unmetCondition(
  conditions: readonly HeaderCondition[],
  request: Pick<RequestFacts, 'headers' | 'announced'>,
): HeaderCondition | undefined {
  for (const condition of conditions) {
    if (request.announced?.has(condition[0])) continue
    const value = firstValue(request.headers, condition[0])
    if (value === undefined || (condition[1] !== '*' && condition[1] !== value)) return condition
  }
  return undefined
}
