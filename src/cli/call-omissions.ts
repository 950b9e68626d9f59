import { mergePolicies, type PolicySpec } from '../policies/policy-list.ts'
import type { RouteSpec } from '../routing/spec.ts'

/** Those that give a request the identity which its backend may ask for. */
const AUTHENTICATING: ReadonlySet<string> = new Set(['apiKey', 'authService', 'clientCertificate', 'jwt'])

/**
 * What a call may fail for since it is no router: it asks nobody for a credential, and knows no claims or workspaces.
 * Undefined where the route does without all of that.
 * @param defaults the policies of the router
 */
export function describeOmissions(
  { name, subject, params, policies }: RouteSpec,
  defaults: readonly PolicySpec[],
): string | undefined {
  const kinds = mergePolicies(defaults, policies).map(({ kind }) => kind)
  const values = Object.values(params)
  const omitted = new Set(kinds.filter((kind) => AUTHENTICATING.has(kind)))
  if (subject.includes('{claims.') || values.some(({ claim }) => claim !== undefined)) omitted.add('claims')
  if (values.some(({ workspace }) => workspace === true)) omitted.add('workspaces')
  if (omitted.size === 0) return undefined
  return `route ${name} has ${[...omitted].join(', ')}, which call leaves out: send the request to a router, with curl say`
}
