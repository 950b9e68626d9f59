import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parsePath } from '../../src/routing/path-pattern.ts'
import { PathScan } from '../../src/routing/path-scan.ts'
import { createSubjectPlan, renderSubject, subjectFault } from '../../src/routing/subject-plan.ts'
import { parseTemplate } from '../../src/routing/subject-template.ts'
import { arbitraryTemplate, hostileSegment } from './arbitrary-subjects.ts'
import { assertSubjectShape } from './subject-shape.ts'

/** The subject, or why there is none. */
function render(pattern: string, template: string, path: string): string {
  const plan = createSubjectPlan(parseTemplate(template), parsePath(pattern))
  const scan = new PathScan()
  assert.ok(scan.read(path, 65), 'a path')
  return renderSubject(plan, scan) ?? `! ${subjectFault(plan, scan)}`
}

describe('subjects', () => {
  test('are the template with each parameter in its place', () => {
    assert.equal(render('/o/{region}/{id}', 'o.{id}.in.{region}', '/o/eu/7'), 'o.7.in.eu')
    assert.equal(render('/{a}', '{a}', '/x'), 'x')
    assert.equal(render('/{a}/{b}', '{a}.{b}.{a}', '/x/y'), 'x.y.x')
    assert.equal(render('/a', 'a.b', '/a'), 'a.b')
  })

  test('take a rest as one token for each segment, anywhere', () => {
    assert.equal(render('/f/{rest...}', 'f.{rest}.end', '/f/a/b/c'), 'f.a.b.c.end')
    assert.equal(render('/{rest...}', '{rest...}', '/a'), 'a')
  })

  test('hold values percent-decoded', () => {
    assert.equal(render('/{a}', 'x.{a}', '/caf%C3%A9%2F%24%7E'), 'x.café/$~')
    assert.equal(render('/{a...}', 'x.{a}', '/%61/%F0%9F%90%88'), 'x.a.🐈')
  })

  for (const [value, fault] of [
    ['', 'is empty'],
    ['a.b', 'holds'],
    ['..', 'holds'],
    ['%2E', 'holds'],
    ['*', 'holds'],
    ['%3E', 'holds'],
    ['a b', 'holds'],
    ['a%20b', 'holds'],
    ['%09', 'holds'],
    ['%C2%A0', 'holds'],
    ['%E2%80%A8', 'holds'],
    ['%E3%80%80', 'holds'],
    ['%EF%BB%BF', 'holds'],
    ['%00', 'holds'],
    ['%7F', 'holds'],
    ['%C2%85', 'holds'],
    ['%EF%BF%BD', 'holds'],
    ['%', 'is not percent-encoded UTF-8'],
    ['%4', 'is not percent-encoded UTF-8'],
    ['%zz', 'is not percent-encoded UTF-8'],
    ['%FF', 'is not percent-encoded UTF-8'],
    ['%C0%AE', 'is not percent-encoded UTF-8'],
    ['%ED%A0%80', 'is not percent-encoded UTF-8'],
  ] as const) {
    test(`refuse ${JSON.stringify(value)}, as a parameter and in a rest`, () => {
      assert.match(
        render('/a/{id}', 'x.{id}', `/a/${value}`),
        new RegExp(`^! The value of \`id\` in the path ${fault}`),
      )
      assert.match(
        render('/a/{r...}', 'x.{r}', `/a/b/${value}`),
        new RegExp(`^! The value of \`r\` in the path ${fault}`),
      )
    })
  }

  test('do not let a client in where the server or replies live', () => {
    for (const value of ['$SYS', '%24JS', '_INBOX']) {
      assert.match(render('/{a}', '{a}.x', `/${value}`), /^! .* is reserved$/)
      assert.match(render('/{a...}', '{a}', `/${value}/x`), /^! .* is reserved$/)
      assert.doesNotMatch(render('/{a}', 'x.{a}', `/${value}`), /^!/)
      assert.doesNotMatch(render('/{a...}', '{a}', `/x/${value}`), /^!/)
    }
  })

  test('ignore a parameter that the template does not use', () => {
    assert.equal(render('/{file}', 'files', '/a.txt'), 'files')
  })

  test('are refused over 512 bytes of UTF-8', () => {
    assert.equal(render('/{a}', 'x.{a}', `/${'a'.repeat(510)}`).length, 512)
    assert.match(render('/{a}', 'x.{a}', `/${'a'.repeat(511)}`), /too long/)
    assert.equal(Buffer.byteLength(render('/{a}', 'x.{a}', `/${'%E2%82%AC'.repeat(170)}`)), 512)
    assert.match(render('/{a}', 'x.{a}', `/${'%E2%82%AC'.repeat(171)}`), /too long/)
    assert.match(render('/{a...}', 'x.{a}', '/a'.repeat(5000)), /too long/)
  })

  test('a path with thousands of malformed segments is refused at the first', () => {
    const beganMs = performance.now()
    for (let round = 0; round < 100; round++) render('/{a...}', 'x.{a}', '/%'.repeat(4000))
    const perRenderMs = (performance.now() - beganMs) / 100
    assert.ok(perRenderMs < 3, `${perRenderMs} ms`)
  })

  test('have exactly the tokens of the template, whatever a client sends', () => {
    let rendered = 0
    fc.assert(
      fc.property(
        arbitraryTemplate,
        fc.array(hostileSegment, { minLength: 1, maxLength: 7 }),
        ({ pattern, template }, values) => {
          const names = pattern.slice(1).split('/')
          const hasRest = names.at(-1) === '{rest...}'
          // A path that matches: as many segments as the pattern has, or more for the rest.
          while (values.length < names.length) values.push('a')
          if (!hasRest) values.length = names.length
          const subject = render(pattern, template, `/${values.join('/')}`)
          if (subject.startsWith('! ')) return
          rendered++
          assertSubjectShape(template, subject, { rest: values.length - names.length + 1 })
        },
      ),
      { numRuns: 5000 },
    )
    assert.ok(rendered > 500, `only ${rendered} subjects to look at`)
  })
})
