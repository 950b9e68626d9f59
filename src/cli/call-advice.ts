import type { ExchangeError } from '../exchange/errors.ts'
import type { RequestHead } from '../exchange/exchange.ts'
import { PROGRAM } from './help.ts'

/**
 * What whoever called can do about an error; undefined where the error says all there is.
 * @param omissions what `describeOmissions` says of the route
 */
export function adviceFor(
  error: ExchangeError,
  { method, path, subject, route }: RequestHead,
  omissions: string | undefined,
): string | undefined {
  switch (error.code) {
    case 'no_route':
      return `'${PROGRAM} routes explain ${method} ${path}' tells why no route matches`
    case 'method_not_allowed':
      return `the path takes ${error.allow?.join(', ') ?? 'other methods'}`
    case 'no_responders':
      return `start a backend that subscribes to ${subject} ('nats reply ${subject} ok' will do)`
    case 'timeout':
      return `a backend took it but did not answer in time: look in its log, or raise the route's timeout or --timeout`
    case 'too_large':
      return `raise limits.bodyBytes of ${route === undefined ? 'the router' : `route ${route.name}`}, or max_payload of nats-server`
    case 'nats_unavailable':
      return `'${PROGRAM} doctor' checks the connection`
    default:
      return omissions
  }
}
