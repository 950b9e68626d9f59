import type { HttpRequest, HttpResponse } from 'uWebSockets.js'
import type { ExchangeError } from '../../exchange/errors.ts'
import type { HeaderList } from '../../exchange/exchange.ts'
import type { ExchangeObserver } from '../../exchange/observer.ts'
import { addressText } from '../client-address.ts'
import { isSaneRequestId } from '../request-id.ts'
import type { WebClientCertificates } from '../tls/web-client-certificates.ts'
import type { WebConnections } from '../web-connections.ts'
import { encodeProblem, problemFields } from './problem.ts'
import { statusLine } from './status-line.ts'

/** Of so many refusals, the one that is read like any request: for the log, which says who they are, and for traces. */
const READ_EVERY = 64

export interface QuickRefusalParts {
  readonly observer: ExchangeObserver
  readonly connections: WebConnections
  readonly makeRequestId: () => string
}

/**
 * Answers requests that are not taken without reading more of them than it takes to know where they end. Otherwise it would
 * cost nearly as much to refuse a request as to serve it, and there would be little to gain.
 */
export class QuickRefusal {
  readonly #error: ExchangeError
  readonly #observer: ExchangeObserver
  readonly #connections: WebConnections
  readonly #makeRequestId: () => string
  readonly #statusLine: string
  readonly #fields: HeaderList
  /** Of the body: the rest is the request id. */
  readonly #bodyStart: string
  #refused = 0

  constructor(error: ExchangeError, { observer, connections, makeRequestId }: QuickRefusalParts) {
    this.#error = error
    this.#observer = observer
    this.#connections = connections
    this.#makeRequestId = makeRequestId
    this.#statusLine = statusLine(error.status)
    this.#fields = withoutRequestId(problemFields(error, '', undefined))
    this.#bodyStart = encodeProblem(error, undefined, '').slice(0, -BODY_END.length)
  }

  /** False: it is to be read and refused like any other. @param isLast of its connection */
  tryWrite(
    res: HttpResponse,
    req: HttpRequest,
    certificates: WebClientCertificates | undefined,
    isLast: boolean,
  ): boolean {
    if (this.#refused++ % READ_EVERY === 0 || req.getCaseSensitiveMethod() === 'HEAD') return false
    lengths = 0
    isDoubtful = false
    requestId = ''
    req.forEach(look)
    if (isDoubtful || (certificates?.isRequired && certificates.of(res) === undefined)) return false
    if (requestId === '') requestId = this.#makeRequestId()
    const connections = this.#connections
    // The connection is not idle, and counts.
    connections.onAnswered(connections.onRequest(addressText(res.getRemoteAddress())))
    // No cork: uWebSockets' own is around each request.
    res.writeStatus(this.#statusLine).writeHeader('x-request-id', requestId)
    const fields = this.#fields
    for (let i = 0; i < fields.length; i += 2) res.writeHeader(fields[i]!, fields[i + 1]!)
    res.end(this.#bodyStart + requestId + BODY_END, isLast)
    this.#observer.refused('http', this.#error)
    return true
  }
}

const BODY_END = '"}\n'
const LENGTH = /^\d{1,15}$/

// What was seen of the request in hand: no closure for each.
let lengths: number
let isDoubtful: boolean
let requestId: string

/**
 * uWebSockets takes an empty length or coding for none, and one of several, others on the way do not: where the request ends
 * is in doubt then.
 */
function look(name: string, value: string): void {
  if (name === 'content-length') isDoubtful ||= lengths++ > 0 || !LENGTH.test(value)
  else if (name === 'transfer-encoding') isDoubtful = true
  else if (name === 'x-request-id' && isSaneRequestId(value)) requestId = value
}

function withoutRequestId(fields: HeaderList): HeaderList {
  const i = fields.indexOf('x-request-id')
  return fields.toSpliced(i, 2)
}
