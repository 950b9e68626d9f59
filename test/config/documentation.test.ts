import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { z } from 'zod'
import { routerConfigSchema } from '../../src/config/schema.ts'

test('docs/configuration.md has every key, below the heading of its section', () => {
  const manual = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  const sections = manual.split(/^(?=### )/m)
  // Policies have a manual of their own.
  const keys = [...keysOf(routerConfigSchema, [])].filter(([section]) => section !== 'policies')
  assert.ok(keys.length > 20)
  for (const path of keys) {
    const heading = `\`${path.slice(0, -1).join('.')}\``
    const section = sections.find((text) => text.slice(0, text.indexOf('\n')).includes(heading)) ?? ''
    assert.ok(section.includes(`\n| \`${path.at(-1)}\` |`), `${path.join('.')} below ${heading}`)
  }
})

/** The paths of all settings; of those in a list, without an index. */
function* keysOf(schema: unknown, path: readonly string[]): Generator<readonly string[]> {
  if (schema instanceof z.ZodPipe && schema.in instanceof z.ZodTransform) yield* keysOf(schema.out, path)
  else if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) yield* keysOf(schema.unwrap(), path)
  else if (schema instanceof z.ZodArray && schema.element instanceof z.ZodObject) yield* keysOf(schema.element, path)
  else if (schema instanceof z.ZodObject) {
    for (const [key, value] of Object.entries(schema.shape)) yield* keysOf(value, [...path, key])
  } else yield path
}
