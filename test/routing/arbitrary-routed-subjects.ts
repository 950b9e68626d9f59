/** Routes whose subjects take values from everywhere, and requests for them in which any value may be hostile. */
import fc from 'fast-check'
import type { RouteDocument } from '../../src/routing/spec.ts'
import { hostileSegment } from './arbitrary-subjects.ts'

export const WORKSPACE = { id: '0f0e0d0c-0b0a-4908-8706-050403020100', name: 'acme' }

/** Where a token of a subject comes from. `sub` is the claim of that name, which needs no entry in `params`. */
export type Source = 'literal' | 'path' | 'rest' | 'header' | 'query' | 'host' | 'claim' | 'sub' | 'workspace'

/** One value of a request, and where it is put. */
interface Slot {
  readonly source: Source
  readonly from: 'template' | 'path' | 'header' | 'query' | 'host' | 'claim'
  /** As sent: percent-encoded in the path and the query. Of a rest, its segments; else one, unless it is missing or twice. */
  readonly values: readonly unknown[]
}

/** A token of the template. */
export interface RoutedToken {
  readonly source: Source
  readonly text: string
  /** What it becomes, if the subject becomes anything; undefined: it has no one value, so that nothing may come of it. */
  readonly expected: readonly string[] | undefined
}

export interface RoutedSubject {
  readonly document: RouteDocument
  readonly tokens: readonly RoutedToken[]
  readonly host: string
  readonly path: string
  readonly query: string
  readonly headers: readonly string[]
  /** Undefined: the client has no credential. */
  readonly claims: Readonly<Record<string, unknown>> | undefined
}

// What somebody may put anywhere, not percent-encoded.
const SPACES = ['', ' ', 'a b', '\t', '\r\n', '\0', 'a\u007f', '\u0085', '\u00a0', '\u2028', '\u3000', '\ufeff']
const SEPARATORS = ['.', 'a.b', '..', '*', '>', 'a.>', '\ufffd', '\ud800', 'a\udfff']
const NAMES = [
  '{v0}',
  '{claims.sub}',
  '{v0=a}',
  '$&',
  '$SYS',
  '$JS',
  '$',
  '_INBOX',
  '_INBOX.x',
  '%2e',
  '%00',
  '%',
  '__proto__',
]
const hostileText = fc.oneof(
  fc.constantFrom(...SPACES, ...SEPARATORS, ...NAMES),
  fc.string({ maxLength: 8 }),
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('x'.repeat(513), 'é'.repeat(200), '🐈'.repeat(129)),
)
const sane = fc.constantFrom('a', 'eu', '7', 'Ä', '🐈', 'x-y_z', 'x'.repeat(40))

/** The second seldom, as one value that is hostile ends it all. */
function mostly<T, U>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<U>): fc.Arbitrary<T | U> {
  return fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: odd })
}

/** Of a field that ought to be there once. */
function once<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  const usual: fc.Arbitrary<T[]> = fc.tuple(value)
  return mostly(usual, fc.oneof(fc.constant<T[]>([]), fc.tuple(value, value)))
}

const text = mostly(sane, hostileText)
const segment = mostly(sane.map(encodeURIComponent), hostileSegment)
const claim = mostly<unknown, unknown>(
  mostly(text, fc.constantFrom(7, -1, Number.MAX_SAFE_INTEGER)),
  fc.constantFrom(1.5, 2 ** 60, true, null, {}, ['a']),
)
const workspace = mostly(
  fc.constantFrom(WORKSPACE.id, WORKSPACE.id.toUpperCase(), WORKSPACE.name),
  fc.oneof(sane, hostileText, fc.constant(WORKSPACE.id.replace('0f', '1f'))),
)
const label = (value: fc.Arbitrary<string>) => value.map((text) => text.replaceAll('.', ''))

function slotOf(source: Source, from: Slot['from'], values: fc.Arbitrary<unknown[]>): fc.Arbitrary<Slot> {
  return values.map((values) => ({ source, from, values }))
}

const slot: fc.Arbitrary<Slot> = fc.oneof(
  slotOf('literal', 'template', fc.tuple(fc.constantFrom('x', 'orders', 'é', '_INBOX2'))),
  slotOf('path', 'path', fc.tuple(segment)),
  slotOf('rest', 'path', fc.array(segment, { minLength: 1, maxLength: 4 })),
  slotOf('header', 'header', once(text)),
  slotOf('query', 'query', once(segment)),
  slotOf('host', 'host', fc.tuple(label(text))),
  slotOf('claim', 'claim', once(claim)),
  slotOf('sub', 'claim', once(claim)),
  slotOf('workspace', 'path', fc.tuple(workspace.map((text) => encodeURIComponent(text.toWellFormed())))),
  slotOf('workspace', 'query', once(workspace.map((text) => encodeURIComponent(text.toWellFormed())))),
  slotOf('workspace', 'header', once(workspace)),
  slotOf('workspace', 'host', fc.tuple(label(workspace))),
  slotOf('workspace', 'claim', once(workspace)),
)

/** Any route, with a request that it matches. */
export const routedSubjects: fc.Arbitrary<RoutedSubject> = fc
  .record({
    kind: fc.constantFrom('http' as const, 'ws' as const),
    slots: fc.array(slot, { minLength: 1, maxLength: 6 }).map(withoutSecond),
    order: fc.array(fc.nat(5), { minLength: 1, maxLength: 7 }),
    hasIdentity: mostly(fc.constant(true), fc.constant(false)),
  })
  .map(({ kind, slots, order, hasIdentity }) => {
    const named = slots.map((slot, index) => ({ ...slot, name: nameOf(slot, index) }))
    const used = order.map((index) => named[index % named.length]!)
    const from = (place: Slot['from']) => named.filter((slot) => slot.from === place)
    const fieldsOf = (place: Slot['from']) =>
      from(place).flatMap(({ name, values }) => values.map((value) => [name, String(value)] as const))
    const rest = named.find(({ source }) => source === 'rest')
    const captures = from('path').filter((slot) => slot !== rest)

    const params = used
      .filter(({ source }) => source !== 'literal' && source !== 'path' && source !== 'rest' && source !== 'sub')
      .map(({ source, from: place, name }) => {
        const key = place === 'host' ? from('host').findIndex((slot) => slot.name === name) : name
        return [name, { ...(source === 'workspace' && { workspace: true }), ...(place !== 'path' && { [place]: key }) }]
      })
    return {
      document: {
        name: 'r',
        match: {
          kind,
          path: `/${['begin', ...captures.map(({ name }) => `{${name}}`), ...(rest ? ['{rest...}'] : [])].join('/')}`,
        },
        subject: used.map(textOf).join('.'),
        params: Object.fromEntries(params) as NonNullable<RouteDocument['params']>,
      },
      tokens: used.map((slot) => ({
        source: slot.source,
        text: textOf(slot),
        expected: slot.from === 'claim' && !hasIdentity ? undefined : expectedOf(slot),
      })),
      host: from('host')
        .flatMap(({ values }) => values)
        .join('.'),
      path: `/${['begin', ...captures.flatMap(({ values }) => values), ...(rest?.values ?? [])].join('/')}`,
      query: fieldsOf('query')
        .map(([name, value]) => `${name}=${value.replaceAll('&', '%26')}`)
        .join('&'),
      headers: fieldsOf('header').flat(),
      claims: hasIdentity
        ? Object.fromEntries(
            from('claim').flatMap(({ name, values }) =>
              values.length > 0 ? [[name.replace('claims.', ''), values[0]]] : [],
            ),
          )
        : undefined,
    }
  })

/** Of those of which a route has one. */
function withoutSecond(slots: readonly Slot[]): Slot[] {
  const single = ['rest', 'sub', 'workspace']
  return slots.filter(
    ({ source }, index) => !single.includes(source) || slots.findIndex((slot) => slot.source === source) === index,
  )
}

function nameOf({ source }: Slot, index: number): string {
  if (source === 'rest') return 'rest'
  return source === 'sub' ? 'claims.sub' : `v${index}`
}

function textOf({ source, name, values }: Slot & { readonly name: string }): string {
  return source === 'literal' ? String(values[0]) : `{${name}}`
}

function expectedOf({ source, from, values }: Slot): readonly string[] | undefined {
  const isEncoded = from === 'path' || from === 'query'
  const texts = (from === 'claim' ? values.slice(0, 1) : values).map((value) =>
    isEncoded ? decode(String(value)) : value,
  )
  if (source !== 'rest' && texts.length !== 1) return undefined
  const expected = texts.flatMap((value) =>
    typeof value === 'string' || Number.isSafeInteger(value) ? [String(value)] : [],
  )
  if (expected.length < texts.length) return undefined
  if (source !== 'workspace') return expected
  return [WORKSPACE.id, WORKSPACE.id.toUpperCase(), WORKSPACE.name].includes(expected[0]!) ? [WORKSPACE.id] : undefined
}

/** Undefined: it is not percent-encoded UTF-8. A plus is a space in a query, of which nothing can come in either case. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}
