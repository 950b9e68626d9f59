/** What is known of a client beside who it is; of a token, what that says. */
export type Claims = Readonly<Record<string, unknown>>

/** The claim of that name; else names with dots between lead into objects. Undefined if there is none. */
export function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  let value: unknown = claims
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Claims)[name]
  }
  return value
}
