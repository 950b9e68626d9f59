import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parseYaml } from '../../src/config/yaml-document.ts'
import { POLICY_KINDS } from '../../src/policies/index.ts'
import { policyListSchema } from '../../src/policies/policy-list.ts'
import { optionsOf, renderPolicy } from '../../src/policies/policy-reference.ts'
import { runCli } from '../cli/run-cli.ts'

const MANUAL = new URL('../../docs/policies.md', import.meta.url)
const COMMAND = 'UPDATE_DOCS=1 npm test -- test/policies/documentation.test.ts'

/** What stands between the markers of a policy; empty if there are none. */
function partOf(name: string): RegExp {
  return new RegExp(`(?<=^## ${name}\n\n<!-- made of the schema of ${name} -->\n).*?(?=<!-- end -->$)`, 'ms')
}

if (process.env.UPDATE_DOCS === '1') {
  const text = POLICY_KINDS.reduce(
    (manual, kind) => manual.replace(partOf(kind.name), () => renderPolicy(kind)),
    readFileSync(MANUAL, 'utf8'),
  )
  writeFileSync(MANUAL, text)
}

describe('docs/policies.md', () => {
  const manual = readFileSync(MANUAL, 'utf8')

  for (const kind of POLICY_KINDS) {
    test(`tells of ${kind.name} what its schema says`, () => {
      const [found] = partOf(kind.name).exec(manual) ?? []
      const place = `a heading \`## ${kind.name}\`, then <!-- made of the schema of ${kind.name} --> and <!-- end -->`
      assert.notEqual(found, undefined, `docs/policies.md needs ${place}; then run: ${COMMAND}`)
      assert.equal(found, renderPolicy(kind), `docs/policies.md is stale: run ${COMMAND}`)
    })

    test(`each option of ${kind.name} is described, with a full stop`, () => {
      for (const { name, description } of optionsOf(kind)) assert.match(description, /^.+[.:]$/s, name)
    })
  }

  test('has no example that the router would refuse', () => {
    const examples = [...manual.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => parseYaml(text!))
    const lists = examples.flatMap(({ value, faults }) => {
      assert.deepEqual(faults, [])
      const { policies, routes = [] } = value as { policies?: unknown; routes?: { policies?: unknown }[] }
      return [policies, ...routes.map((route) => route.policies)].filter((list) => list !== undefined)
    })
    assert.ok(lists.length >= POLICY_KINDS.length / 2)
    for (const list of lists) assert.deepEqual(policyListSchema.safeParse(list).error?.issues ?? [], [])
  })

  test('has no policy that there is not', () => {
    const named = [...manual.matchAll(/^<!-- made of the schema of (\w+) -->$/gm)].map(([, name]) => name)
    assert.deepEqual(
      named,
      POLICY_KINDS.map(({ name }) => name),
    )
  })
})

describe('policies', () => {
  test('prints what the manual has', async () => {
    const { code, stdout } = await runCli(['policies'])
    assert.equal(code, 0)
    for (const kind of POLICY_KINDS) assert.ok(stdout.includes(`## ${kind.name}\n\n${renderPolicy(kind)}`))
  })

  test('prints JSON Schema of those that are named', async () => {
    const { stdout } = await runCli(['policies', 'rateLimit', '--json'])
    const [policy, ...others] = JSON.parse(stdout).policies
    assert.deepEqual([policy.name, policy.options.required, others], ['rateLimit', ['rate'], []])
  })

  test('refuses a name that there is not, and tells those that there are', async () => {
    const { code, stderr } = await runCli(['policies', 'ratelimit'])
    assert.equal(code, 2)
    assert.match(stderr, /rateLimit/)
  })
})
