import assert from 'node:assert/strict'
import { before, describe, type TestContext, test } from 'node:test'
import { eventually } from '../../../support/eventually.ts'
import { startGateway } from '../../../support/gateway.ts'
import { natsUrl } from '../../../support/nats.ts'
import { needs } from '../../../support/needs.ts'
import { openRaw } from '../../../support/raw-http.ts'
import { bytesOf, PATH, SMUGGLED, type SmugglingCase } from './case.ts'
import { type ForwardedRequest, type FrontEnd, freePorts, startFrontEnd } from './front-end.ts'
import { haproxy, lenientHaproxy } from './haproxy.ts'
import { nginx } from './nginx.ts'
import { type RecordingBackend, startRecordingBackend } from './recording-backend.ts'
import { SMUGGLING_TABLE } from './table.ts'

/** Connections of a front end to the router, each used by one case after the other. */
const LANES = 24
const CASES = Object.values(SMUGGLING_TABLE).flat()

interface Numbered {
  readonly one: SmugglingCase
  readonly path: string
}

describe('a front end and the router agree on where requests begin and end', { concurrency: true }, () => {
  const frontEnds = [nginx, haproxy, lenientHaproxy]
  let ports: number[] = []
  before(async () => {
    ports = await freePorts(frontEnds.length * LANES)
  })
  for (const [index, frontEnd] of frontEnds.entries()) {
    const skip = needs(frontEnd.program !== undefined, `${frontEnd.name} is not here`)
    test(frontEnd.name, { skip }, (t) => compare(t, frontEnd, ports.slice(index * LANES, (index + 1) * LANES)))
  }
})

/** All cases through the front end, each with a request hidden behind it and one of another client after it. */
async function compare(t: TestContext, frontEnd: FrontEnd, ports: readonly number[]): Promise<void> {
  const url = await natsUrl()
  const backend = await startRecordingBackend(url, `t${process.pid}fronts.${frontEnd.name.replaceAll(' ', '-')}`)
  t.after(() => backend.close())
  const gateway = await startGateway({ natsUrl: url, routes: [{ ...backend.route, timeout: '3s' }] })
  t.after(() => gateway.close())
  const front = await startFrontEnd(t, frontEnd, gateway.port, ports)

  const cases = CASES.map((one, index) => ({ one, path: `/case-${index}` }))
  await Promise.all(ports.map((port, lane) => runLane(port, lane, cases)))
  const isLogged = ({ path }: Numbered) => front.forwarded().some(({ target }) => target === `${path}/after`)
  await eventually('all of the log', () => cases.every(isLogged))
  await gateway.assertIdle()

  const forwarded = front.forwarded()
  for (const numbered of cases) assertAgreement(numbered, forwarded, backend)
  assert.equal(backend.received.filter(({ path }) => !/^\/{1,2}case-\d+/.test(path)).length, 0)
  const passed = cases.filter(({ path }) => forwarded.some(({ target }) => target === path)).length
  t.diagnostic(`${passed} of ${cases.length} were sent on to the router`)
  assert.ok(passed > 40, 'hardly a case came so far')
}

async function runLane(port: number, lane: number, cases: readonly Numbered[]): Promise<void> {
  for (let index = lane; index < cases.length; index += LANES) {
    const { one, path } = cases[index]!
    const attacker = await openRaw(port)
    attacker.write(Buffer.concat([bytesOf(one, path), Buffer.from(SMUGGLED.replace(PATH, path))]))
    await attacker.closed()
    const victim = await openRaw(port)
    victim.write(`GET ${path}/after HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`)
    const response = await victim.closed()
    assert.match(response, /^HTTP\/1\.1 200 /, `another client, after ${one.name}: ${response}`)
    assert.ok(response.includes(`GET ${path}/after `), `another client, after ${one.name}: ${response}`)
  }
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
