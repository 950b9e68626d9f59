import { ConfigError } from '../config/config-error.ts'
import { DocumentError } from '../config/document-error.ts'
import type { RouterConfig } from '../config/router-config.ts'
import { CONFIG_OPTIONS, loadVerbConfig } from './config-options.ts'
import { checkCertificates } from './doctor-certificates.ts'
import { checkDatabase } from './doctor-database.ts'
import { type Finding, fail, ok } from './doctor-finding.ts'
import { checkMachine } from './doctor-machine.ts'
import { checkNats } from './doctor-nats.ts'
import { checkPolicyFiles } from './doctor-policies.ts'
import { alignColumns, createPaint, printJson, printLine } from './print.ts'
import type { Io, Verb, VerbArgs } from './verb.ts'

/** Of each single wait. */
const TIMEOUT_MS = 2000

const STYLES = { ok: 'green', warn: 'yellow', fail: 'red' } as const

export const verb: Verb = {
  options: { json: { type: 'boolean', description: 'Print one JSON document' }, ...CONFIG_OPTIONS },
  examples: ['engine-router doctor', 'engine-router doctor --nats-url nats://10.0.0.5:4222 --json'],
  async run(args, io) {
    const findings = await examine(args, io)
    const healthy = findings.every(({ result }) => result !== 'fail')
    if (args.options.json === true) printJson(io, { ok: healthy, checks: findings })
    else printFindings(findings, io)
    return healthy ? 0 : 1
  },
}

async function examine(args: VerbArgs, io: Io): Promise<Finding[]> {
  const { config, finding } = await checkConfig(args, io)
  if (config === undefined) return [finding, ...(await checkMachine(undefined))]
  const database = checkDatabase(config.database, config.nats.inboxPrefix, TIMEOUT_MS)
  const groups = await Promise.all([
    checkMachine(config),
    checkCertificates(config.listen),
    checkNats(config.nats, database, TIMEOUT_MS, io.signal),
    database.then(({ findings }) => findings),
    database.then(({ routes }) => checkPolicyFiles(routes, config.policies, io.cwd)),
  ])
  return [finding, ...groups.flat()]
}

async function checkConfig(
  args: VerbArgs,
  io: Io,
): Promise<{ readonly config: RouterConfig | undefined; readonly finding: Finding }> {
  try {
    return { config: await loadVerbConfig(args, io), finding: ok('settings', 'can be used') }
  } catch (error) {
    if (!(error instanceof DocumentError || error instanceof ConfigError)) throw error
    const advice = 'mend what is listed; docs/configuration.md tells what each setting takes'
    return { config: undefined, finding: fail('settings', error.message, advice) }
  }
}

function printFindings(findings: readonly Finding[], io: Io): void {
  const paint = createPaint(io.stdout, io.env)
  const labels = alignColumns(findings.map(({ result, check }) => [result, check, '']))
  const width = Math.max(...labels.map((label) => label.length)) + 2
  for (const [index, { result, detail, advice }] of findings.entries()) {
    const label = (labels[index] ?? '').padEnd(width)
    const indent = `\n${' '.repeat(width)}`
    printLine(io, paint(STYLES[result], label.slice(0, 4)) + label.slice(4) + detail.replaceAll('\n', indent))
    if (advice !== undefined) printLine(io, `${' '.repeat(width)}-> ${advice}`)
  }
}
