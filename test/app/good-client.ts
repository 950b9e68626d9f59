/**
 * A client that behaves, and the backend that it asks, in a process of their own, so that what makes the others busy
 * does not slow them. With a line on its standard input it begins to ask at a steady pace over connections that it keeps,
 * with the next one it closes them and prints what it has seen, as a line of JSON; and so on until the input ends.
 *
 *   node good-client.ts PORT NATS_URL SUBJECT
 */
import { Agent, request } from 'node:http'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'nats'

const CONNECTIONS = 4
const PACE_MS = 10
const TIMEOUT_MS = 10_000
const BODY = 'well?'
/** Another than those of its neighbours, whom limits for each address hit. */
const ADDRESS = '127.0.0.2'

export interface Report {
  readonly requests: number
  /** Why each of those that failed did. */
  readonly lost: readonly string[]
  readonly p50Ms: number
  readonly p99Ms: number
}

const port = Number(process.argv[2])
const nats = await connect({ servers: process.argv[3]!, maxReconnectAttempts: -1 })
nats.subscribe(process.argv[4]!, { callback: (_error, message) => void message.respond(message.data) })
await nats.flush()
let visit: Visit | undefined
for await (const _line of createInterface({ input: process.stdin })) {
  if (visit === undefined) visit = beginVisit()
  else {
    console.log(JSON.stringify(await visit.end()))
    visit = undefined
  }
}
await visit?.end()
await nats.close()

interface Visit {
  end(): Promise<Report>
}

function beginVisit(): Visit {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const times: number[] = []
  const lost: string[] = []
  let isOver = false
  const askUntilOver = async () => {
    while (!isOver) {
      const beganMs = performance.now()
      try {
        await ask(agent)
        times.push(performance.now() - beganMs)
      } catch (error) {
        lost.push(String(error))
      }
      await delay(PACE_MS)
    }
  }
  const asking = Promise.all(Array.from({ length: CONNECTIONS }, askUntilOver))
  return {
    async end() {
      isOver = true
      await asking
      agent.destroy()
      times.sort((a, b) => a - b)
      const percentile = (part: number) =>
        times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? Number.NaN
      return { requests: times.length + lost.length, lost, p50Ms: percentile(0.5), p99Ms: percentile(0.99) }
    },
  }
}

function ask(agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', localAddress: ADDRESS, path: '/good', method: 'POST', agent }
    const out = request({ ...options, headers: { 'content-length': BODY.length } }, (response) => {
      let text = ''
      response.on('data', (chunk) => (text += chunk))
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200 && text === BODY) resolve()
        else reject(new Error(`${response.statusCode} ${text}`))
      })
    })
    out.setTimeout(TIMEOUT_MS, () => out.destroy(new Error(`nothing within ${TIMEOUT_MS} ms`)))
    out.on('error', reject)
    out.end(BODY)
  })
}
