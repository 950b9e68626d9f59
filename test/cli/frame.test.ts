import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { UsageError, type Verb, type VerbArgs, type VerbEntry, VerbError } from '../../src/cli/verb.ts'
import { DocumentError } from '../../src/config/document-error.ts'
import { runCli } from './run-cli.ts'

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname

let received: VerbArgs | undefined

const show: Verb = {
  usage: 'NAME [FILE]',
  options: {
    json: { type: 'boolean', description: 'Print JSON' },
    timeout: { type: 'string', short: 't', value: 'TIME', description: 'How long' },
    header: { type: 'string', short: 'H', multiple: true, value: 'HEADER', description: 'A header' },
  },
  examples: ['engine-router routes show x'],
  async run(args) {
    received = args
    return 0
  },
}

function failing(error: unknown): Verb {
  return {
    options: {},
    async run() {
      throw error
    },
  }
}

function entry(name: string, verb: Verb): VerbEntry {
  return { name, summary: `Summary of ${name}`, load: async () => ({ verb }) }
}

const entries = [
  entry('serve', { options: {}, run: async () => 0 }),
  entry('routes show', show),
  entry('routes apply', { options: {}, run: async () => 1 }),
  entry('bad usage', failing(new UsageError('give a name'))),
  entry('bad verb', failing(new VerbError('the database is away: start it'))),
  entry(
    'bad file',
    failing(new DocumentError([{ file: 'a.yaml', line: 2, column: 3, path: 'x', message: 'unknown key' }])),
  ),
  entry('bad code', failing(new TypeError('x is not a function\nsecond line'))),
]
const cli = (...words: string[]) => runCli(words, { entries })

describe('the command line', () => {
  test('hands positionals and options to a verb of two words', async () => {
    const { code } = await cli('routes', 'show', 'a', '-t', '5s', '--json', '-H', 'a: 1', '--header=b: 2', '--', '--b')
    assert.equal(code, 0)
    assert.deepEqual(received?.positionals, ['a', '--b'])
    assert.deepEqual(received?.options, { timeout: '5s', json: true, header: ['a: 1', 'b: 2'] })
  })

  test("ends with the verb's exit code", async () => {
    assert.equal((await cli('routes', 'apply')).code, 1)
    assert.equal((await cli('serve')).code, 0)
  })

  test('shows the help of the program, of a group and of a verb', async () => {
    for (const words of [['--help'], ['-h'], ['help']]) {
      const { code, stdout } = await cli(...words)
      assert.equal(code, 0)
      for (const { name, summary } of entries) assert.match(stdout, new RegExp(`${name} +${summary}`))
    }
    for (const words of [
      ['routes', '--help'],
      ['help', 'routes'],
    ]) {
      const { code, stdout } = await cli(...words)
      assert.equal(code, 0)
      assert.match(stdout, /routes show +Summary/)
      assert.doesNotMatch(stdout, /serve/)
    }
    for (const words of [
      ['routes', 'show', '--bogus', '-h'],
      ['help', 'routes', 'show'],
    ]) {
      const { code, stdout } = await cli(...words)
      assert.equal(code, 0)
      assert.match(stdout, /Usage: engine-router routes show NAME \[FILE\] \[options\]/)
      assert.match(stdout, /-t, --timeout TIME +How long/)
      assert.match(stdout, /-H, --header HEADER\.\.\. +A header/)
      assert.match(stdout, /engine-router routes show x/)
    }
  })

  test('tells nothing but usage, with exit code 2, when the verb is missing or incomplete', async () => {
    for (const words of [[], ['routes']]) {
      const { code, stdout, stderr } = await cli(...words)
      assert.equal(code, 2)
      assert.equal(stdout, '')
      assert.match(stderr, /^.*Usage:/ms)
    }
  })

  test('names the nearest verb and the nearest option', async () => {
    const cases: [string[], RegExp][] = [
      [['sevre'], /unknown verb "sevre", did you mean "serve"\?/],
      [['route', 'show'], /unknown verb "route", did you mean "routes"\?/],
      [['routes', 'shwo'], /unknown verb "routes shwo", did you mean "show"\? \(one of show, apply\)/],
      [['routes', 'show', 'a', '--jsno'], /unknown option --jsno, did you mean --json\?/],
      [['routes', 'show', 'a', '--constructor'], /unknown option --constructor\n/],
      [['--json', 'serve'], /options go after the verb/],
    ]
    for (const [words, message] of cases) {
      const { code, stdout, stderr } = await cli(...words)
      assert.equal(code, 2, words.join(' '))
      assert.equal(stdout, '')
      assert.match(stderr, message)
      assert.match(stderr, /See 'engine-router.* --help'/)
    }
  })

  test('refuses a missing value, a value too many and a positional too many', async () => {
    assert.match((await cli('routes', 'show', '--timeout')).stderr, /--timeout needs a value: --timeout TIME/)
    assert.match((await cli('routes', 'show', '--timeout', '--json')).stderr, /--timeout needs a value before --json/)
    assert.match((await cli('routes', 'show', '--json=yes')).stderr, /--json takes no value/)
    assert.match((await cli('serve', 'me')).stderr, /unexpected "me"/)
  })

  test('reports each kind of error in its own way', async () => {
    const usage = await cli('bad', 'usage')
    assert.deepEqual([usage.code, usage.stderr], [2, "error: give a name\nSee 'engine-router bad usage --help'.\n"])
    const verb = await cli('bad', 'verb')
    assert.deepEqual([verb.code, verb.stderr], [1, 'error: the database is away: start it\n'])
    const file = await cli('bad', 'file')
    assert.deepEqual([file.code, file.stderr], [1, 'a.yaml:2:3: x: unknown key\n'])
    const code = await cli('bad', 'code')
    assert.equal(code.code, 1)
    assert.equal(code.stderr, 'error: unexpected: x is not a function (LOG_LEVEL=debug shows where)\n')
  })

  test('shows the stack of an unexpected error when debugging', async () => {
    const { stderr } = await runCli(['bad', 'code'], { entries, env: { LOG_LEVEL: 'debug' } })
    assert.match(stderr, /\n {4}at /)
  })

  test('colours on a terminal only, and not with NO_COLOR', async () => {
    const paint = (env: NodeJS.ProcessEnv, isTTY: boolean) => runCli(['bad', 'verb'], { entries, env, isTTY })
    assert.ok((await paint({}, true)).stderr.startsWith('\x1b[31merror:'))
    assert.match((await paint({ NO_COLOR: '1' }, true)).stderr, /^error:/)
    assert.match((await paint({}, false)).stderr, /^error:/)
  })
})

describe('the program', () => {
  const spawnMain = (words: readonly string[]) =>
    spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })

  test('prints its version', async () => {
    const child = spawnMain(['--version'])
    const [stdout] = await Promise.all([text(child.stdout), once(child, 'close')])
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
    assert.equal(child.exitCode, 0)
  })

  test('ends quietly when the reader of its output has left', async () => {
    const child = spawnMain(['--help'])
    child.stdout.destroy()
    const [stderr] = await Promise.all([text(child.stderr), once(child, 'close')])
    assert.equal(stderr, '')
    assert.equal(child.exitCode, 0)
  })

  test('loads no verb and none of their packages for its help', async () => {
    const trace = [
      "import { register } from 'node:module'",
      "register('data:text/javascript,' + encodeURIComponent(`export async function load(url, context, next) {",
      "  process._rawDebug('LOADED ' + url); return next(url, context) }`))",
    ].join('\n')
    const child = spawn(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(trace)}`, MAIN, '--help'],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const [stderr] = await Promise.all([text(child.stderr), text(child.stdout), once(child, 'close')])
    const loaded = stderr.split('\n').filter((line) => line.startsWith('LOADED file:'))
    assert.ok(
      loaded.some((line) => line.endsWith('/src/cli/run.ts')),
      stderr,
    )
    assert.deepEqual(
      loaded.filter((line) => line.includes('node_modules')),
      [],
    )
  })
})
