import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { loadUws } from '../adapters/native.ts'
import type { RouterConfig } from '../config/router-config.ts'
import { type Finding, fail, ok, warn } from './doctor-finding.ts'

const MIN_NODE_VERSION = 22
/** Beside client connections: NATS, Postgres, listeners, files. */
const SPARE_DESCRIPTORS = 100
/** Nothing is served here: any size will do. */
const HEAD_BYTES = 16 * 1024
const SHELL_TIMEOUT_MS = 2000

/** Node, the native HTTP server, and what the system lets one process have. */
export async function checkMachine(config: RouterConfig | undefined): Promise<Finding[]> {
  return [checkNode(process.versions.node), await checkHttpServer(), await checkDescriptors(config)]
}

function checkNode(version: string): Finding {
  if (Number(version.split('.', 1)[0]) >= MIN_NODE_VERSION) return ok('node', version)
  return fail('node', version, `use Node ${MIN_NODE_VERSION} or later: npm scripts of this package bring it along`)
}

async function checkHttpServer(): Promise<Finding> {
  try {
    await loadUws(HEAD_BYTES)
    return ok('http server', 'uWebSockets.js loads')
  } catch (error) {
    const detail = `uWebSockets.js does not load: ${error instanceof Error ? error.message : String(error)}`
    return fail('http server', detail, 'run npm ci with the Node that runs the router; it needs glibc, not musl')
  }
}

async function checkDescriptors(config: RouterConfig | undefined): Promise<Finding> {
  const limit = await openFilesLimit()
  if (limit === undefined) return ok('open files', 'no limit')
  const wanted = (config?.limits.connections ?? 0) + SPARE_DESCRIPTORS
  if (limit >= wanted) return ok('open files', `at most ${limit}`)
  return warn(
    'open files',
    `at most ${limit}, fewer than limits.connections needs (${wanted})`,
    'raise the limit (ulimit -n, LimitNOFILE=), or lower limits.connections',
  )
}

/** The limit of this process, asked of a child, which inherits it; undefined if there is none. */
async function openFilesLimit(): Promise<number | undefined> {
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', 'ulimit -n'], { timeout: SHELL_TIMEOUT_MS })
  const limit = Number(stdout)
  return Number.isFinite(limit) ? limit : undefined
}
