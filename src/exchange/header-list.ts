/** What is asked of header fields: names are in lower case, in the list and in the question. */
import type { HeaderList } from './exchange.ts'

/**
 * Whether a field of that name is there.
 * @param length how much of the list to look at: names and values, counted together
 */
export function isNamed(list: HeaderList, name: string, length = list.length): boolean {
  for (let i = 0; i < length; i += 2) if (list[i] === name) return true
  return false
}

/** Of a field that is there twice, the first. */
export function firstValue(list: HeaderList, name: string): string | undefined {
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return list[i + 1]
  return undefined
}

/** The fields without those of these names; the same list if none is there. */
export function withoutFields(list: HeaderList, names: ReadonlySet<string>): HeaderList {
  for (let i = 0; i < list.length; i += 2) {
    if (names.has(list[i]!)) return list.filter((_, at) => !names.has(list[at - (at % 2)]!))
  }
  return list
}
