/** What policies are tried on without a network: requests, clients and backends that note what they hear, and a clock. */
import { BufferBudget } from '../../src/exchange/buffer-budget.ts'
import { DeadlineWheel } from '../../src/exchange/deadline-wheel.ts'
import type { ExchangeError } from '../../src/exchange/errors.ts'
import type { BackendSide, ClientSide, Dispatch, RequestHead } from '../../src/exchange/exchange.ts'
import { Identity, type IdentityParts } from '../../src/exchange/identity.ts'
import type { RouteSettings } from '../../src/exchange/route.ts'
import { ApiKeyDirectory } from '../../src/policies/api-key-directory.ts'
import type { Circuit } from '../../src/policies/circuit.ts'
import type { Policy, PolicyContext, PolicyKind } from '../../src/policies/policy.ts'
import { RevocationDirectory } from '../../src/policies/revocation-directory.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { testRequest } from '../support/test-request.ts'
import { testRoute } from '../support/test-route.ts'

/** A client, or a backend, that takes all and notes it. */
export interface Recorder extends ClientSide {
  readonly heard: string[]
  /** That it was reset with. */
  readonly errors: ExchangeError[]
}

export function recorder(): Recorder {
  const heard: string[] = []
  const errors: ExchangeError[] = []
  return {
    heard,
    errors,
    head: ({ status }) => void heard.push(`head ${status}`),
    data: (chunk) => heard.push(`data ${Buffer.from(chunk).toString()}`) > 0,
    end: () => void heard.push('end'),
    reset(error) {
      heard.push(`reset ${error.code}`)
      errors.push(error)
    },
    drained: () => void heard.push('drained'),
  }
}

/** One exchange that has reached the backend. */
export interface Reached {
  readonly request: RequestHead
  /** As the policy hands it on. */
  readonly client: ClientSide
  readonly heard: readonly string[]
}

export interface PolicyStage {
  readonly policy: Policy
  /** Of the exchanges that the policy let pass, in order. */
  readonly reached: readonly Reached[]
  /** Milliseconds pass. */
  pass(ms: number): void
  /** Begins an exchange; the result says how it went and goes on with it. */
  begin(head?: RequestHead): { readonly client: Recorder; readonly backend: BackendSide }
  /** @param over.policy tells those apart that have one name */
  identity(subjectId: string, over?: { provedBy?: string; policy?: string; keyId?: string }): Identity
}

/** What policies may use of a router that has nothing yet, and nobody to ask. */
export function policyContext(now: () => number = () => 1000): PolicyContext {
  const wheel = new DeadlineWheel({ now })
  return {
    wheel,
    now,
    logger: silentLogger,
    buffers: new BufferBudget(),
    ask: () => Promise.reject(new Error('there is nobody to ask')),
    apiKeys: new ApiKeyDirectory({ wheel, now }),
    revocations: new RevocationDirectory(now),
    circuits: new Set<Circuit>(),
  }
}

/** A policy with options as in YAML, around a backend that takes every exchange. */
export function stagePolicy(
  kind: PolicyKind,
  options: unknown,
  over: { readonly route?: Partial<RouteSettings>; readonly context?: Partial<PolicyContext> } = {},
): PolicyStage {
  let nowMs = 1000
  const now = () => nowMs
  const context = { ...policyContext(now), ...over.context }
  const { wheel } = context
  const policy = kind.create(kind.schema.parse(options), testRoute(over.route), context)
  const reached: Reached[] = []
  const dispatch: Dispatch = (head, client) => {
    const backend = recorder()
    reached.push({ request: head, client, heard: backend.heard })
    return backend
  }
  const begin = policy.wrap?.(dispatch) ?? dispatch
  const policies = new Map<string, IdentityParts>()
  const partsOf = (name: string) => {
    const parts = policies.get(name) ?? { wheel, now, graceMs: 0 }
    policies.set(name, parts)
    return parts
  }
  return {
    policy,
    reached,
    pass: (ms) => {
      nowMs += ms
    },
    begin(head = testRequest()) {
      const client = recorder()
      return { client, backend: begin(head, client) }
    },
    identity: (subjectId, { provedBy = 'test', policy = provedBy, keyId } = {}) =>
      new Identity({ subjectId, claims: {}, provedBy, keyId }, partsOf(policy)),
  }
}

/** Answers as most backends do. */
export function answer({ client }: Reached, status = 200): void {
  client.head({ status, headers: [], length: 0, messages: false })
  client.end()
}
