/** The subjects that a route's template may become, as a pattern: a parameter is one token, the rest any number. */
export function templatePattern(template: string): string {
  // A rest is mostly the last token; in the middle of a subject there is no wildcard for it, and `>` says too much.
  return template.replace(/\{[^{}]*\.\.\.\}.*$/, '>').replace(/\{[^{}]*\}/g, '*')
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
