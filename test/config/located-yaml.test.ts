import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { DocumentError } from '../../src/config/document-error.ts'
import { readYaml } from '../../src/config/located-yaml.ts'
import { linesOf } from './problems.ts'

const schema = z.strictObject({
  name: z.string().min(1),
  port: z.int().min(0).max(65_535).optional(),
  reply: z.enum(['single', 'many']).optional(),
  forward: z.union([z.enum(['all', 'none']), z.array(z.string())]).optional(),
  tags: z.array(z.string()).min(1).optional(),
  inner: z.strictObject({ timeout: z.string(), watch: z.boolean().optional() }).optional(),
})
const read = (text: string) => readYaml(text, 'a.yaml', schema)
const lines = (text: string) => linesOf(() => read(text))

describe('readYaml', () => {
  test('returns the value and where its parts are', () => {
    const { value, locate } = read('name: x\ninner:\n  timeout: 5s\ntags:\n  - a\n  - b\n')
    assert.deepEqual(value, { name: 'x', inner: { timeout: '5s' }, tags: ['a', 'b'] })
    assert.deepEqual(locate(['inner', 'timeout']), { line: 3, column: 12 })
    assert.deepEqual(locate(['tags', 1]), { line: 6, column: 5 })
    assert.deepEqual(locate(['inner']), { line: 2, column: 1 })
    assert.deepEqual(locate(['inner', 'watch']), { line: 2, column: 1 }, 'missing: the key above')
    assert.deepEqual(locate([]), { line: 1, column: 1 })
  })

  test('shows every problem at once, in the order of the text', () => {
    const text = ['name: ""', 'prot: 1', 'port: 70000', 'reply: sngle', 'inner:', '  tiemout: 5s', 'tags: []'].join(
      '\n',
    )
    assert.deepEqual(lines(text), [
      '1:7 name: must not be empty; got ""',
      '2:1 prot: unknown key, did you mean "port"?',
      '3:7 port: must be at most 65535; got 70000',
      '4:8 reply: expected one of single, many; got "sngle", did you mean "single"?',
      '5:1 inner.timeout: is missing; expected text',
      '6:3 inner.tiemout: unknown key, did you mean "timeout"?',
      '7:7 tags: must not be empty; got a list',
    ])
  })

  test('writes one problem a line with file, place and path', () => {
    assert.throws(
      () => read('name: x\nport: no\nzzz: 1\n'),
      (error) =>
        error instanceof DocumentError &&
        error.message === 'a.yaml:2:7: port: expected a number; got "no"\na.yaml:3:1: zzz: unknown key',
    )
  })

  test('says what kind of value is missing or wrong', () => {
    assert.deepEqual(lines('name: [x]\ninner: 3\n'), [
      '1:7 name: expected text; got a list',
      '2:8 inner: expected a mapping; got 3',
    ])
    assert.deepEqual(lines('port: 1.5\n'), [
      '1:1 name: is missing; expected text',
      '1:7 port: expected a whole number; got 1.5',
    ])
    assert.deepEqual(lines('name:\n'), ['1:6 name: expected text; got nothing'])
    assert.deepEqual(lines('- a\n'), ['1:1 : expected a mapping; got a list'])
    assert.deepEqual(lines(''), ['1:1 : expected a mapping; got nothing'])
  })

  test('names all alternatives, or the fault inside the one that was meant', () => {
    assert.deepEqual(lines('name: x\nforward: al\n'), [
      '2:10 forward: expected all, none or a list; got "al", did you mean "all"?',
    ])
    assert.deepEqual(lines('name: x\nforward: [a, 1]\n'), ['2:14 forward[1]: expected text; got 1'])
  })

  test('points at the second of two equal keys and goes on checking', () => {
    assert.deepEqual(lines('name: x\nport: 1\nname: y\nreply: no\n'), [
      '3:1 name: the key is there twice',
      '4:8 reply: expected one of single, many; got "no"',
    ])
  })

  test('reports broken YAML with its place', () => {
    const [first] = linesOf(() => read('name: x\ntags: [a\nport: 1\n'))
    assert.match(first ?? '', /^3:1 : .*sequence/)
    assert.match(lines('name: x\n\tport: 1\n')[0] ?? '', /^2:1 : .*[Tt]ab/)
    assert.match(lines('name: !secret x\n')[0] ?? '', /^1:7 : Unresolved tag: !secret/)
  })

  for (const [what, text, expected] of [
    ['a tab', 'inner:\n\ttimeout: 5s\n', '2:1 : Tabs .*: indent with spaces$'],
    ['too little indentation', 'inner:\n    timeout: 5s\n  watch: true\n', '3:1 : .*: indent the keys of one mapping'],
    ['too much indentation', 'name: x\n  port: 1\n', '1:7 : .*: .*the next line is indented too far'],
    ['an entry without its dash', 'tags:\n  - a\n  b: 1\n', '3:1 : .*: indent .* the entries of one list'],
    ['a missing colon', 'name x\nport: 1\n', '1:1 : .*: a colon is missing'],
    ['a missing space after a colon', 'name:x\nport: 1\n', '1:1 : .*: a colon is missing.* a space after the colon'],
    ['a colon in text', 'name: a: b\n', '1:7 : .*: a value that holds `: ` needs quotes'],
    ['an unclosed double quote, where it begins', 'port: 1\nname: "x\ntags: []\n', '2:7 : .*: .* is not closed$'],
    ['an unclosed single quote, where it begins', "port: 1\nname: 'x\ntags: []\n", '2:7 : .*: .* is not closed$'],
    ['an unclosed bracket', 'inner: { timeout: 5s\nport: 1\n', '2:1 : .*: a bracket before this is not closed'],
    ['a missing comma', 'inner: { timeout: 5s watch: true }\n', '1:19 : .*: put commas between'],
    ['text that begins with a bracket', 'name: {region}.a\n', '1:15 : .*: .* needs quotes around all of it$'],
    ['text that begins with a reserved character', 'name: @a\n', '1:7 : .*: put the value in quotes'],
    ['a backslash in double quotes', 'name: "\\d"\n', '1:8 : .*: a backslash stands for itself in single quotes'],
  ] as const) {
    test(`says in plain words what to do about ${what}`, () => {
      const all = lines(text)
      assert.match(all[0] ?? '', new RegExp(`^${expected}`))
      assert.equal(new Set(all.map((line) => line.split(' ')[0])).size, all.length, 'one word on a place')
    })
  }

  test('refuses a second document, undefined aliases and keys that are no text', () => {
    assert.deepEqual(lines('name: x\n---\nname: y\n'), ['2:1 : a second document begins; only one is allowed'])
    assert.deepEqual(lines('name: *x\n'), [
      '1:7 name: *x refers to no anchor above it; text that begins with * needs quotes',
    ])
    assert.deepEqual(lines('{a: 1}: x\n'), ['1:1 : a key must be plain text'])
  })

  test('takes aliases and points at what they stand for', () => {
    assert.deepEqual(read('name: &n x\ntags: [*n]\n').value, { name: 'x', tags: ['x'] })
    assert.deepEqual(lines('name: x\ninner: &i\n  timeout: 5s\n  watch: 1\nport: *i\n'), [
      '4:10 inner.watch: expected true or false; got 1',
      '5:7 port: expected a number; got a mapping',
    ])
  })

  test('refuses a document that grows without end through its aliases', () => {
    const bomb = ['a: &a [x, x]', ...'bcdefgh'.split('').map((key, index) => bombLine(key, 'abcdefg'[index]!))].join(
      '\n',
    )
    assert.deepEqual(lines(bomb), ['1:1 : too many aliases: write the values out'])
  })

  test('reads YAML 1.2: yes is text', () => {
    assert.deepEqual(lines('name: yes\ninner: { timeout: no, watch: yes }\n'), [
      '2:30 inner.watch: expected true or false; got "yes"',
    ])
  })

  test('either returns a value or throws DocumentError with places inside the text, whatever the text', () => {
    const pieces = fc.constantFrom(
      'name',
      'port',
      ':',
      ' ',
      '\n',
      '  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '"',
      '&a',
      '*a',
      '#',
      '|',
      '1',
      '\t',
      '!x',
      '? ',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            read(text)
          } catch (error) {
            if (!(error instanceof DocumentError)) throw error
            assert.ok(error.problems.length > 0)
            const count = text.split('\n').length
            for (const { line, column } of error.problems) assert.ok(line >= 1 && line <= count && column >= 1)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})

function bombLine(key: string, before: string): string {
  return `${key}: &${key} [${Array(10).fill(`*${before}`).join(', ')}]`
}
