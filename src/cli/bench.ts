import { startCeiling, startFastify, startResponder, startRouter } from '../bench/gateways.ts'
import { createReport, UNARY_HEAD, unaryRows } from '../bench/report.ts'
import { measureUnary } from '../bench/unary.ts'
import { prepareWrk } from '../bench/wrk.ts'
import { ChildGuard } from '../dev/child-guard.ts'
import { ensureNatsServer, startNatsServer } from '../dev/nats-server.ts'
import { printJson, printLine, printTable } from './print.ts'
import { type Io, UsageError, type Verb, type VerbArgs } from './verb.ts'

export const verb: Verb = {
  options: {
    connections: { type: 'string', value: 'LIST', description: 'Connections at a time (1,64,256)' },
    seconds: { type: 'string', value: 'N', description: 'Length of one run (3)' },
    rounds: { type: 'string', value: 'N', description: 'Runs of which the median counts (5)' },
    routes: { type: 'string', value: 'N', description: 'Routes in the table (1000)' },
    json: { type: 'boolean', description: 'Print the report as JSON' },
  },
  examples: ['engine-router bench', 'engine-router bench --connections 64 --rounds 3 --json'],
  async run(args, io) {
    const connections = list(args, 'connections', '1,64,256')
    const seconds = number(args, 'seconds', '3')
    const rounds = number(args, 'rounds', '5')
    const routes = number(args, 'routes', '1000')
    const say = createStatus(io)
    const guard = new ChildGuard()
    const wrk = await prepareWrk(say)
    try {
      say('starting nats-server, Postgres, the responder and the gateways')
      const { url: natsUrl } = await startNatsServer(guard, { binary: await ensureNatsServer(io.env, say) })
      await startResponder(guard, natsUrl)
      const gateways = [
        await startCeiling(guard, natsUrl),
        await startRouter(guard, natsUrl, routes),
        await startFastify(guard, natsUrl),
      ]
      const onProgress = (done: number, total: number, what: string) => say(`${done + 1}/${total} ${what}`)
      const unary = await measureUnary(wrk, gateways, { connections, rounds, seconds, signal: io.signal, onProgress })
      say('')
      const report = createReport(unary, { routes, rounds, seconds })
      if (args.options.json === true) {
        printJson(io, report)
        return 0
      }
      const { machine } = report
      printLine(
        io,
        `${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB, ${machine.os}, node ${report.node}`,
      )
      printLine(
        io,
        `${routes} routes; medians of ${rounds} runs of ${seconds} s, interleaved; the load, nats-server and`,
      )
      printLine(io, 'the responder run on the same cores\n')
      printTable(io, UNARY_HEAD, unaryRows(report))
      for (const { connections: count, rpsOfCeiling, cpuOfCeiling, rpsOfFastify } of report.ratios) {
        printLine(io, `\nrouter at ${count}: ${rpsOfCeiling} of the ceiling's rate at ${cpuOfCeiling} of its CPU,`)
        printLine(io, `${rpsOfFastify} times fastify + nc.request`)
      }
      return 0
    } finally {
      await wrk.close()
      await guard.close()
    }
  },
}

/** Progress on stderr: one line that is written over on a terminal, a line each elsewhere. */
function createStatus(io: Io): (line: string) => void {
  if (io.stderr.isTTY) return (line) => void io.stderr.write(`\r\x1b[K${line}`)
  return (line) => void (line !== '' && io.stderr.write(`${line}\n`))
}

function number(args: VerbArgs, name: string, otherwise: string): number {
  const value = Number(args.options[name] ?? otherwise)
  if (!Number.isInteger(value) || value < 1 || value > 100_000) throw new UsageError(`--${name} takes a number from 1`)
  return value
}

function list(args: VerbArgs, name: string, otherwise: string): number[] {
  const values = String(args.options[name] ?? otherwise)
    .split(',')
    .map(Number)
  if (values.some((value) => !Number.isInteger(value) || value < 1)) throw new UsageError(`--${name} takes 1,64,256`)
  return values
}
