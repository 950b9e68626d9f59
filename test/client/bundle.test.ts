import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const MAX_BYTES = 12 * 1024

describe('the bundle of the client', () => {
  test('is small, has no dependency, and nothing of Node', async () => {
    // A package, or a module of Node, would be an error: for a browser there is neither.
    const { outputFiles, metafile } = await build({
      entryPoints: ['src/client/index.ts'],
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      write: false,
      metafile: true,
    })
    const inputs = Object.keys(metafile.inputs)
    assert.deepEqual(
      inputs.filter((path) => !/^src\/(client|adapters\/framing)\//.test(path)),
      [],
    )
    const bytes = gzipSync(outputFiles[0]!.contents).length
    assert.ok(bytes <= MAX_BYTES, `${bytes} bytes minified and compressed`)
  })
})
