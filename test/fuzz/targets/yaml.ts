import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type fc from 'fast-check'
import { DocumentError } from '../../../src/config/document-error.ts'
import { readYaml } from '../../../src/config/located-yaml.ts'
import { toRouterConfig } from '../../../src/config/router-config.ts'
import { readRoutesFile } from '../../../src/config/routes-file.ts'
import { formatRoutes } from '../../../src/config/routes-text.ts'
import { routerConfigSchema } from '../../../src/config/schema.ts'
import { arbitraryMutations, mutate } from '../bytes.ts'
import { pureTarget } from '../target.ts'

const SHARP = [
  '\n',
  '\n  ',
  '\n- ',
  ': ',
  '&a ',
  '*a',
  '<<: *a\n',
  '!!binary ',
  '!!js/function x',
  '{',
  '}',
  '[',
  ']',
  '"',
  "'",
  '|\n',
  '>\n',
  '? ',
  '---\n',
  '...\n',
  '#',
  '%YAML 1.1\n',
  '\t',
  '\0',
  '\xff',
  '__proto__: {}\n',
  'null',
  '1e999',
  '-1',
  '0x10',
  '99999999999999999999d',
  '{rest...}',
  '>',
  '[['.repeat(200),
  '&a [*a,*a]',
]

const sample = (name: string) => readFileSync(new URL(`../../../config/${name}`, import.meta.url))

function changed(original: Buffer): fc.Arbitrary<string> {
  return arbitraryMutations(SHARP).map((mutations) => mutate(original, mutations).toString())
}

/** The file of routes: it is read, or refused with the places of what is wrong; and what is read can be written again. */
export const routesYamlTarget = pureTarget('routes-yaml', changed(sample('routes.yaml')), (text) => {
  const file = orDocumentError(() => readRoutesFile(text, 'routes.yaml'))
  if (file === undefined) return
  assert.deepEqual(readRoutesFile(formatRoutes(file.documents), 'again.yaml').specs, file.specs)
})

/** The file of settings: it is read, or refused with the places of what is wrong. */
export const routerYamlTarget = pureTarget('router-yaml', changed(sample('router.yaml')), (text) => {
  orDocumentError(() => toRouterConfig(readYaml(text, 'router.yaml', routerConfigSchema).value))
})

function orDocumentError<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error
    assert.ok(error.problems.length > 0)
    return undefined
  }
}
