import { UsageError, type VerbArgs } from './verb.ts'

/** The fields of `-H "name: value"`: each name, in lower case, and its value after it. */
export function readHeaders(option: VerbArgs['options'][string]): string[] {
  return (Array.isArray(option) ? option : []).flatMap((field: string) => {
    const colon = field.indexOf(':')
    if (colon < 1) throw new UsageError(`-H "${field}" is not a header: write -H "name: value"`)
    return [field.slice(0, colon).trim().toLowerCase(), field.slice(colon + 1).trim()]
  })
}
