/**
 * Behind `npm test` and `npm run soak`: one nats-server and one Postgres for all test files, node's own test runner over
 * them, and its exit code. Files and flags of `node --test` on the command line are handed on:
 *
 *   npm test                                     all of test/
 *   npm test -- test/routing/*.test.ts           some files
 *   npm test -- --test-name-pattern='subject'    some tests
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { startNats } from './support/nats.ts'
import { startPostgres } from './support/postgres.ts'

/** Of one test, and of one file: a file that leaks a handle does not end, and is failed by this. */
const TEST_TIMEOUT_MS = 120_000
const SOAK_TIMEOUT_MS = 30 * 60_000
/** Files at a time, next to the servers: fits two cores. */
const CONCURRENCY = 2

const argv = process.argv.slice(2)
const soak = argv.includes('--soak')
const handedOn = argv.filter((argument) => argument !== '--soak')
const isFile = (argument: string) => !argument.startsWith('-')

const [nats, postgres] = await Promise.all([startNats(), startPostgres()])
try {
  const child = spawn(
    process.execPath,
    [
      '--test',
      '--test-reporter=spec',
      `--test-concurrency=${soak ? 1 : CONCURRENCY}`,
      `--test-timeout=${soak ? SOAK_TIMEOUT_MS : TEST_TIMEOUT_MS}`,
      ...handedOn,
      ...(handedOn.some(isFile) ? [] : [soak ? 'test/**/*.soak.ts' : 'test/**/*.test.ts']),
    ],
    { stdio: 'inherit', env: { ...process.env, TEST_NATS_URL: nats.url, TEST_DATABASE_URL: postgres.url } },
  )
  process.exitCode = await exitCodeOf(child)
} finally {
  await Promise.all([nats.stop(), postgres.close()])
}

/** Waits for the tests through Ctrl-C too, so that the servers go last. */
async function exitCodeOf(child: ChildProcess): Promise<number> {
  const forward = (signal: NodeJS.Signals) => child.kill(signal)
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, forward)
  const [code] = (await once(child, 'exit')) as [number | null]
  for (const signal of signals) process.off(signal, forward)
  return code ?? 1
}
