import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { encodeBinaryFrame } from '../../../src/adapters/framing/binary-frames.ts'
import { decodeJsonFrame } from '../../../src/adapters/framing/json-frames.ts'

describe('docs/mux.md', () => {
  const text = readFileSync('docs/mux.md', 'utf8')

  test('has frames of JSON that can be read', () => {
    const commands = [...text.matchAll(/printf '(\{.*?)'/g)].flatMap(([, lines]) => lines!.split('\\n').filter(Boolean))
    const answers = [...text.matchAll(/^\{"t".*$/gm)].map(([line]) => line)
    const inline = [...text.matchAll(/`(\{"t".*?\})`/g)].map(([, frame]) => frame!)
    assert.ok(Math.min(commands.length, answers.length, inline.length) > 0)
    for (const frame of [...commands, ...answers, ...inline]) decodeJsonFrame(frame)
  })

  test('has frames in binary that are those of JSON beside them', () => {
    const rows = [...text.matchAll(/^\| `(\{.*?\})` \| `([0-9a-f ]+)` \|$/gm)]
    assert.ok(rows.length > 5, String(rows.length))
    for (const [, json, hex] of rows) {
      const bytes = encodeBinaryFrame(decodeJsonFrame(json!))
      assert.equal(Buffer.from(bytes).toString('hex'), hex!.replaceAll(' ', ''), json)
    }
  })
})
