import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { BenchReport } from '../../src/bench/report.ts'

/** `engine-router bench` from the sources, with what it prints. */
export async function runBench(t: TestContext, ...flags: string[]): Promise<string> {
  const main = join(import.meta.dirname, '../../src/main.ts')
  const child = spawn(process.execPath, [main, 'bench', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGINT'))
  let output = ''
  let progress = ''
  child.stdout.on('data', (data) => {
    output += data
  })
  child.stderr.on('data', (data) => {
    progress += data
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`bench ended with ${code}:\n${progress}`)
  return output
}

export async function benchReport(t: TestContext, ...flags: string[]): Promise<BenchReport> {
  return JSON.parse(await runBench(t, '--json', ...flags)) as BenchReport
}
