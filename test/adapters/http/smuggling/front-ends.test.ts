import assert from 'node:assert/strict'
import { before, describe, type TestContext, test } from 'node:test'
import { eventually } from '../../../support/eventually.ts'
import { startGateway } from '../../../support/gateway.ts'
import { natsUrl } from '../../../support/nats.ts'
import { needs } from '../../../support/needs.ts'
import { openRaw } from '../../../support/raw-http.ts'
import { bytesOf, PATH, SMUGGLED, type SmugglingCase } from './case.ts'
import { type ForwardedRequest, freePorts, startFrontEnd } from './front-end.ts'
import { FRONT_END_OUTCOMES, isExpected, type Outcome } from './front-end-outcomes.ts'
import { haproxy, lenientHaproxy } from './haproxy.ts'
import { nginx } from './nginx.ts'
import { type RecordingBackend, startRecordingBackend } from './recording-backend.ts'
import { SMUGGLING_TABLE } from './table.ts'
import { startUpstreamTap, type UpstreamTap } from './upstream-tap.ts'

/** Connections of a front end to the router, each used by one case after the other. */
const LANES = 24
const CASES = Object.values(SMUGGLING_TABLE).flat()

interface Numbered {
  readonly one: SmugglingCase
  readonly path: string
}

/** In the order of the columns of FRONT_END_OUTCOMES. */
const FRONT_ENDS = [nginx, haproxy, lenientHaproxy]

describe('a front end and the router agree on where requests begin and end', { concurrency: true }, () => {
  let ports: number[] = []
  before(async () => {
    ports = await freePorts(FRONT_ENDS.length * LANES)
  })
  for (const [index, frontEnd] of FRONT_ENDS.entries()) {
    const skip = needs(frontEnd.program !== undefined, `${frontEnd.name} is not here`)
    test(frontEnd.name, { skip }, (t) => compare(t, index, ports.slice(index * LANES, (index + 1) * LANES)))
  }

  test('and there is an expectation of each case', () => {
    assert.deepEqual(
      Object.keys(FRONT_END_OUTCOMES),
      CASES.map(({ name }) => name),
    )
  })
})

/** All cases through the front end, each with a request hidden behind it and one of another client after it. */
async function compare(t: TestContext, index: number, ports: readonly number[]): Promise<void> {
  const frontEnd = FRONT_ENDS[index]!
  const url = await natsUrl()
  const backend = await startRecordingBackend(url, `t${process.pid}fronts.${frontEnd.name.replaceAll(' ', '-')}`)
  t.after(() => backend.close())
  const gateway = await startGateway({ natsUrl: url, routes: [{ ...backend.route, timeout: '3s' }] })
  t.after(() => gateway.close())
  const tap = await startUpstreamTap(t, gateway.port)
  const front = await startFrontEnd(t, frontEnd, tap.port, ports)
  await assertShared(ports[0]!, tap)

  const cases = CASES.map((one, index) => ({ one, path: `/case-${index}` }))
  const answers = (await Promise.all(ports.map((port, lane) => runLane(port, lane, cases)))).flat()
  const isLogged = ({ path }: Numbered) => front.forwarded().some(({ target }) => target === `${path}/after`)
  await eventually('all of the log', () => cases.every(isLogged))
  await gateway.assertIdle()

  const forwarded = front.forwarded()
  for (const numbered of cases) assertAgreement(numbered, forwarded, backend)
  assert.equal(backend.received.filter(({ path }) => !/^\/{1,2}(case-\d+|client-\d)/.test(path)).length, 0)
  const outcomes = answers.map(({ numbered, answer }) => ({
    ...numbered,
    outcome: outcomeOf(numbered, answer, backend),
  }))
  assertOutcomes(outcomes, index)
  const got = outcomes.filter(({ outcome }) => outcome === 'got')
  const shared = got.filter(({ path }) => isShared(path, tap))
  t.diagnostic(
    `${got.length} of ${cases.length} came to the backend, ${shared.length} over a connection that the next client had too`,
  )
  assert.ok(shared.length > got.length / 2, 'hardly a connection to the router served two clients')
}

/** Two clients, one after the other, and one connection to the router: else there were nothing to fall out of step. */
async function assertShared(port: number, tap: UpstreamTap): Promise<void> {
  for (const path of ['/client-1', '/client-2']) {
    const client = await openRaw(port)
    client.write(`GET ${path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`)
    assert.match(await client.closed(), /^HTTP\/1\.1 200 /)
  }
  assert.equal(tap.connections.length, 1)
  assert.match(tap.connections[0]!.text, /^GET \/client-1 [\s\S]*\nGET \/client-2 /)
}

/** Whether the request of the case and that of the client after it went over the same connection. */
function isShared(path: string, { connections }: UpstreamTap): boolean {
  const own = new RegExp(`^\\S+ /{1,2}${path.slice(1)}[ ?]`, 'm')
  return connections.some(
    ({ text }) => text.includes(`GET ${path}/after `) && own.test(text.replace(`${path}/after `, '')),
  )
}

interface Answered {
  readonly numbered: Numbered
  /** What the client of the case got. */
  readonly answer: string
}

async function runLane(port: number, lane: number, cases: readonly Numbered[]): Promise<Answered[]> {
  const answers: Answered[] = []
  for (let index = lane; index < cases.length; index += LANES) {
    const numbered = cases[index]!
    const { one, path } = numbered
    const attacker = await openRaw(port)
    attacker.write(Buffer.concat([bytesOf(one, path), Buffer.from(SMUGGLED.replace(PATH, path))]))
    answers.push({ numbered, answer: await attacker.closed() })
    const victim = await openRaw(port)
    victim.write(`GET ${path}/after HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`)
    const response = await victim.closed()
    assert.match(response, /^HTTP\/1\.1 200 /, `another client, after ${one.name}: ${response}`)
    assert.ok(response.includes(`GET ${path}/after `), `another client, after ${one.name}: ${response}`)
  }
  return answers
}

function outcomeOf({ path }: Numbered, answer: string, { received }: RecordingBackend): Outcome {
  const isGot = received.some((request) => request.path.replace(/^\/\//, '/').split('/..')[0] === path)
  // Not the one that says to go on.
  const [, status] = /^(?:HTTP\/1\.1 1\d\d [\s\S]*?\r\n\r\n)?HTTP\/1\.1 ([245])\d\d /.exec(answer) ?? []
  if (status === undefined) return answer === '' ? 'closed' : 'no head'
  assert.ok(!isGot || status === '2', `the backend got ${path}, and its client ${answer}`)
  return isGot ? 'got' : (`${status}xx` as Outcome)
}

function assertOutcomes(outcomes: readonly (Numbered & { readonly outcome: Outcome })[], index: number): void {
  const wrong = outcomes.flatMap(({ one, outcome }) => {
    const expected = FRONT_END_OUTCOMES[one.name]![index]!
    return isExpected(outcome, expected) ? [] : [{ name: one.name, outcome, expected }]
  })
  assert.deepEqual(wrong, [])
}

/** What came to the backend is what was sent on: no more, nothing else, and with the body that the table says. */
function assertAgreement(
  { one, path }: Numbered,
  forwarded: readonly ForwardedRequest[],
  { received }: RecordingBackend,
): void {
  const isOfCase = (target: string) => new RegExp(`^/{1,2}${path.slice(1)}(?!\\d)`).test(target)
  const sentOn = forwarded.filter(({ target }) => isOfCase(target)).map(({ method, target }) => `${method} ${target}`)
  const came = received.filter((request) => isOfCase(request.path))
  for (const { method, path, query } of came) {
    const request = `${method} ${path}${query === '' ? '' : `?${query}`}`
    const at = sentOn.indexOf(request)
    assert.notEqual(at, -1, `${one.name}: ${request} came, and was not sent on as a request`)
    sentOn.splice(at, 1)
  }
  const [main] = came.filter((request) => request.path === path)
  if (main === undefined || one.expected.kind !== 'taken') return
  assert.equal(main.body, one.expected.request.body ?? '', one.name)
}
