import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, chown, lstat, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, beforeEach, describe, test } from 'node:test'
import { readRoutes } from '../../src/store/routes-table.ts'
import { createTestStore, type TestStore } from '../store/migrated-database.ts'
import { type CliOptions, runCli } from './run-cli.ts'

const ONE = `version: 1
routes:
  - name: a
    match: { methods: [GET], path: "/a/{id}" }
    subject: "a.{id}"
    timeout: 5s
`
const TWO = `${ONE}  - name: b
    match: { kind: ws, host: "*.example.com", path: "/b/{rest...}", headers: { x-tier: "123" } }
    subject: "b.{rest}"
    websocket: rpc
    forwardHeaders: [x-tenant]
    limits: { bodyBytes: 1MiB }
    noResponders: { retries: 2, hold: 1s }
`
const BROKEN = `version: 1
routes:
  - name: a
    match: { path: "/a" }
    subject: a
    timeout: soon
    priorty: 3
`

describe('routes', () => {
  let store: TestStore
  let cwd: string
  const routes = (line: string | readonly string[], options: CliOptions = {}) =>
    runCli(['routes', ...(typeof line === 'string' ? line.split(' ') : line)], {
      cwd,
      env: { DATABASE_URL: store.url, USER: 'ann', NO_COLOR: '1' },
      ...options,
    })
  const json = async (line: string) => JSON.parse((await routes(`${line} --json`)).stdout)
  const names = async () => (await readRoutes(store.db)).specs.map(({ name }) => name).join()

  before(async () => {
    store = await createTestStore()
    cwd = await mkdtemp(join(tmpdir(), 'engine-router-cli-'))
    await writeFile(join(cwd, 'one.yaml'), ONE)
    await writeFile(join(cwd, 'two.yaml'), TWO)
    await writeFile(join(cwd, 'broken.yaml'), BROKEN)
  })

  after(async () => {
    await store.drop()
    await rm(cwd, { recursive: true })
  })

  beforeEach(() => store.psql('truncate routes, route_revisions'))

  describe('validate', () => {
    test('accepts a valid file, also from standard input', async () => {
      assert.deepEqual(await routes('validate two.yaml'), {
        code: 0,
        stdout: 'two.yaml is valid: 2 routes\n',
        stderr: '',
      })
      assert.equal((await routes('validate -', { stdin: ONE })).code, 0)
    })

    test('shows every problem with its place', async () => {
      const { code, stdout, stderr } = await routes('validate broken.yaml')
      assert.deepEqual([code, stdout], [1, ''])
      assert.match(stderr, /^broken\.yaml:6:\d+: routes\[0\]\.timeout: /m)
      assert.match(stderr, /^broken\.yaml:7:\d+: .*priority/m)
    })

    test('gives the problems as JSON', async () => {
      const { valid, problems } = await json('validate broken.yaml')
      assert.equal(valid, false)
      assert.deepEqual(
        problems.map(({ line }: { line: number }) => line),
        [6, 7],
      )
    })

    test('names a file that is missing', async () => {
      const { code, stderr } = await routes('validate none.yaml')
      assert.equal(code, 1)
      assert.match(stderr, /none\.yaml does not exist/)
    })
  })

  describe('diff', () => {
    test('shows the plan and changes nothing', async () => {
      const { code, stdout } = await routes('diff two.yaml')
      assert.equal(code, 0)
      assert.equal(stdout, '+ a\n+ b\n2 added, 0 changed, 0 removed, 0 unchanged\n')
      assert.equal(await names(), '')
    })

    test('tells by its exit code, if asked, whether there are differences', async () => {
      assert.equal((await routes('diff one.yaml --exit-code')).code, 1)
      await routes('apply one.yaml')
      assert.equal((await routes('diff one.yaml --exit-code')).code, 0)
    })
  })

  describe('apply', () => {
    test('makes the table what the file says, and records who and why', async () => {
      const { code, stdout } = await routes(['apply', 'one.yaml', '--comment', 'a start'])
      assert.equal(code, 0)
      assert.match(stdout, /^\+ a\n.*\nApplied as revision \d+\.\n$/)
      const { revisions } = await json('history')
      assert.deepEqual([revisions[0].author, revisions[0].comment], ['ann', 'a start'])
      await routes('apply two.yaml --author bob')
      assert.equal(await names(), 'a,b')
      assert.equal((await json('history')).revisions[0].author, 'bob')
    })

    test('shows values before and after', async () => {
      await routes('apply one.yaml')
      await store.psql(`update routes set timeout = '9s', reply = 'many'`)
      const { stdout } = await routes('diff one.yaml')
      assert.match(stdout, /~ a\n {4}reply: many -> \(default\)\n {4}timeout: 9s -> 5s\n/)
    })

    test('does nothing when there is nothing to do', async () => {
      await routes('apply one.yaml')
      assert.match((await routes('apply one.yaml')).stdout, /Nothing to do/)
      assert.equal((await json('history')).revisions.length, 1)
    })

    test('changes nothing in a dry run, or when a route is invalid', async () => {
      assert.match((await routes('apply one.yaml --dry-run')).stdout, /dry run/)
      assert.equal((await routes('apply broken.yaml')).code, 1)
      assert.equal(await names(), '')
    })

    test('asks a person before it removes routes', async () => {
      await routes('apply two.yaml')
      for (const typed of ['n\n', '\n', '']) {
        const { code, stderr } = await routes('apply one.yaml', { isTTY: true, stdin: typed })
        assert.equal(code, 1)
        assert.match(stderr, /Remove the route b\?.*Nothing has changed/)
        assert.equal(await names(), 'a,b')
      }
      assert.equal((await routes('apply one.yaml', { isTTY: true, stdin: 'y\n' })).code, 0)
      assert.equal(await names(), 'a')
    })

    test('does not ask with --yes, or where nobody sits', async () => {
      await routes('apply two.yaml')
      assert.equal((await routes('apply one.yaml --yes', { isTTY: true, stdin: '' })).code, 0)
      await routes('apply two.yaml')
      assert.equal((await routes('apply one.yaml')).code, 0)
      assert.equal(await names(), 'a')
    })

    test('tells where nobody sits how to bring back what was removed', async () => {
      await routes('apply two.yaml')
      const { revision } = await json('list')
      const { code, stdout, stderr } = await routes('apply one.yaml')
      assert.deepEqual([code, stderr], [0, ''])
      const line = `1 route was removed: \`engine-router routes rollback ${revision}\` makes the table what it was before.\n`
      assert.ok(stdout.endsWith(line), stdout)
      assert.equal((await routes(`rollback ${revision}`)).code, 0)
      assert.equal(await names(), 'a,b')
      assert.equal((await json('apply one.yaml')).previousRevision, (await json('history')).revisions[1].revision)
    })

    test('names no revision for what only a hand has written', async () => {
      await routes('apply two.yaml')
      await store.psql(`update routes set timeout = '9s'`)
      assert.match((await routes('apply one.yaml')).stdout, /1 route was removed: no revision has the table as it was/)
      assert.doesNotMatch((await routes('apply two.yaml')).stdout, /removed:/)
    })

    test('keeps the other routes with --no-prune', async () => {
      await routes('apply two.yaml')
      assert.equal((await routes('apply one.yaml --no-prune')).code, 0)
      assert.equal(await names(), 'a,b')
    })

    test('says so when the table has changed since the plan was shown', async () => {
      await routes('apply two.yaml')
      const stdin = Readable.from(
        (async function* () {
          // Read when the question is out, so after the plan.
          await store.psql(`delete from routes where name = 'a'`)
          yield 'y\n'
        })(),
      )
      const { code, stdout } = await routes('apply one.yaml', { isTTY: true, stdin })
      assert.equal(code, 0)
      assert.match(stdout, /^- b\n.*changed by someone else.*\n\+ a\n- b\n/s)
      assert.equal(await names(), 'a')
    })
  })

  test('list shows the routes, and the quarantined ones with the reason', async () => {
    await routes('apply two.yaml')
    await store.psql(`update routes set timeout = 'soon' where name = 'a'`)
    const { code, stdout } = await routes('list')
    assert.equal(code, 0)
    assert.match(stdout, /^b +ws +any +\*\.example\.com +\/b\/\{rest\.\.\.\} +b\.\{rest\}/m)
    assert.match(stdout, /1 routes, 1 quarantined\nquarantined: a: timeout: expected a duration/)
    const listed = await json('list')
    assert.equal(listed.routes[0].name, 'b')
    assert.equal(listed.quarantined[0].name, 'a')
    assert.deepEqual(listed.quarantined[0].issues[0].path, ['timeout'])
  })

  test('list and export have the policies of routes, in order', async () => {
    const policies = [{ rateLimit: { rate: '5/s' } }, { off: 'headers' }, { cors: { origins: ['*'] } }]
    await writeFile(
      join(cwd, 'guarded.yaml'),
      ONE.replace('- name: a', `- name: a\n    policies: ${JSON.stringify(policies)}`),
    )
    assert.equal((await routes('apply guarded.yaml')).code, 0)
    assert.deepEqual((await json('list')).routes[0].policies, policies)
    assert.deepEqual((await json('export')).routes[0].policies, policies)
    assert.equal((await routes('diff guarded.yaml --exit-code')).code, 0)
  })

  test('export writes a file that reads back the same', async () => {
    await routes('apply two.yaml')
    assert.equal((await routes('export --output copy.yaml')).code, 0)
    assert.equal((await routes('diff copy.yaml --exit-code')).code, 0)
    const { stdout } = await routes('export')
    assert.equal(stdout, await readFile(join(cwd, 'copy.yaml'), 'utf8'))
    await writeFile(join(cwd, 'copy.json'), (await routes('export --json')).stdout)
    assert.equal((await routes('diff copy.json --exit-code')).code, 0)
  })

  test('export writes into the file that is there, with its mode, also behind a link', async () => {
    await writeFile(join(cwd, 'old.yaml'), 'old'.repeat(10_000))
    await chmod(join(cwd, 'old.yaml'), 0o664)
    await symlink('old.yaml', join(cwd, 'link.yaml'))
    assert.equal((await routes('export --output link.yaml')).code, 0)
    const text = await readFile(join(cwd, 'old.yaml'), 'utf8')
    assert.match(text, /^version: 1/)
    assert.doesNotMatch(text, /old/)
    assert.equal((await stat(join(cwd, 'old.yaml'))).mode & 0o777, 0o664)
    assert.ok((await lstat(join(cwd, 'link.yaml'))).isSymbolicLink())
  })

  test('export leaves a file to its owner', {
    skip: process.geteuid?.() !== 0 && 'only root can be told apart',
  }, async () => {
    const file = join(cwd, 'theirs.yaml')
    await writeFile(file, 'old')
    await chown(file, 1234, 1234)
    assert.equal((await routes('export --output theirs.yaml')).code, 0)
    assert.equal((await stat(file)).uid, 1234)
    assert.match(await readFile(file, 'utf8'), /^version: 1/)
  })

  test('export writes into what is no file', async () => {
    const pipe = join(cwd, 'pipe')
    spawnSync('mkfifo', [pipe])
    const [{ code }, text] = await Promise.all([routes('export --output pipe'), readFile(pipe, 'utf8')])
    assert.equal(code, 0)
    assert.match(text, /^version: 1/)
  })

  test('export says why it cannot write', async () => {
    const { code, stderr } = await routes('export --output nowhere/copy.yaml')
    assert.equal(code, 1)
    assert.match(stderr, /the routes cannot be written: ENOENT.*nowhere/)
  })

  test('export of an empty table reads back too', async () => {
    await routes('export --output copy.yaml')
    assert.equal((await routes('diff copy.yaml --exit-code')).code, 0)
  })

  test('history and rollback', async () => {
    assert.match((await routes('history')).stdout, /nothing was applied/)
    await routes('apply one.yaml --comment one')
    await routes('apply two.yaml --comment two')
    const { revisions } = await json('history')
    const { code, stdout } = await routes(`rollback ${revisions[1].revision} --yes`)
    assert.equal(code, 0)
    assert.match(stdout, /^- b\n.*\nApplied as revision \d+\.\n/)
    assert.equal(await names(), 'a')
    assert.match((await routes('history --limit 1')).stdout, /rollback +1 +ann +back to revision/)
  })

  test('rollback warns of a routes.file that would undo it', async () => {
    await routes('apply one.yaml')
    const { revision } = await json('list')
    await routes('apply two.yaml')
    assert.equal((await routes(`rollback ${revision} --dry-run`)).stderr, '')
    await writeFile(join(cwd, 'router.yaml'), 'routes: { file: two.yaml }\n')
    assert.equal((await routes(`rollback ${revision} --config router.yaml --dry-run`)).stderr, '')
    const { code, stderr } = await routes(`rollback ${revision} --config router.yaml`)
    assert.equal(code, 0)
    assert.match(stderr, /^warning: routes\.file of the settings is two\.yaml, .*routes export --output two\.yaml\n$/)
  })

  test('rollback refuses what is not a revision', async () => {
    assert.equal((await routes('rollback')).code, 2)
    assert.equal((await routes('rollback x')).code, 2)
    const { code, stderr } = await routes('rollback 999')
    assert.equal(code, 1)
    assert.match(stderr, /no revision 999.*routes history/)
  })

  test('says to migrate when the tables are not there', async () => {
    const bare = await createTestStore()
    try {
      await bare.psql('drop table routes')
      const { code, stderr } = await routes('list', { env: { DATABASE_URL: bare.url } })
      assert.equal(code, 1)
      assert.match(stderr, /engine-router migrate up/)
    } finally {
      await bare.drop()
    }
  })
})
