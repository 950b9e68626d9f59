import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { startRouterUnderTest } from './router-under-test.ts'

test('the examples of docs/client-sdk.md do what they say', async (t) => {
  const router = await startRouterUnderTest(t)
  const blocks = readFileSync('docs/client-sdk.md', 'utf8').matchAll(/^```js.*?\n(.*?)^```$/gms)
  // All of them one after the other, as one program.
  const source = Array.from(blocks, ([, code]) => code)
    .join('\n')
    .replaceAll("'engine-router/client'", `'${pathToFileURL('src/client/index.ts')}'`)
    .replaceAll('http://localhost:8080', router.url)
  const program = spawn(process.execPath, ['--input-type=module', '--eval', source], { timeout: 20_000 })
  let output = ''
  for (const stream of [program.stdout, program.stderr]) stream.on('data', (chunk) => (output += chunk))
  await once(program, 'close')
  assert.deepEqual(output.trimEnd().split('\n'), [
    "201 { url: '/hello/ada', authorization: null, type: null, text: '' }",
    "{ item: 'tea' }",
    'ls',
    'tick 1 tick 1',
    'tick 2 tick 2',
    'tick 3 tick 3',
    'no_route 404 false',
  ])
  assert.equal(program.exitCode, 0)
  await router.assertIdle()
})
