import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { VERBS } from '../../src/cli/index.ts'
import { runCli } from './run-cli.ts'

const manual = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')

describe('every verb', () => {
  test('is there once', () => {
    assert.ok(VERBS.length > 0)
    assert.equal(new Set(VERBS.map(({ name }) => name)).size, VERBS.length)
  })

  for (const { name, summary, load } of VERBS) {
    test(`${name} has a summary, a help and a line in docs/cli.md`, async () => {
      assert.match(summary, /^[A-Z].*[^.]$/, 'a sentence without its full stop')
      const { code, stdout, stderr } = await runCli([...name.split(' '), '--help'])
      assert.equal(code, 0)
      assert.equal(stderr, '')
      assert.ok(stdout.startsWith(`${summary}.\n\nUsage: engine-router ${name}`), stdout)
      assert.match(manual, new RegExp(`^\\| \`${name}[ \`]`, 'm'))
      const { verb } = await load()
      for (const [option, { description, short }] of Object.entries(verb.options)) {
        assert.match(option, /^[a-z][a-z-]*$/)
        assert.ok(description.length > 0, option)
        assert.notEqual(short, 'h', 'taken by --help')
      }
    })
  }
})
