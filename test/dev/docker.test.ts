import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { VERBS } from '../../src/cli/index.ts'
import { loadConfig } from '../../src/config/load.ts'

interface Service {
  readonly image?: string
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

const verbs = VERBS.map(({ name }) => name)

describe('Dockerfile', () => {
  const instructions = readInstructions(readFileSync('docker/Dockerfile', 'utf8'))
  const argumentsOf = (name: string) => instructions.filter(([first]) => first === name).map(([, rest]) => rest)

  test('copies only what is there and is not left out of the context', () => {
    const context = readFileSync('docker/Dockerfile.dockerignore', 'utf8').split('\n')
    const sources = argumentsOf('COPY')
      .map((rest) => rest.split(' '))
      .filter(([first]) => !first?.startsWith('--from='))
      .flatMap((words) => words.slice(0, -1))
    assert.ok(sources.includes('src'))
    assert.deepEqual(
      sources.filter((source) => !existsSync(source) || !context.includes(`!${source}`)),
      [],
    )
  })

  test('copies between stages that exist', () => {
    const stages = argumentsOf('FROM').map((rest) => rest.split(' AS ')[1])
    const used = argumentsOf('COPY').flatMap((rest) => /^--from=(\S+)/.exec(rest)?.[1] ?? [])
    assert.deepEqual(
      used.filter((stage) => !stages.includes(stage)),
      [],
    )
  })

  test('runs a real verb, not as root, and asks for its health', () => {
    assert.deepEqual(argumentsOf('ENTRYPOINT'), ['["node", "dist/main.js"]'])
    assert.ok(verbs.includes(JSON.parse(argumentsOf('CMD')[0]!)[0]))
    assert.deepEqual(argumentsOf('USER'), ['node'])
    assert.match(argumentsOf('HEALTHCHECK')[0]!, /:9090\/healthz/)
  })
})

describe('compose.yaml', () => {
  const { services }: { services: Readonly<Record<string, Service>> } = parse(
    readFileSync('docker/compose.yaml', 'utf8'),
  )

  test('builds and mounts what is there', () => {
    for (const { build, volumes = [] } of Object.values(services)) {
      if (build) assert.ok(existsSync(join('docker', build.context, build.dockerfile)))
      for (const source of volumes.map((volume) => volume.split(':')[0]!)) {
        if (source.startsWith('.')) assert.ok(existsSync(join('docker', source)), source)
      }
    }
  })

  test('waits only for services that it has', () => {
    const awaited = Object.values(services).flatMap((service) => Object.keys(service.depends_on ?? {}))
    assert.deepEqual(
      awaited.filter((name) => !(name in services)),
      [],
    )
  })

  test('runs real verbs, and programs that the build makes', () => {
    for (const [name, { image, command = [], entrypoint }] of Object.entries(services)) {
      if (image !== 'engine-router') continue
      if (entrypoint) {
        const program = entrypoint[1]!.replace(/^dist\//, 'src/').replace(/\.js$/, '.ts')
        assert.ok(existsSync(program), `${name}: ${program}`)
      } else {
        assert.ok(verbs.includes(command[0]!) || verbs.includes(command.slice(0, 2).join(' ')), `${name}: ${command}`)
      }
    }
  })

  test('gives the router settings that it accepts', async () => {
    const config = await loadConfig({ flags: { config: 'docker/router.yaml' }, env: {}, cwd: process.cwd() })
    assert.equal(config.listen.admin.host, '0.0.0.0')
  })
})

/** Each instruction and its arguments; continued lines joined, comments left out. */
function readInstructions(text: string): [name: string, rest: string][] {
  return text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const space = line.indexOf(' ')
      return [line.slice(0, space), line.slice(space + 1)]
    })
}
