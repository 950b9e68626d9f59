import type { HeaderList } from '../exchange/exchange.ts'
import { isNamed } from '../exchange/header-list.ts'

/**
 * The backend's header fields with those of policies, which stand in place of its own of the same name; but a response
 * may vary by what the backend says and by more.
 */
export function withPolicyFields(fields: HeaderList, fromPolicies: HeaderList | undefined): HeaderList {
  if (fromPolicies === undefined) return fields
  const merged: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (name === 'vary' || !isNamed(fromPolicies, name)) merged.push(name, fields[i + 1]!)
  }
  merged.push(...fromPolicies)
  return merged
}
