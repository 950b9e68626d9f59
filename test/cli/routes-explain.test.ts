import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { applyRoutes } from '../../src/store/apply-routes.ts'
import { createTestStore, route, type TestStore } from '../store/migrated-database.ts'
import { natsUrl } from '../support/nats.ts'
import { runCli } from './run-cli.ts'

const ROUTES = `version: 1
routes:
  - { name: any, match: { path: "/explain/{id}" }, subject: "explain.{id}" }
  - { name: gold, match: { methods: [GET], path: "/explain/{id}", headers: { x-tier: gold } }, subject: "gold.{id}" }
  - { name: host, match: { host: "*.example.com", methods: [POST], path: "/only/post" }, subject: "post" }
  - { name: live, match: { kind: ws, path: "/explain/{id}" }, subject: "live.{id}" }
  - { name: shell, match: { kind: tcp }, subject: "shell" }
  - name: guarded
    match: { path: /guarded }
    subject: guarded
    policies: [{ off: headers }, { concurrency: { max: 5 } }, { rateLimit: { rate: 2/s } }]
  - name: late
    match: { path: "/late/{workspace}/{id}/{region}" }
    subject: "late.{workspace}.{claims.sub}.{id}.{region}"
    params: { workspace: { workspace: true }, region: { header: X-Region } }
`
const SETTINGS = 'policies: [{ cors: { origins: ["*"] } }, { rateLimit: { rate: 9/s } }, { headers: {} }]'

describe('routes explain', () => {
  let cwd: string
  let url: string
  const explain = (...words: string[]) =>
    runCli(['routes', 'explain', '--file', 'routes.yaml', '--nats-url', url, ...words], { cwd })
  const json = async (...words: string[]) => JSON.parse((await explain('--json', ...words)).stdout)

  before(async () => {
    url = await natsUrl()
    cwd = await mkdtemp(join(tmpdir(), 'engine-router-explain-'))
    await writeFile(join(cwd, 'routes.yaml'), ROUTES)
    await writeFile(join(cwd, 'router.yaml'), SETTINGS)
  })

  after(() => rm(cwd, { recursive: true }))

  test('says which route matches, why the others do not, the subject, and that nobody listens', async () => {
    const { code, stdout } = await explain('GET', 'http://localhost:8080/explain/eu%2B1?x=1')
    assert.equal(code, 0)
    assert.match(stdout, /^route +any$/m)
    assert.match(stdout, /^subject +explain\.eu\+1$/m)
    assert.match(stdout, /^\{id\} +eu\+1$/m)
    assert.match(stdout, /^listening +no: /m)
    assert.match(stdout, new RegExp(`^asked +NATS at ${new URL(url).host}$`, 'm'))
    assert.match(stdout, /^ +\* +any +matches$/m)
    assert.match(stdout, /^ +- +gold +header: `x-tier` /m)
    assert.match(stdout, /^ +- +host +host: /m)
    assert.match(stdout, /^ +- +live +kind: /m)
    assert.match(stdout, /^ +- +shell +kind: tcp/m)
  })

  test('shows what would match but for the winner', async () => {
    const { stdout } = await explain('GET', '/explain/1', '-H', 'X-Tier: gold')
    assert.match(stdout, /^route +gold$/m)
    assert.match(stdout, /^ +\+ +any +would match, but for gold$/m)
  })

  test('takes the host from the URL or the header, without the port', async () => {
    assert.equal((await json('POST', 'http://A.example.com:99/only/post')).route, 'host')
    assert.equal((await json('POST', '/only/post', '-H', 'host: a.example.com:99')).route, 'host')
    assert.equal((await json('POST', '/only/post')).route, null)
  })

  test('takes ws:// and an upgrade for a WebSocket', async () => {
    assert.equal((await json('GET', 'ws://localhost/explain/1')).route, 'live')
    assert.equal((await json('GET', '/explain/1', '-H', 'upgrade: WebSocket')).route, 'live')
  })

  test('says what the client is told when nothing matches', async () => {
    assert.match((await explain('GET', '/nothing')).stdout, /^answer +404 no_route/m)
    const wrong = await json('GET', 'http://a.example.com/only/post')
    assert.deepEqual([wrong.error, wrong.allow], ['method_not_allowed', ['POST']])
    const invalid = await json('GET', '/explain/a.b')
    assert.deepEqual([invalid.route, invalid.error, invalid.subject], ['any', 'subject_invalid', null])
  })

  test('explains a path as it is written', async () => {
    assert.equal((await json('GET', '/explain/../explain/1')).route, null)
    assert.equal((await json('GET', '/explain/straße')).subject, 'explain.straße')
  })

  test('shows the policies of the route in order, with those of the router', async () => {
    const { stdout } = await explain('GET', '/guarded', '--config', 'router.yaml')
    assert.match(
      stdout,
      /^ +cors +of the router +\{.*\n +rateLimit +of the route +\{"rate":"2\/s"\}\n +concurrency +of the route/m,
    )
    assert.doesNotMatch(stdout, /headers/)
    const { policies } = await json('GET', '/guarded', '--config', 'router.yaml')
    assert.deepEqual(
      policies.map(({ name, from }: { name: string; from: string }) => [name, from]),
      [
        ['cors', 'router'],
        ['rateLimit', 'route'],
        ['concurrency', 'route'],
      ],
    )
    assert.deepEqual((await json('GET', '/nothing', '--config', 'router.yaml')).policies, [])
  })

  test('tells of a preflight that the router answers, and of which request it is', async () => {
    const ask = ['/explain/1', '-H', 'origin: https://a.example', '-H', 'access-control-request-method: GET']
    const settings = ['--config', 'router.yaml']
    const { stdout } = await explain('OPTIONS', ...ask, ...settings, '-H', 'access-control-request-headers: x-tier')
    assert.match(stdout, /^route +gold\npreflight +answered by the router with 204; .* GET /m)
    assert.equal((await json('OPTIONS', ...ask, ...settings)).route, 'any')
    const withoutCors = await json('OPTIONS', ...ask)
    assert.deepEqual([withoutCors.preflightFor, withoutCors.route], [null, 'any'])
  })

  test('sends nothing for an unsafe method, unless it is told to', async () => {
    assert.equal((await json('POST', '/explain/1')).listening.listening, 'unknown')
    assert.equal((await json('POST', '/explain/1', '--probe')).listening.listening, 'no')
  })

  test('says what is filled in after the policies, and asks nobody about such a subject', async () => {
    const { code, stdout } = await explain('GET', '/late/acme/1/eu', '--probe', '--nats-url', 'nats://127.0.0.1:1')
    assert.equal(code, 0)
    assert.match(stdout, /^subject +late\.\{workspace\}\.\{claims\.sub\}\.1\.\{region\}$/m)
    assert.match(stdout, /^\{workspace\} +filled in after the policies, from acme of the path$/m)
    assert.match(stdout, /^\{claims\.sub\} +filled in after the policies, from the claim sub$/m)
    assert.match(stdout, /^\{region\} +filled in after the policies, from the header x-region$/m)
    assert.doesNotMatch(stdout, /^\{region\} +eu/m)
    assert.match(stdout, /^listening +unknown: not known before the subject is filled in$/m)
    const { subject, late, params, listening } = await json('GET', '/late/acme/1/eu')
    assert.equal(subject, 'late.{workspace}.{claims.sub}.1.{region}')
    assert.deepEqual(late, [
      { name: 'workspace', source: 'path', key: null },
      { name: 'claims.sub', source: 'claim', key: 'sub' },
      { name: 'region', source: 'header', key: 'x-region' },
    ])
    assert.deepEqual([params.workspace, listening.listening], ['acme', 'unknown'])
    assert.deepEqual((await json('GET', '/explain/{x=y}')).subject, 'explain.{x=y}', 'a brace of the path is no value')
  })

  test('explains the routing also without NATS', async () => {
    const { code, stdout } = await explain('GET', '/explain/1', '--nats-url', 'nats://127.0.0.1:1')
    assert.equal(code, 0)
    assert.match(stdout, /^subject +explain\.1$/m)
    assert.match(stdout, /^listening +unknown: NATS is not reachable at .*127\.0\.0\.1:1/m)
  })

  test('refuses what is not a request', async () => {
    assert.equal((await explain('GET')).code, 2)
    assert.equal((await explain('GET', 'ftp://x/')).code, 2)
    assert.equal((await explain('GET', '/', '-H', 'nonsense')).code, 2)
  })

  test('explains the table in the database, and names what is quarantined', async () => {
    const store: TestStore = await createTestStore()
    try {
      await applyRoutes(store.db, [route('a'), route('b')], { author: 'test' })
      await store.psql(`update routes set reply = 'maybe' where name = 'b'`)
      const words = ['routes', 'explain', 'GET', '/a', '--database-url', store.url, '--nats-url', url]
      const { code, stdout } = await runCli(words, { cwd })
      assert.equal(code, 0)
      assert.match(stdout, /^route +a$/m)
      assert.match(stdout, /b is quarantined/)
    } finally {
      await store.drop()
    }
  })
})
