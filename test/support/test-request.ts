import type { RequestHead } from '../../src/exchange/exchange.ts'

/** A GET of `/` without anything, of a client at an address for documentation, before it has a route. */
export function testRequest(over: Partial<RequestHead> = {}): RequestHead {
  return {
    kind: 'http',
    method: 'GET',
    host: '',
    path: '/',
    query: '',
    remote: '192.0.2.1',
    certificate: undefined,
    requestId: 'r',
    headers: [],
    length: 0,
    route: undefined,
    subject: '',
    ...over,
  }
}
