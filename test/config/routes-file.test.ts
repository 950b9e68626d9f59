import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { readRoutesFile } from '../../src/config/routes-file.ts'
import { linesOf } from './problems.ts'

const lines = (text: string) => linesOf(() => readRoutesFile(text, 'routes.yaml'))

describe('readRoutesFile', () => {
  test('returns specs with defaults and the documents as written', () => {
    const text = [
      'version: 1',
      'routes:',
      '  - name: orders',
      '    match: { methods: [POST], path: "/orders/{region}" }',
      '    subject: "orders.{region}.create"',
      '    timeout: 5s',
    ].join('\n')
    const { specs, documents } = readRoutesFile(text, 'routes.yaml')
    assert.equal(specs.length, 1)
    assert.equal(specs[0]?.name, 'orders')
    assert.equal(specs[0]?.timeoutMs, 5000)
    assert.equal(specs[0]?.reply, 'single')
    assert.deepEqual(documents, [
      {
        name: 'orders',
        match: { methods: ['POST'], path: '/orders/{region}' },
        subject: 'orders.{region}.create',
        timeout: '5s',
      },
    ])
  })

  test('takes a file without routes', () => {
    assert.deepEqual(readRoutesFile('version: 1\nroutes: []\n', 'routes.yaml'), { specs: [], documents: [] })
  })

  test('takes the sample', () => {
    const sample = readFileSync(new URL('../../config/routes.yaml', import.meta.url), 'utf8')
    assert.ok(readRoutesFile(sample, 'routes.yaml').specs.length > 0)
  })

  test('refuses another version', () => {
    assert.deepEqual(lines('version: 2\nroutes: []\n'), ['1:10 version: expected 1; got 2'])
    assert.deepEqual(lines('routes: []\n'), ['1:1 version: is missing; expected 1'])
  })

  test('shows what is wrong in each route and between routes, all at once', () => {
    const text = [
      'version: 1',
      'routes:',
      '  - name: a',
      '    match: { path: "/a/{id" }',
      '    subject: a',
      '  - name: twice',
      '    match: { path: /b }',
      '    subject: b',
      '  - name: c',
      '    match: { path: "/c/{id}" }',
      '    subject: "c.{region}"',
      '  - name: twice',
      '    match: { path: /d }',
      '    subject: d',
      '    tiemout: 5s',
      '  - name: twice',
      '    match: { path: /e }',
      '    subject: e',
    ].join('\n')
    const found = lines(text)
    assert.equal(found.length, 4, found.join('\n'))
    assert.match(found[0]!, /^4:20 routes\[0\]\.match\.path: /)
    assert.match(found[1]!, /^11:14 routes\[2\]\.subject: .*region/)
    assert.equal(found[2], '15:5 routes[3].tiemout: unknown key, did you mean "timeout"?')
    assert.match(found[3]!, /^16:11 routes\[4\]\.name: /)
  })

  test('refuses subjects of the inboxes of routers, where those are known', () => {
    const routes = ['a._REPLY', '_REPLY.x.{id}', '_REPLYING.{id}', '{id}._REPLY.x', '_REPLY.x'].map(
      (subject, at) => `  - { name: r${at}, match: { path: '/${at}/{id}' }, subject: '${subject}' }`,
    )
    const text = ['version: 1', 'routes:', ...routes].join('\n')
    const found = linesOf(() => readRoutesFile(text, 'routes.yaml', '_REPLY.x'))
    assert.equal(found.length, 2, found.join('\n'))
    assert.match(found[0]!, /^4:\d+ routes\[1\]\.subject: .*`_REPLY\.x` are reserved by nats\.inboxPrefix/)
    assert.match(found[1]!, /^7:\d+ routes\[4\]\.subject: /)
    assert.equal(readRoutesFile(text, 'routes.yaml').specs.length, 5)
  })
})
