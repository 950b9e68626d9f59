import type { HeaderList } from './exchange.ts'

/** Of a header field that comes twice, the first. @param name in lower case */
export function firstValue(list: HeaderList, name: string): string | undefined {
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return list[i + 1]
  return undefined
}
