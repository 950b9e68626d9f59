import type { HeaderList, RequestHead } from '../../exchange/exchange.ts'

/**
 * A request over a WebSocket, made of another one with an id, header fields and a length of its own. The route and who the
 * client is go along; what else policies and the transport have set does not.
 *
 * Spelled out: connections that last keep such a copy, and one made by spreading takes twice the memory. The identity has
 * its place in it from the start, as to add it would take a second object for each message of an rpc connection.
 */
export function copyRequest(of: RequestHead, requestId: string, headers: HeaderList, length: number): RequestHead {
  const { method, host, path, query, remote, certificate, route, subject, identity } = of
  return {
    kind: 'ws',
    method,
    host,
    path,
    query,
    remote,
    certificate,
    requestId,
    headers,
    length,
    route,
    subject,
    identity,
  }
}
