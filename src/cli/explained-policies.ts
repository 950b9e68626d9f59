import { mergePolicies, type PolicySpec } from '../policies/policy-list.ts'

/** A policy of a route, and where it is written: in the settings of the router, or in those of the route. */
export interface ExplainedPolicy {
  readonly name: string
  readonly from: 'router' | 'route'
  /** As they are written. */
  readonly options: unknown
}

/** In the order in which a request meets them. @param own undefined: there is no route */
export function explainPolicies(
  defaults: readonly PolicySpec[],
  own: readonly PolicySpec[] | undefined,
): ExplainedPolicy[] {
  if (own === undefined) return []
  return mergePolicies(defaults, own).map((policy) => ({
    name: policy.kind,
    from: own.includes(policy) ? 'route' : 'router',
    options: policy.options,
  }))
}
