import fc from 'fast-check'

/** Changes bytes that some parser knows into ones that it may not. */
export interface Mutation {
  readonly kind: 'replace' | 'insert' | 'delete' | 'repeat'
  /** Where, as a part of the whole. */
  readonly at: number
  /** How many bytes are deleted or said again. */
  readonly length: number
  readonly bytes: Uint8Array
}

const part = fc.double({ min: 0, max: 1, noNaN: true })

/** @param sharp what is worth being put in, for the parser in question */
export function arbitraryMutations(sharp: readonly string[]): fc.Arbitrary<readonly Mutation[]> {
  const bytes = fc.oneof(
    fc.constantFrom(...sharp).map((text) => Uint8Array.from(Buffer.from(text, 'latin1'))),
    fc.uint8Array({ minLength: 1, maxLength: 3 }),
  )
  const mutation = fc.record({
    kind: fc.constantFrom('replace' as const, 'insert' as const, 'delete' as const, 'repeat' as const),
    at: part,
    length: fc.oneof(fc.nat(4), fc.nat(200)),
    bytes,
  })
  return fc.array(mutation, { maxLength: 5 })
}

export function mutate(original: Uint8Array, mutations: readonly Mutation[]): Buffer {
  let bytes = Buffer.from(original)
  for (const { kind, at, length, bytes: put } of mutations) {
    const from = Math.floor(at * bytes.length)
    const before = bytes.subarray(0, from)
    if (kind === 'insert') bytes = Buffer.concat([before, put, bytes.subarray(from)])
    else if (kind === 'replace') bytes = Buffer.concat([before, put, bytes.subarray(from + put.length)])
    else if (kind === 'delete') bytes = Buffer.concat([before, bytes.subarray(from + length)])
    else bytes = Buffer.concat([before, bytes.subarray(from, from + length), bytes.subarray(from)])
  }
  return bytes
}
