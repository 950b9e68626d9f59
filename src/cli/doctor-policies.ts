import { resolve } from 'node:path'
import { fileFault, filesOf } from '../policies/policy-files.ts'
import { mergePolicies, type PolicySpec } from '../policies/policy-list.ts'
import type { RouteSpec } from '../routing/spec.ts'
import { type Finding, ok, warn } from './doctor-finding.ts'

/**
 * Whether the files are there that the policies of routes read. Nothing to say where they read none.
 * @param defaults the router's own policies
 * @param cwd where relative paths start from
 */
export async function checkPolicyFiles(
  routes: readonly Pick<RouteSpec, 'name' | 'policies'>[],
  defaults: readonly PolicySpec[],
  cwd: string,
): Promise<Finding[]> {
  const check = 'policy files'
  /** What needs a file, by its path: one route and policy of perhaps many. */
  const needs = new Map<string, string>()
  for (const { name, policies } of routes) {
    for (const spec of mergePolicies(defaults, policies)) {
      for (const file of filesOf(spec)) needs.set(resolve(cwd, file), `${spec.kind} of route ${name}`)
    }
  }
  if (needs.size === 0) return []
  const faults = await Promise.all(
    [...needs].map(async ([path, by]) => {
      const fault = await fileFault(path)
      return fault === undefined ? [] : [`${path}, for ${by}, ${fault}`]
    }),
  )
  const lines = faults.flat()
  if (lines.length === 0) return [ok(check, `${needs.size} can be read`)]
  const advice =
    'put it where the router runs, or correct the path, which starts from where the router is started: until then nobody gets in by the policy'
  return [warn(check, lines.join('\n'), advice)]
}
