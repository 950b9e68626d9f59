import type { HeaderList } from '../exchange/exchange.ts'

/** The fields without those of these names, in lower case; the same list if none is there. */
export function withoutFields(list: HeaderList, names: ReadonlySet<string>): HeaderList {
  for (let i = 0; i < list.length; i += 2) {
    if (names.has(list[i]!)) return list.filter((_, at) => !names.has(list[at - (at % 2)]!))
  }
  return list
}
