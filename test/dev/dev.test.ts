import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { applyRoutes } from '../../src/store/apply-routes.ts'
import { createTestStore, route } from '../store/migrated-database.ts'
import { createCertificate, temporaryFiles } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { natsUrl, startNats } from '../support/nats.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { descendantsOf, running } from '../support/process-tree.ts'

const READY_MS = 60_000

/** netcat as far as it is needed here: not every machine has one. */
const NETCAT = `"${process.execPath}" -e "process.stdin.pipe(net.connect($1, '127.0.0.1')).pipe(process.stdout)"`

describe('npm run dev', () => {
  let checkout: string
  before(async () => {
    checkout = await copyCheckout()
  })
  after(() => rm(checkout, { recursive: true, force: true }))

  test('serves, follows routes.yaml, outlives its backend, and leaves no process behind at Ctrl-C', async (t) => {
    const dev = await startDev(checkout)
    t.after(() => dev.killAll())

    const hello = await fetch(`${dev.url}/hello/world`)
    assert.equal(hello.status, 200)
    assert.partialDeepStrictEqual(await hello.json(), { hello: 'world' })

    const echo = await fetch(`${dev.url}/echo`, {
      method: 'POST',
      body: 'ping',
      headers: { 'content-type': 'text/plain' },
    })
    assert.deepEqual([echo.status, echo.headers.get('content-type'), await echo.text()], [201, 'text/plain', 'ping'])

    const [, muxCommand] = dev.find(/(printf '\{"t":"open".*\| nc .*)/)
    const mux = spawnSync('sh', ['-c', muxCommand!.replace(/nc .* (\d+)$/, NETCAT)], { encoding: 'utf8' })
    assert.match(mux.stdout, /^\{"t":"head","id":1,"status":200,.*\\"hello\\":\\"tcp\\"/, mux.stderr)

    const [, webSocketScript = ''] = dev.find(/npm exec -- node -e '(.*WebSocket.*)'/)
    const webSocket = spawnSync(process.execPath, ['-e', webSocketScript], { encoding: 'utf8', timeout: 10_000 })
    assert.equal(webSocket.stdout, 'hello\n', webSocket.stderr)

    // The verbs find the servers of dev by themselves.
    const verb = [join(checkout, 'src/main.ts'), 'routes', 'explain', 'GET', '/hello/world']
    const explained = spawnSync(process.execPath, verb, { cwd: checkout, encoding: 'utf8', env: bareEnv() })
    assert.equal(explained.status, 0, explained.stderr)
    assert.match(explained.stdout, /hello\.world[\s\S]*yes/)

    const abort = new AbortController()
    const ticks = await fetch(`${dev.url}/ticks`, { headers: { accept: 'text/event-stream' }, signal: abort.signal })
    let events = ''
    for await (const chunk of ticks.body!.pipeThrough(new TextDecoderStream())) {
      events += chunk
      if (events.includes('\n\n') && events.includes('data:')) break
    }
    assert.match(events, /data: \{"tick":1/)
    abort.abort()

    const file = join(checkout, 'config/routes.yaml')
    await writeFile(file, (await readFile(file, 'utf8')).replace('/hello/{name}', '/greet/{name}'))
    await eventually('the edited route', async () => (await fetch(`${dev.url}/greet/you`)).status === 200)
    assert.equal((await fetch(`${dev.url}/hello/world`)).status, 404)

    process.kill(Number(dev.find(/demo backend\s+pid (\d+)/)[1]), 'SIGKILL')
    await eventually('the report of its death', () => dev.output().includes('demo backend was killed by SIGKILL'))
    // A request on its way when the backend dies is lost, and takes until the route's timeout to say so.
    const status = async () => (await fetch(`${dev.url}/greet/you`)).status
    await eventually('503 without a backend', async () => (await status()) === 503, { timeoutMs: 15_000 })

    const pids = descendantsOf(dev.pid)
    assert.ok(pids.length >= 5, `npm, guard, NATS, Postgres and router should run: ${pids}`)
    dev.interrupt()
    assert.equal(await dev.exitCode(), 0)
    await eventually('the end of every process', () => running([dev.pid, ...pids]).length === 0)
    assert.match(dev.output(), /Stopped\.\s*$/)
  })

  test('starts again on the same data after kill -9, which leaves no process behind either', async (t) => {
    const killed = await startDev(checkout)
    t.after(() => killed.killAll())
    const pids = descendantsOf(killed.pid)
    killed.killGroup()
    const again = await startDev(checkout)
    t.after(() => again.killAll())
    await eventually('the end of every process of the killed run', () => running(pids).length === 0, {
      timeoutMs: 15_000,
    })
    assert.equal((await fetch(`${again.url}/greet/again`)).status, 200)
    again.interrupt()
    assert.equal(await again.exitCode(), 0)
  })

  test('ends with an error that shows the log when the router dies', async (t) => {
    const dev = await startDev(checkout)
    t.after(() => dev.killAll())
    const pids = descendantsOf(dev.pid)
    process.kill(Number(dev.find(/"pid":(\d+),.*"msg":"listening/)[1]), 'SIGKILL')
    assert.equal(await dev.exitCode(), 1)
    assert.match(dev.output(), /error: router was killed by SIGKILL; its last lines:/)
    await eventually('the end of every process', () => running(pids).length === 0)
  })

  test('names the servers of the environment without their passwords, and warns before it replaces routes', async (t) => {
    const nats = await startNats({ args: ['--user', 'ann', '--pass', 's3cret'] })
    t.after(() => nats.stop())
    const store = await createTestStore()
    t.after(() => store.drop())
    await applyRoutes(store.db, [route('orders')], { author: 'ann' })
    const url = nats.url.replace('//', '//ann:s3cret@')
    const dev = await startDev(checkout, { ...bareEnv(), NATS_URL: url, DATABASE_URL: store.url })
    t.after(() => dev.killAll())
    dev.find(new RegExp(`✓ nats-server +NATS_URL: ${nats.url.replace('//', '//\\*\\*\\*@')} `))
    const { host, pathname, password } = new URL(store.url)
    dev.find(new RegExp(`✓ Postgres +DATABASE_URL: ${pathname.slice(1)} on ${host} `))
    dev.find(/warning: .* has 1 route that .*config\/routes\.yaml replaces them; .*routes rollback 1`/)
    process.kill(Number(dev.find(/demo backend\s+pid (\d+)/)[1]), 'SIGKILL')
    await eventually('how to start another', () => dev.output().includes('npm run demo-backend'))
    for (const secret of ['s3cret', password]) assert.ok(!dev.output().includes(secret), secret)
    assert.doesNotMatch(dev.output(), /"msg":"configuration"/)
    dev.interrupt()
    assert.equal(await dev.exitCode(), 0)
  })

  test('says which ports are taken, and once that nobody takes its traces', async (t) => {
    // By this test, or by whoever has them on this machine.
    for (const port of [4222, 7000]) await occupy(t, port)
    const database = await createTestDatabase()
    t.after(() => database.drop())
    const dev = await startDev(checkout, { ...bareEnv(), DATABASE_URL: database.url }, ['--trace'])
    t.after(() => dev.killAll())
    const [, natsUrl] = dev.find(/4222 is taken: backends connect to (nats:\/\/127\.0\.0\.1:\d+) /)
    dev.find(new RegExp(`\\(export NATS_URL=${natsUrl}\\)`))
    const [, port] = dev.find(/7000 is taken: TCP clients connect to 127\.0\.0\.1:(\d+)/)
    dev.find(new RegExp(`nc -w 1 127\\.0\\.0\\.1 ${port}$`, 'm'))

    const complaints = () => dev.output().match(/tracing: the collector/g)?.length
    await fetch(`${dev.url}/hello/world`)
    await eventually('the complaint', complaints)
    for (let i = 0; i < 5; i++) await fetch(`${dev.url}/hello/world`)
    dev.interrupt()
    assert.equal(await dev.exitCode(), 0)
    assert.equal(complaints(), 1)
    assert.doesNotMatch(dev.output(), /"stack"/)
  })

  test("serves the README's own route from its own backend, asked as soon as that is started", async (t) => {
    const readme = await readFile('README.md', 'utf8')
    const [yaml = '', js = ''] = ['yaml', 'js'].map(
      (kind) => new RegExp(`\`\`\`${kind}\\n(.*?)\`\`\``, 's').exec(readme)![1]!,
    )
    const database = await createTestDatabase()
    t.after(() => database.drop())
    const own = { NATS_URL: await natsUrl(), DATABASE_URL: database.url }
    const file = join(checkout, 'config/routes.yaml')
    const edited = await readFile(file, 'utf8')
    t.after(() => writeFile(file, edited))
    // As it is in a clone: a test before this one has edited it.
    const routes = await readFile('config/routes.yaml', 'utf8')
    await writeFile(file, routes)
    const dev = await startDev(checkout, { ...bareEnv(), ...own })
    t.after(() => dev.killAll())
    await writeFile(file, `${routes}\n${yaml}`)
    await writeFile(join(checkout, 'greet.mjs'), js)
    await eventually('the route', () => /"routes":5,.*"msg":"routing table/.test(dev.output()))
    const backend = spawn(process.execPath, ['greet.mjs'], { cwd: checkout, env: { ...bareEnv(), ...own } })
    t.after(() => backend.kill())
    const answer = await fetch(`${dev.url}/greet/ann`)
    assert.deepEqual([answer.status, await answer.text()], [200, 'hi, ann\n'])
    dev.interrupt()
    assert.equal(await dev.exitCode(), 0)
  })

  test('speaks TLS where a file of settings says so, with commands that work as they are printed', async (t) => {
    const { cert, key } = createCertificate(temporaryFiles(t), 'localhost')
    const config = join(temporaryFiles(t), 'router.yaml')
    await writeFile(config, JSON.stringify({ listen: { http: { tls: { cert, key } } } }))
    const database = await createTestDatabase()
    t.after(() => database.drop())
    const dev = await startDev(checkout, { ...bareEnv(), DATABASE_URL: database.url }, ['--config', config])
    t.after(() => dev.killAll())
    for (const [pattern, answer] of [
      [/(curl -k https:.*\/echo .*)/, 'hello'],
      [/(NODE_TLS_REJECT_UNAUTHORIZED=0 npm exec .*wss:.*)/, 'hello\n'],
    ] as const) {
      const [, command = ''] = dev.find(pattern)
      const answered = spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: 20_000, cwd: checkout })
      assert.equal(answered.stdout, answer, answered.stderr)
    }
    dev.find(/Clients of other machines reach it too/)
    assert.doesNotMatch(dev.output(), / ws:\/\/|http:\/\/\S+\/hello/)
    dev.interrupt()
    assert.equal(await dev.exitCode(), 0)
  })

  test('says which flag chooses another port when one is taken', async (t) => {
    const taken = createServer().listen(0)
    t.after(() => taken.close())
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const dev = run(checkout, ['--port', String(port), '--admin-port', String(await freePort())])
    t.after(() => dev.killAll())
    assert.equal(await dev.exitCode(), 1)
    assert.match(dev.output(), new RegExp(`port ${port} is taken.*npm run dev -- --port`))
  })
})

/** As a clone with its dependencies installed; other users may read it. */
async function copyCheckout(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'engine-router-dev-'))
  await mkdir(join(directory, '.data'))
  // Whatever our umask: the Postgres user may enter them, and its data goes with the checkout.
  for (const open of [directory, join(directory, '.data')]) await chmod(open, 0o755)
  for (const name of ['src', 'config', 'migrations', 'package.json']) {
    await cp(name, join(directory, name), { recursive: true })
  }
  await symlink(resolve('node_modules'), join(directory, 'node_modules'))
  return directory
}

async function startDev(checkout: string, env = bareEnv(), flags: readonly string[] = []) {
  const port = await freePort()
  const dev = run(checkout, ['--port', String(port), '--admin-port', String(await freePort()), ...flags], env)
  const ended = dev.exitCode().then((code) => assert.fail(`dev ended with ${code}:\n${dev.output()}`))
  await Promise.race([eventually('ready', () => dev.output().includes('Ctrl-C ends'), { timeoutMs: READY_MS }), ended])
  ended.catch(() => {})
  return { ...dev, url: `http://127.0.0.1:${port}` }
}

/** Until the end of the test; does nothing if somebody else has the port. */
async function occupy(t: TestContext, port: number): Promise<void> {
  const server = createServer()
  t.after(() => server.close())
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve() : reject(error)))
    server.listen(port, '127.0.0.1', resolve)
  })
}

/** As in a shell that knows of no servers. */
function bareEnv(): NodeJS.ProcessEnv {
  const { NATS_URL: _nats, DATABASE_URL: _database, ...env } = process.env
  return env
}

function run(checkout: string, args: readonly string[], env = bareEnv()) {
  // A group of its own, as a shell gives it: npm, its shell and dev.
  const child: ChildProcess = spawn('npm', ['run', 'dev', '--', ...args], { cwd: checkout, env, detached: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
  const closed = once(child, 'close')
  const pid = child.pid!
  const killGroup = () => {
    if (running([pid]).length > 0) process.kill(-pid, 'SIGKILL')
  }
  return {
    pid,
    output: () => output,
    find: (pattern: RegExp) => pattern.exec(output) ?? assert.fail(`${pattern} is not in:\n${output}`),
    exitCode: async () => (await closed)[0] as number | null,
    /** As the terminal's Ctrl-C. */
    interrupt: () => process.kill(-pid, 'SIGINT'),
    killGroup,
    /** For a test that failed halfway: the guard then ends the rest. */
    async killAll() {
      killGroup()
      await closed
    },
  }
}
