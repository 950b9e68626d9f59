import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseAllDocuments,
  visit,
} from 'yaml'
import { withYamlAdvice } from './yaml-advice.ts'

/** The way to a value in a document: keys of mappings and indices of lists. */
export type Path = readonly (string | number)[]

/** Both from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Something wrong with the YAML itself. */
export interface YamlFault {
  readonly place: Place
  readonly path: Path
  readonly message: string
}

export interface YamlDocument {
  /** Plain data; null for an empty document; undefined if the faults leave no value worth a look. */
  readonly value: unknown
  readonly faults: readonly YamlFault[]
  /** Where a value is. For a block, or for what is missing: where the nearest key above it is. */
  placeOf(path: Path): Place
  /** Where the key is that ends the path. */
  placeOfKey(path: Path): Place
}

/** A file that people write has few aliases; a bomb needs many. */
const MAX_ALIASES = 100

/** Parses one document of YAML 1.2, core schema. Does not throw: what is wrong is in `faults`. */
export function parseYaml(text: string): YamlDocument {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false })
  const [first, second] = documents
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const faultAt = (offset: number, path: Path, message: string): YamlFault => ({
    place: placeAt(offset),
    path,
    message,
  })
  const places = {
    placeOf: (path: Path) => placeAt(findOffset(first, path, 'value')),
    placeOfKey: (path: Path) => placeAt(findOffset(first, path, 'key')),
  }
  if (first === undefined) return { value: null, faults: [], ...places }

  const faults: YamlFault[] = []
  const offsets = new Set<number>()
  for (const { pos, message } of [...first.errors, ...first.warnings]) {
    const offset = openQuoteBefore(first, pos[0], message)
    // The first word on a place is on the mistake, and what comes after it on what follows from that.
    if (!offsets.has(offset)) faults.push(faultAt(offset, [], withYamlAdvice(message)))
    offsets.add(offset)
  }
  if (second !== undefined) faults.push(faultAt(second.range[0], [], 'a second document begins; only one is allowed'))
  if (faults.length > 0) return { value: undefined, faults, ...places }

  const nodes: NodeFault[] = []
  inspect(first, first.contents, [], nodes)
  for (const { offset, path, message } of nodes) faults.push(faultAt(offset, path, message))
  // A key that is there twice leaves a value: the rest of the document can still be checked.
  if (nodes.some(({ fatal }) => fatal)) return { value: undefined, faults, ...places }
  try {
    return { value: first.toJS({ maxAliasCount: MAX_ALIASES }), faults, ...places }
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error
    return {
      value: undefined,
      faults: [...faults, faultAt(0, [], 'too many aliases: write the values out')],
      ...places,
    }
  }
}

/** A quote that is not closed shows at the end of the text; the mistake is where it begins. */
function openQuoteBefore(document: Document, offset: number, message: string): number {
  if (!message.startsWith('Missing closing')) return offset
  let start = offset
  visit(document, {
    Scalar(_key, { type, range }) {
      if (type?.startsWith('QUOTE') && range && range[0] < offset && range[1] >= offset) start = range[0]
    },
  })
  return start
}

interface NodeFault {
  readonly offset: number
  readonly path: Path
  readonly message: string
  readonly fatal: boolean
}

/** Finds what parses well but has no clear meaning. */
function inspect(document: Document, node: unknown, path: Path, faults: NodeFault[]): void {
  if (isAlias(node) && node.resolve(document) === undefined) {
    const message = `*${node.source} refers to no anchor above it; text that begins with * needs quotes`
    faults.push({ offset: startOf(node), path, message, fatal: true })
  }
  if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) inspect(document, item, [...path, index], faults)
  }
  if (!isMap(node)) return
  const seen = new Set<string>()
  for (const { key, value } of node.items) {
    if (!isScalar(key)) {
      faults.push({ offset: startOf(key), path, message: 'a key must be plain text', fatal: true })
      continue
    }
    const name = String(key.value)
    const keyPath = [...path, name]
    if (seen.has(name)) {
      faults.push({ offset: startOf(key), path: keyPath, message: 'the key is there twice', fatal: false })
    }
    seen.add(name)
    inspect(document, value, keyPath, faults)
  }
}

function findOffset(document: Document | undefined, path: Path, wanted: 'key' | 'value'): number {
  let node: unknown = document?.contents
  let key: unknown
  for (const segment of path) {
    if (isAlias(node) && document !== undefined) node = node.resolve(document)
    if (isSeq(node) && node.items[Number(segment)] !== undefined) {
      node = node.items[Number(segment)]
      key = undefined
    } else {
      const pair = isMap(node) ? findPair(node.items, segment) : undefined
      // Missing: the key above is the nearest place, or, in a list, the entry.
      if (pair === undefined) return startOf(key ?? node)
      key = pair.key
      node = pair.value
    }
  }
  const isBlock = (isMap(node) || isSeq(node)) && !node.flow
  return startOf(key !== undefined && (wanted === 'key' || isBlock || !isNode(node)) ? key : node)
}

function findPair(items: readonly Pair[], segment: string | number): Pair | undefined {
  // The last of two with the same key is the one whose value counts.
  return items.findLast(({ key }) => isScalar(key) && String(key.value) === String(segment))
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0
}
