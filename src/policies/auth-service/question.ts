import type { HeaderList, RequestHead } from '../../exchange/exchange.ts'

/** What a service may be told of a request beside its header fields. */
export const REQUEST_FACTS = ['ip', 'method', 'host', 'path', 'query', 'certificate'] as const

export type RequestFact = (typeof REQUEST_FACTS)[number]

/** What of a request is told. */
export interface Told {
  /** Names in lower case. */
  readonly headers: readonly string[]
  readonly facts: readonly RequestFact[]
}

/** Two requests of which the same is told have the same values, and others have others. */
export function toldValues(request: RequestHead, { headers, facts }: Told): (string | undefined)[] {
  const values = headers.map((name) => fieldNamed(request.headers, name))
  for (const fact of facts) values.push(factOf(request, fact))
  return values
}

/** As docs/policies.md describes it. @param values as `toldValues` gives them */
export function encodeQuestion(request: RequestHead, told: Told, values: readonly (string | undefined)[]): Uint8Array {
  const pairs = told.headers.map((name, i) => [name, values[i]] as const)
  const facts = told.facts.map((fact, i) => [fact, values[told.headers.length + i]] as const)
  const question = {
    route: request.route?.name,
    kind: request.kind,
    ...Object.fromEntries(facts),
    headers: Object.fromEntries(pairs),
  }
  return Buffer.from(JSON.stringify(question))
}

function factOf(request: RequestHead, fact: RequestFact): string | undefined {
  if (fact === 'ip') return request.remote
  return fact === 'certificate' ? request.certificate?.fingerprint : request[fact]
}

/** A field that is there more than once is a list (RFC 9110 section 5.3); cookies have a list of their own (RFC 6265). */
function fieldNamed(list: HeaderList, name: string): string | undefined {
  const separator = name === 'cookie' ? '; ' : ', '
  let value: string | undefined
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] === name) value = value === undefined ? list[i + 1]! : value + separator + list[i + 1]
  }
  return value
}
