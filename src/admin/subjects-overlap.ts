/**
 * The subjects that a route's template may become, as a pattern: a parameter is one token, the rest of the path any number.
 * @param path of the route, which says what is a rest
 */
export function templatePattern(template: string, path = ''): string {
  const rest = /\{(\w+)\.\.\.\}$/.exec(path)?.[1]
  const tokens: string[] = []
  for (const token of template.split(/\.(?![^{}]*\})/)) {
    const name = /^\{(.*?)(?:\.\.\.)?\}$/.exec(token)?.[1]
    // Mostly the last token; in the middle of a subject there is no wildcard for it, and `>` says too much.
    if (name !== undefined && name === rest) return [...tokens, '>'].join('.')
    tokens.push(name === undefined ? token : '*')
  }
  return tokens.join('.')
}

/** Whether there is a subject that both patterns take. */
export function subjectsOverlap(one: string, other: string): boolean {
  const left = one.split('.')
  const right = other.split('.')
  for (let i = 0; ; i++) {
    const a = left[i]
    const b = right[i]
    if (a === undefined || b === undefined) return a === b
    if (a === '>' || b === '>') return true
    if (a !== b && a !== '*' && b !== '*') return false
  }
}
