import { resolve } from 'node:path'
import type { Logger } from '../exchange/logger.ts'
import type { RouteService, RouteSettings } from '../exchange/route.ts'
import { authenticateAny, requireIdentity } from './authenticate.ts'
import { guardAuthenticate, guardDispatch } from './guard.ts'
import { POLICY_KINDS } from './index.ts'
import type { Authenticator, Policy, PolicyContext, PolicyKind } from './policy.ts'
import { fileFault, filesOf } from './policy-files.ts'
import type { PolicySpec } from './policy-list.ts'

/** The policies of all routes, with their state. */
export interface Policies {
  /** Around `service`, in order: the first sees a request first. */
  protect(route: RouteSettings, specs: readonly PolicySpec[], service: RouteService): RouteService
  /** A routing table is complete: policies that it does not have any more are closed. */
  settle(): void
  close(): void
}

/** Policies are kept from one routing table to the next where the route and the options stay the same. */
export function createPolicies(context: PolicyContext): Policies {
  let kept = new Map<string, Policy>()
  let used = new Map<string, Policy>()
  const closeAll = (policies: Iterable<Policy>) => {
    for (const policy of policies) policy.close?.()
  }
  const policyOf = (route: RouteSettings, { kind, options }: PolicySpec, index: number) => {
    const found = kindNamed(kind)
    const owner = found.isShared === true ? '' : [route.name, index]
    const key = JSON.stringify([owner, kind, options])
    const policy = used.get(key) ?? kept.get(key) ?? create(found, options, route, context)
    used.set(key, policy)
    return policy
  }
  return {
    protect(route, specs, service) {
      if (specs.length === 0) return service
      return compose(
        specs.map((spec, index) => policyOf(route, spec, index)),
        service,
        context,
      )
    },
    settle() {
      for (const key of used.keys()) kept.delete(key)
      closeAll(kept.values())
      kept = used
      used = new Map()
    },
    close() {
      closeAll(kept.values())
      kept = new Map()
    },
  }
}

function create(kind: PolicyKind, options: unknown, route: RouteSettings, context: PolicyContext): Policy {
  for (const file of filesOf({ kind: kind.name, options })) {
    void warnOfFault(file, kind, route, context.logger)
  }
  return kind.create(options, route, context)
}

/** Now, as the policy itself would find out with the first credential that comes. */
async function warnOfFault(file: string, kind: PolicyKind, route: RouteSettings, logger: Logger): Promise<void> {
  const path = resolve(file)
  const fault = await fileFault(path)
  if (fault === undefined) return
  const consequence = 'put it there, or correct the path: until then nobody gets in by it'
  logger.warn(
    { route: route.name, policy: kind.name, file: path },
    `a file that a policy needs ${fault}; ${consequence}`,
  )
}

function kindNamed(kind: string): PolicyKind {
  const found = POLICY_KINDS.find(({ name }) => name === kind)
  if (found === undefined) throw new RangeError(`no policy is named ${kind}`)
  return found
}

function compose(policies: readonly Policy[], service: RouteService, context: PolicyContext): RouteService {
  const authenticators = policies.flatMap(({ authenticator }) => authenticator ?? [])
  const authenticate = authenticators.length === 0 ? undefined : guardAuthenticate(authenticateAny(authenticators))
  let { dispatch, preflight } = service
  let asked: Authenticator | undefined = authenticators[0]
  for (const { authenticator, wrap, preflight: answer } of policies.toReversed()) {
    if (wrap !== undefined) dispatch = wrap(dispatch)
    preflight = answer ?? preflight
    // They are alternatives, which are asked where the first of them stands.
    if (authenticate === undefined || authenticator === undefined || authenticator !== asked) continue
    // What comes after may be called later than the one that calls it here.
    dispatch = requireIdentity(authenticate, guardDispatch(dispatch), context)
    asked = undefined
  }
  return { dispatch: guardDispatch(dispatch), admit: admitAll(policies), authenticate, preflight }
}

/** What those say that stand before the first which authenticates; undefined: there is nobody to ask, or to spare. */
function admitAll(policies: readonly Policy[]): RouteService['admit'] {
  const guarded = policies.findIndex(({ authenticator }) => authenticator !== undefined)
  const admits = policies.slice(0, Math.max(0, guarded)).flatMap(({ admit }) => admit ?? [])
  if (admits.length === 0) return undefined
  return (request) => {
    for (const admit of admits) {
      const error = admit(request)
      if (error !== undefined) return error
    }
    return undefined
  }
}
