import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { needs } from './needs.ts'
import { processGuard } from './process-guard.ts'

/** Where Debian keeps the sources of its golang-*-dev packages. */
const DEBIAN_GOPATH = '/usr/share/gocode'
const BUILD_MS = 120_000

export const goDirectory = join(import.meta.dirname, '../../examples/backends/go')

/** For `skip`. */
export function goMissing(): string | false {
  return needs(
    existsSync(join(DEBIAN_GOPATH, 'src/github.com/nats-io/nats.go')) && spawnSync('go', ['version']).status === 0,
    'golang-go and golang-github-nats-io-go-nats-dev are not installed',
  )
}

/** Runs the go tool in the directory of the example, on Debian's packages: nothing is downloaded. */
export function go(...args: string[]) {
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: DEBIAN_GOPATH, GOFLAGS: '' }
  return promisify(execFile)('go', args, { cwd: goDirectory, env, timeout: BUILD_MS })
}

let built: Promise<string> | undefined

/** The program of the example, built once for this process, and removed as it ends. */
export function buildGoBackend(): Promise<string> {
  built ??= build()
  return built
}

async function build(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'go-backend-'))
  processGuard().removeAtEnd(directory)
  const program = join(directory, 'backend')
  await go('build', '-o', program, '.')
  return program
}
