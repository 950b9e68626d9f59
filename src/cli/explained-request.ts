import { mergePolicies, type PolicySpec } from '../policies/policy-list.ts'
import { type ExplainedRequest, type Explanation, explainRequest } from '../routing/explain.ts'
import { announcedRequest } from '../routing/preflight.ts'
import type { RouteSpec } from '../routing/spec.ts'

/** A policy of a route, and where it is written: in the settings of the router, or in those of the route. */
export interface ExplainedPolicy {
  readonly name: string
  readonly from: 'router' | 'route'
  /** As they are written. */
  readonly options: unknown
}

/** The way of a request, with the policies that it meets. */
export interface Explained extends Explanation {
  /** In order; of the route that matches. */
  readonly policies: readonly ExplainedPolicy[]
  /** Of a preflight that the router answers: the method that it asks about, and all the rest is of that request. */
  readonly preflightFor: string | undefined
}

/** @param defaults the policies of the router */
export function explain(
  specs: readonly RouteSpec[],
  defaults: readonly PolicySpec[],
  request: ExplainedRequest,
): Explained {
  const announced = request.kind === 'http' ? announcedRequest(request) : undefined
  if (announced !== undefined) {
    const explained = withPolicies(explainRequest(specs, { ...request, ...announced }), defaults)
    if (explained.policies.some(({ name }) => name === 'cors')) return { ...explained, preflightFor: announced.method }
  }
  return { ...withPolicies(explainRequest(specs, request), defaults), preflightFor: undefined }
}

function withPolicies(explanation: Explanation, defaults: readonly PolicySpec[]) {
  const own = explanation.winner?.policies
  const merged = own === undefined ? [] : mergePolicies(defaults, own)
  const policies = merged.map(
    (policy): ExplainedPolicy => ({
      name: policy.kind,
      from: own?.includes(policy) ? 'route' : 'router',
      options: policy.options,
    }),
  )
  return { ...explanation, policies }
}
