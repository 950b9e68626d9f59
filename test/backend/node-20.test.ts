/** The backend SDK as it is published, on the oldest Node that it promises. */
import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { connect } from 'nats'
import { natsUrl } from '../support/nats.ts'
import { openExchange } from '../support/sx-router.ts'

const root = join(import.meta.dirname, '../..')
const node20 = findNode20()
const SUBJECT = `node-20-${process.pid}`

const BACKEND = `
import { serve } from './dist/backend/index.js'
const service = await serve({ nats: { servers: process.env.NATS_URL }, name: 'node-20', version: '1.0.0' })
service.fetch('${SUBJECT}.fetch', async (request) => new Response(await request.text(), { status: 201 }))
service.exchange('${SUBJECT}.echo', async (x) => { for await (const { data } of x) await x.send(data) })
await service.flush()
process.once('SIGTERM', () => service.drain())
console.log(process.version)
`

test('the backend SDK serves on Node 20', {
  skip: node20 === undefined && 'no Node 20 on the PATH',
  timeout: 60_000,
}, async (t) => {
  const url = await natsUrl()
  const dir = await mkdtemp(join(tmpdir(), 'node-20-'))
  t.after(() => rm(dir, { recursive: true }))
  await build(dir)
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'))
  await writeFile(join(dir, 'backend.mjs'), BACKEND)
  const backend = spawn(node20!, [join(dir, 'backend.mjs')], {
    env: { ...process.env, NATS_URL: url, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => backend.kill('SIGKILL'))
  const router = await connect({ servers: url })
  t.after(() => router.close())
  assert.match(String((await once(backend.stdout!, 'data'))[0]), /^v20\./)

  const fetched = openExchange(router, `${SUBJECT}.fetch`, { payload: 'hello' })
  await fetched.whole()
  assert.deepEqual([fetched.status, fetched.text], [201, 'hello'])

  const echoed = openExchange(router, `${SUBJECT}.echo`, { more: true })
  for (let i = 0; i < 10; i++) await echoed.send('x'.repeat(100_000))
  await echoed.end()
  await echoed.whole()
  assert.equal(echoed.text.length, 1_000_000)

  backend.kill('SIGTERM')
  assert.deepEqual(await once(backend, 'exit'), [0, null])
})

/** Of the SDK alone. */
async function build(dir: string): Promise<void> {
  const config = {
    extends: join(root, 'tsconfig.build.json'),
    compilerOptions: {
      outDir: join(dir, 'dist'),
      rootDir: join(root, 'src'),
      typeRoots: [join(root, 'node_modules/@types')],
    },
    files: [join(root, 'src/backend/index.ts')],
    include: [],
  }
  await writeFile(join(dir, 'tsconfig.json'), JSON.stringify(config))
  await writeFile(join(dir, 'package.json'), '{"type":"module"}')
  await promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', dir])
}

function findNode20(): string | undefined {
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(dir, 'node')
    if (!dir.includes('node_modules') && isExecutable(path) && versionOf(path).startsWith('v20.')) return path
  }
  return undefined
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // It is not there, or not ours to run.
    return false
  }
}

function versionOf(node: string): string {
  return execFileSync(node, ['--version'], { encoding: 'utf8' })
}
