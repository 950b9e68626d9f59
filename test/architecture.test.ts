import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { describe, test } from 'node:test'

/**
 * What each room may import of the others: rooms, folders or single files. docs/architecture.md says why. Files outside
 * these rooms (main.ts, app.ts, cli, dev, bench) compose the rest and may import all of it.
 */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  exchange: [],
  wire: ['exchange'],
  schema: ['exchange'],
  routing: ['exchange', 'schema', 'policies/policy-list.ts'],
  policies: ['exchange', 'schema'],
  nats: ['exchange', 'wire'],
  adapters: ['exchange'],
  store: ['exchange', 'routing'],
  telemetry: ['exchange'],
  admin: ['exchange', 'routing', 'telemetry'],
  config: ['exchange', 'schema', 'policies/policy-list.ts', 'routing/spec.ts', 'routing/check.ts', 'routing/parse.ts'],
  backend: [
    'exchange',
    'wire',
    ...['connect-failure', 'encoded-headers', 'inbox', 'late-frames', 'tls', 'user-info'].map((of) => `nats/${of}.ts`),
  ],
  client: ['adapters/framing'],
}

/**
 * Who may import a package. One that is not listed is nobody's: add it here with its room. What composes may import types
 * of any: those are erased, and a connection that it is handed has one.
 */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  nats: ['nats', 'backend', 'dev/demo-backend.ts', 'bench', 'cli/bench.ts'],
  'uWebSockets.js': ['adapters', 'bench'],
  pg: ['store'],
  kysely: ['store'],
  pino: ['telemetry'],
  '@opentelemetry/api': ['telemetry', 'backend'],
  '@opentelemetry/core': ['telemetry/otlp-export.ts'],
  '@opentelemetry/resources': ['telemetry/otlp-export.ts'],
  '@opentelemetry/otlp-exporter-base': ['telemetry/otlp-export.ts'],
  zod: ['schema', 'routing', 'config', 'policies'],
  jose: ['policies'],
  yaml: ['config', 'dev'],
  fastify: ['bench'],
  ws: ['bench'],
}

describe('architecture', () => {
  const files = globSync('src/**/*.ts').map((path) => path.replaceAll('\\', '/').slice('src/'.length))

  test('every file of src imports only what its room may', () => {
    assert.ok(files.length > 0)
    const found = files.flatMap((file) =>
      importsOf(readFileSync(`src/${file}`, 'utf8')).flatMap(
        (found) => violation(file, found.specifier, found.typeOnly) ?? [],
      ),
    )
    assert.deepEqual(found, [])
  })

  test('every folder of src has a row in the table or composes', () => {
    const composing = ['cli', 'dev', 'bench']
    const folders = new Set(files.filter((file) => file.includes('/')).map(roomOf))
    assert.deepEqual(
      [...folders].filter((folder) => !(folder in ROOMS) && !composing.includes(folder)),
      [],
    )
  })

  test('finds imports in each of their forms', () => {
    const text = [
      "import type { A } from './a.ts'",
      "import {\n  b,\n} from '../b.ts'",
      "export * from './c.ts'",
      "import './d.ts'",
      "const e = await import('./e.ts')",
      "export type E = { readonly e: 'e' }",
      "import { e2 } from './e2.ts'",
      "// import f from './f.ts'",
    ].join('\n')
    assert.deepEqual(
      importsOf(text).map(({ specifier, typeOnly }) => (typeOnly ? `type ${specifier}` : specifier)),
      ['type ./a.ts', '../b.ts', './c.ts', './d.ts', './e.ts', './e2.ts'],
    )
  })

  test('tells what a room may import from what it may not', () => {
    assert.equal(violation('nats/transport.ts', '../wire/open.ts'), undefined)
    assert.equal(violation('nats/transport.ts', './inbox.ts'), undefined)
    assert.equal(violation('app.ts', './store/database.ts'), undefined)
    assert.equal(violation('adapters/http/server.ts', 'uWebSockets.js'), undefined)
    assert.equal(violation('exchange/route.ts', 'node:crypto'), undefined)
    assert.equal(violation('cli/doctor.ts', 'nats', true), undefined)
    assert.match(violation('cli/doctor.ts', 'nats') ?? '', /may import the package nats/)
    assert.match(violation('admin/server.ts', 'nats', true) ?? '', /may import the package nats/)
    assert.match(violation('exchange/route.ts', '../routing/table.ts') ?? '', /exchange may not import routing/)
    assert.match(violation('adapters/http/server.ts', '../../store/database.ts') ?? '', /may not import store/)
    assert.match(violation('adapters/http/server.ts', '../../app.ts') ?? '', /may not import app\.ts/)
    assert.match(violation('config/load.ts', '../routing/table.ts') ?? '', /may not import routing\/table\.ts/)
    assert.match(violation('admin/health.ts', 'nats') ?? '', /only .* may import the package nats/)
    assert.match(violation('store/database.ts', 'left-pad') ?? '', /left-pad/)
  })
})

interface Import {
  readonly specifier: string
  /** `import type`, which is erased. */
  readonly typeOnly: boolean
}

/** The imports of a file, static and dynamic; comment lines do not count. */
function importsOf(text: string): Import[] {
  const code = text.replaceAll(/^\s*(?:\/\/|\*|\/\*).*$/gm, '')
  const pattern = /(?:^(?:import|export)(\s+type\b)?[^'`;=(]*?\bfrom|^import|\bimport\()\s*'([^']+)'/gm
  return [...code.matchAll(pattern)].map((match) => ({ specifier: match[2]!, typeOnly: match[1] !== undefined }))
}

/** What is wrong with this import, undefined if nothing is. */
function violation(file: string, specifier: string, typeOnly = false): string | undefined {
  if (specifier.startsWith('node:')) return undefined
  if (!specifier.startsWith('.')) {
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
    const owners = PACKAGES[name] ?? []
    if (owners.some((owner) => isWithin(file, owner))) return undefined
    if (typeOnly && name in PACKAGES && !(roomOf(file) in ROOMS)) return undefined
    return `${file}: only ${owners.join(', ') || 'a room listed here'} may import the package ${name}`
  }
  const room = roomOf(file)
  const allowed = ROOMS[room]
  if (!allowed) return undefined
  const target = posix.join(posix.dirname(file), specifier)
  if ([room, ...allowed].some((place) => isWithin(target, place))) return undefined
  return `${file}: ${room} may not import ${target}`
}

function roomOf(file: string): string {
  return file.split('/')[0]!
}

function isWithin(file: string, place: string): boolean {
  return file === place || file.startsWith(`${place}/`)
}
