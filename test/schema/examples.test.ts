import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { z } from 'zod'
import { routerConfigSchema } from '../../src/config/schema.ts'
import { POLICY_KINDS } from '../../src/policies/index.ts'
import { optionsOf } from '../../src/policies/policy-reference.ts'
import { routeDocumentSchema } from '../../src/routing/document.ts'

/** A document with one value in it, each part of the path a key; `0` a list. */
function documentWith(path: readonly (string | number)[], value: unknown): unknown {
  return path.reduceRight<unknown>((inner, key) => (key === 0 ? [inner] : { [key]: inner }), value)
}

/** What is said of the value at a path; what else is wrong with a document that has nothing beside it does not count. */
function faultAt(schema: z.ZodType, path: readonly (string | number)[], value: unknown): string | undefined {
  const { error } = schema.safeParse(documentWith(path, value))
  return error?.issues.find((issue) => issue.path.join() === path.join())?.message
}

const ofPolicies = POLICY_KINDS.flatMap((kind) =>
  optionsOf(kind)
    .filter(({ type }) => type.startsWith('duration'))
    .map(({ name }) => [kind.schema, name.split('.'), `${kind.name}.${name}`] as const),
)
const ofRoutes = ['timeout', 'idleTimeout', 'maxDuration', 'limits.bodyBytes', 'noResponders.hold'].map(
  (name) => [routeDocumentSchema, name.split('.'), name] as const,
)
const limits = ['bodyBytes', 'headerBytes', 'uriBytes', 'messageBytes', 'loopDelay', 'bytesPerSecond']
const ofRouter = [
  ...[...limits, 'bodyBytesPerSecond', 'stallTimeout', 'bufferedBytes'].map((name) => ['limits', name]),
  ['drain', 'delay'],
  ['drain', 'timeout'],
  ['listen', 'tcp', 0, 'idleTimeout'],
].map((path) => [routerConfigSchema, path, path.join('.')] as const)

describe('the message about a wrong duration or size shows a right value:', () => {
  assert.ok(ofPolicies.length >= 5)
  for (const [schema, path, name] of [...ofPolicies, ...ofRoutes, ...ofRouter]) {
    test(name, () => {
      const message = faultAt(schema, path, 'soon') ?? ''
      const [, example] = /^expected a (?:duration|size) .+, such as (\S+); got "soon"$/.exec(message) ?? []
      assert.ok(example !== undefined, message)
      assert.equal(faultAt(schema, path, example), undefined)
    })
  }
})
