import type { z } from 'zod'
import type { Ask } from '../exchange/ask.ts'
import type { BufferBudget } from '../exchange/buffer-budget.ts'
import type { DeadlineWheel } from '../exchange/deadline-wheel.ts'
import type { ErrorCode, ExchangeError } from '../exchange/errors.ts'
import type { Dispatch, RequestHead } from '../exchange/exchange.ts'
import type { Identity } from '../exchange/identity.ts'
import type { Logger } from '../exchange/logger.ts'
import type { RouteSettings } from '../exchange/route.ts'
import type { ApiKeyDirectory } from './api-key-directory.ts'
import type { Circuit } from './circuit.ts'
import type { RevocationDirectory } from './revocation-directory.ts'

/** What policies may use of the router. */
export interface PolicyContext {
  readonly wheel: DeadlineWheel
  /** Wall clock, since the epoch. */
  readonly now: () => number
  readonly logger: Logger
  readonly buffers: BufferBudget
  readonly apiKeys: ApiKeyDirectory
  readonly revocations: RevocationDirectory
  readonly ask: Ask
  /** Those of all routes, for the metrics: a policy adds its own, and takes it out again. */
  readonly circuits: Set<Circuit>
}

/** Undefined: the request has no credential of this kind, which leaves the question to others. */
export type Verdict = Identity | ExchangeError | undefined

/** Finds out who sends a request. */
export interface Authenticator {
  /** A promise where others have to be asked; it must not reject, and must settle within seconds. */
  identify(request: RequestHead): Verdict | Promise<Verdict>
  /** For `WWW-Authenticate`, such as `Bearer`. */
  readonly challenge: string
  /** In its place where a credential was there and is refused: by the code of the error. */
  readonly refusals?: Readonly<Partial<Record<ErrorCode, string>>>
  /** Requests without a credential come in too, without an identity; unless another policy of the route asks for one. */
  readonly optional: boolean
}

/** What a policy does on one route, with the state that it keeps for it. It has one of these, or several. */
export interface Policy {
  readonly authenticator?: Authenticator
  /** Puts itself around what comes after. Called for each new routing table. */
  readonly wrap?: (next: Dispatch) => Dispatch
  /** As `RouteService.admit`; asked where it stands before a policy that authenticates. */
  readonly admit?: (request: RequestHead) => ExchangeError | undefined
  /** As `RouteService.preflight`. */
  readonly preflight?: (request: RequestHead) => void
  /** The route is gone, or has other options now. */
  readonly close?: () => void
}

/** A kind of policy: what YAML may say of it, and what it makes of that. */
export interface PolicyKind<Schema extends z.ZodType = z.ZodType> {
  /** The key in YAML. */
  readonly name: string
  /** For the manual: one sentence. */
  readonly summary: string
  /**
   * Checks and does not transform, so that a document stays as it was written: defaults are the factory's. Each key is
   * described, and a default is the last sentence of that (`Default 5s.`): docs/policies.md is made of it.
   */
  readonly schema: Schema
  /** Routes with the same options share one policy, which then asks nothing of the route. Default false. */
  readonly isShared?: boolean
  /** It is of no use on raw TCP, which has none. Default false. */
  readonly needsHeaders?: boolean
  /** What it reads beside its options, by paths: relative ones start from where the router is started. Default none. */
  files?(options: z.output<Schema>): readonly string[]
  /** Called once for a route and its options; the policy outlives routing tables in which both stay the same. */
  create(options: z.output<Schema>, route: RouteSettings, context: PolicyContext): Policy
}

export function definePolicy<Schema extends z.ZodType>(kind: PolicyKind<Schema>): PolicyKind<Schema> {
  return kind
}
