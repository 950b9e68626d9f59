import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { checkRoutes, type RouteSpec, routeDocumentSchema } from '../../src/routing/spec.ts'
import { specOf } from './routes.ts'

const TEXT = readFileSync(new URL('../../docs/routes.md', import.meta.url), 'utf8')

describe('docs/routes.md', () => {
  test('has an example that is a valid table', () => {
    const example = /```yaml\n(.*?)```/s.exec(TEXT)?.[1] ?? ''
    const specs: RouteSpec[] = parse(example).routes.map(specOf)
    assert.deepEqual(
      specs.map(({ name }) => name),
      ['orders-create', 'tokens', 'terminal', 'shell'],
    )
    assert.deepEqual(checkRoutes(specs), [])
  })

  test('has a row for each key and no other', () => {
    const { shape } = routeDocumentSchema
    const nested = {
      match: Object.keys(shape.match.shape),
      limits: Object.keys(shape.limits.unwrap().shape),
      noResponders: Object.keys(shape.noResponders.unwrap().shape),
    }
    const keys = Object.keys(shape).flatMap((key) => nestedKeys(nested, key))
    const rows = [...TEXT.matchAll(/^\| `([a-zA-Z.]+)` \|.*\|.*\|$/gm)].map(([, key]) => key)
    assert.deepEqual(rows.toSorted(), keys.toSorted())
  })
})

function nestedKeys(nested: Readonly<Record<string, readonly string[]>>, key: string): string[] {
  return nested[key]?.map((inner) => `${key}.${inner}`) ?? [key]
}
