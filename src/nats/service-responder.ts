import { headers, type Msg, type MsgHdrs, type NatsConnection, type Subscription } from 'nats'
import type { Logger } from '../exchange/logger.ts'
import type { ServiceAnswer, ServiceEndpoint } from '../exchange/service-endpoint.ts'
import { isPeerSubject } from '../wire/peer-subject.ts'
import { AnswerBudget } from './answer-budget.ts'
import type { NatsLink } from './connection.ts'
import { ServiceStats } from './service-stats.ts'

export interface ServiceResponderOptions {
  readonly link: NatsLink
  readonly logger: Logger
  readonly name: string
  /** Of this instance: one NATS token. */
  readonly id: string
  /** A semantic version. */
  readonly version: string
  readonly description: string
  readonly metadata: Readonly<Record<string, string>>
  /** Endpoints are `{prefix}.{id}.{endpoint}`, of one instance, and `{prefix}.all.{endpoint}`, of each. */
  readonly prefix: string
  readonly endpoints: readonly ServiceEndpoint[]
  /** Milliseconds from any origin, never going back. */
  readonly now?: () => number
}

/** Of a second, in answers. What is asked here must not take the time of clients' requests. */
const BUDGET_MS = 100
/** Headers of an answer. */
const HEADER_BYTES = 1024
const ALL = 'all'

/**
 * A NATS micro service (`$SRV.PING|INFO|STATS`) whose instances are to be asked one by one, or all at once. The services
 * of the client library share their endpoints in a queue group, answer whoever asks without a bound, and are gone for good
 * with one subscription that the server denies.
 *
 * States: registered, again on each connection -> stopped. Without the permissions it needs it warns once and stays deaf.
 */
export class ServiceResponder {
  readonly #options: ServiceResponderOptions
  readonly #budget: AnswerBudget
  readonly #stats: ServiceStats
  readonly #subjects: readonly string[]
  #subscriptions: Subscription[] = []
  #isStopped = false
  #hasWarned = false

  constructor(options: ServiceResponderOptions) {
    const { link, name, id, prefix, endpoints, now = performance.now.bind(performance) } = options
    this.#options = options
    this.#budget = new AnswerBudget(BUDGET_MS, now)
    this.#stats = new ServiceStats(
      endpoints.map((endpoint) => endpoint.name),
      now,
    )
    this.#subjects = ['$SRV.*', `$SRV.*.${name}`, `$SRV.*.${name}.${id}`, `${prefix}.${ALL}.*`, `${prefix}.${id}.*`]
    for (const subject of this.#subjects) link.tolerateDenial(subject)
    link.listen({ onConnected: (client) => this.#register(client), onDisconnected: () => {} })
  }

  /** Answers nobody any more. */
  stop(): void {
    this.#isStopped = true
    this.#unsubscribe()
  }

  /** Also after a reconnect: what was denied may be allowed by now. */
  #register(client: NatsConnection): void {
    this.#unsubscribe()
    if (this.#isStopped) return
    this.#subscriptions = this.#subjects.map((subject) =>
      client.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) void this.#onMessage(message)
          else this.#onDenied()
        },
      }),
    )
  }

  #unsubscribe(): void {
    for (const subscription of this.#subscriptions) if (!subscription.isClosed()) subscription.unsubscribe()
    this.#subscriptions = []
  }

  #onDenied(): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    const { logger, prefix } = this.#options
    logger.warn(
      { subjects: this.#subjects },
      'NATS does not let this router register as a micro service, so that `--all` of the command line cannot ask it: ' +
        `let its user subscribe to $SRV.> and ${prefix}.>, or set nats.service to false`,
    )
  }

  async #onMessage(message: Msg): Promise<void> {
    const { reply } = message
    if (!isPeerSubject(reply)) return
    // A client whose request a route leads here is no operator.
    if (isClientRequest(message)) return this.#refuse(reply, 403, 'Clients may not ask this')
    const verb = message.subject.startsWith('$SRV.') ? message.subject.split('.')[1] : undefined
    if (verb !== undefined) {
      const told = this.#budget.spend(() => this.#describe(verb))
      if (told !== undefined) this.#publish(reply, Buffer.from(JSON.stringify(told)))
      return
    }
    const name = message.subject.substring(message.subject.lastIndexOf('.') + 1)
    const endpoint = this.#options.endpoints.find((each) => each.name === name)
    if (endpoint === undefined) return this.#refuse(reply, 404, `There is ${this.#endpointNames()}`)
    await this.#answer(endpoint, message, reply)
  }

  async #answer({ name, answer }: ServiceEndpoint, message: Msg, reply: string): Promise<void> {
    const { link, logger } = this.#options
    const stats = this.#stats.of(name)
    const begunMs = stats.begin()
    let given: ServiceAnswer | undefined
    try {
      given = await this.#budget.spend(() => answer(message.data, link.maxPayload - HEADER_BYTES))
    } catch (error) {
      logger.error({ err: error, endpoint: name }, 'a question over NATS could not be answered')
      given = { code: 500, title: 'Internal error' }
    }
    given ??= { code: 429, title: 'Too much is asked at a time: try again in a second' }
    stats.end(begunMs, 'data' in given ? undefined : given.title)
    if ('data' in given) this.#publish(reply, given.data)
    else this.#refuse(reply, given.code, given.title)
  }

  /** The answer to a verb; undefined: there is no such one. */
  #describe(verb: string): object | undefined {
    const { name, id, version, description, metadata, prefix, endpoints } = this.#options
    const identity = { name, id, version, metadata }
    const listed = endpoints.map((endpoint) => {
      return { name: endpoint.name, subject: `${prefix}.${id}.${endpoint.name}`, queue_group: '' }
    })
    if (verb === 'PING') return { type: 'io.nats.micro.v1.ping_response', ...identity }
    if (verb === 'INFO') return { type: 'io.nats.micro.v1.info_response', ...identity, description, endpoints: listed }
    if (verb !== 'STATS') return undefined
    return {
      type: 'io.nats.micro.v1.stats_response',
      ...identity,
      started: this.#stats.started,
      endpoints: listed.map((endpoint) => ({ ...endpoint, ...this.#stats.of(endpoint.name).figures() })),
    }
  }

  #endpointNames(): string {
    return this.#options.endpoints.map(({ name }) => name).join(', ')
  }

  #refuse(reply: string, code: number, title: string): void {
    const fields = headers()
    fields.set('Nats-Service-Error-Code', String(code))
    fields.set('Nats-Service-Error', title)
    this.#publish(reply, new Uint8Array(0), fields)
  }

  #publish(reply: string, data: Uint8Array, fields?: MsgHdrs): void {
    const { client, connected } = this.#options.link
    // Who asks has given up by the time that NATS is back.
    if (connected && client?.isClosed() === false) client.publish(reply, data, fields && { headers: fields })
  }
}

/** All that a router publishes for its clients has this header, which no client can take away. */
function isClientRequest(message: Msg): boolean {
  try {
    for (const [name] of message.headers ?? []) if (name.toLowerCase() === 'sx') return true
    return false
  } catch {
    // The client library throws where a header is malformed, which no tool of an operator sends.
    return true
  }
}
