/** `; got 5`: the end of a message about a value. Empty where there was none. */
export function got(input: unknown): string {
  if (input === undefined) return ''
  if (input === null) return '; got nothing'
  if (Array.isArray(input)) return '; got a list'
  if (typeof input === 'object') return '; got a mapping'
  const text = JSON.stringify(input)
  return `; got ${text.length > 60 ? `${text.slice(0, 57)}...` : text}`
}
