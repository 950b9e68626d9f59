/**
 * A program for hand-over.test.ts, in a network of its own: routers that share their ports take over from each other while
 * clients come and go. Its one argument is a directory with a routing table on disk, its output one line of JSON.
 */
import { Agent, request } from 'node:http'
import { connect } from 'nats'
import { freePort } from '../support/free-port.ts'
import { startNats } from '../support/nats.ts'
import { type RouterProcess, startRouter } from './router-process.ts'

const HAND_OVERS = 3
const CLIENTS = 16

export interface HandOverReport {
  readonly answered: number
  /** What went wrong with the others, and how often. */
  readonly failures: Readonly<Record<string, number>>
  readonly exitCodes: readonly (number | null)[]
}

const releases: (() => unknown)[] = []
const t = { after: (release: () => unknown) => void releases.push(release) }
try {
  console.log(JSON.stringify(await handOver(process.argv[2]!)))
} finally {
  for (const release of releases.reverse()) await release()
}

async function handOver(directory: string): Promise<HandOverReport> {
  const nats = await startNats()
  t.after(() => nats.stop())
  const responder = await connect({ servers: nats.url })
  t.after(() => responder.close())
  responder.subscribe('here', { callback: (_error, message) => void message.respond('here') })
  await responder.flush()

  const settings = {
    natsUrl: nats.url,
    databaseUrl: 'postgres://nobody@127.0.0.1:1/nothing',
    httpPort: await freePort(),
    adminPort: await freePort(),
    reusePort: true,
  }
  const start = () => startRouter(t, settings, directory)
  let router: RouterProcess = await start()
  let answered = 0
  let isOver = false
  const failures: Record<string, number> = {}
  const fail = (what: string) => {
    failures[what] = (failures[what] ?? 0) + 1
  }
  const kept = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  t.after(() => kept.destroy())
  const client = async (agent: Agent | false) => {
    while (!isOver) {
      await ask(settings.httpPort, agent).then((text) => (text === '200 here' ? answered++ : fail(text)), fail)
    }
  }
  const clients = Array.from({ length: CLIENTS }, (_, index) => client(index % 4 === 0 ? kept : false))

  const exitCodes: (number | null)[] = []
  for (let i = 0; i < HAND_OVERS; i++) {
    const next = await start()
    router.signal('SIGTERM')
    exitCodes.push(await router.exitCode)
    router = next
  }
  isOver = true
  await Promise.all(clients)
  return { answered, failures, exitCodes }
}

/** Status and body. Rejects with the code of the error. */
function ask(port: number, agent: Agent | false): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path: '/here', agent, timeout: 10_000 }, (response) => {
      let text = `${response.statusCode} `
      response.on('data', (chunk) => (text += chunk))
      response.on('error', ({ message }) => reject(message))
      response.on('end', () => resolve(text))
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')))
    outgoing.on('error', (error: NodeJS.ErrnoException) => reject(error.code ?? error.message))
    outgoing.end()
  })
}
