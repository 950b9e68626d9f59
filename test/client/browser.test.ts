import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { build } from 'esbuild'
import { type Browser, chromium } from 'playwright-core'
import { eventually } from '../support/eventually.ts'
import { needs } from '../support/needs.ts'
import { startRouterUnderTest } from './router-under-test.ts'
import { EXPECTED } from './scenarios.ts'

const CHROMIUM = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium'
const skip = needs(existsSync(CHROMIUM), `there is no Chromium at ${CHROMIUM}`)

describe('the client in a browser', { skip }, () => {
  let browser: Browser
  let script: string

  before(async () => {
    const { outputFiles } = await build({
      entryPoints: ['test/client/scenarios.ts'],
      bundle: true,
      format: 'iife',
      globalName: 'page',
      platform: 'browser',
      write: false,
    })
    script = outputFiles[0]!.text
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'], timeout: 60_000 })
  })
  after(() => browser?.close())

  for (const encoding of ['bin', 'json']) {
    test(`understands the router (${encoding})`, { timeout: 120_000 }, async (t) => {
      const router = await startRouterUnderTest(t, {
        '/': { type: 'text/html', content: '<!doctype html><title>test</title><script src="/page.js"></script>' },
        '/page.js': { type: 'text/javascript', content: script },
      })
      const page = await browser.newPage()
      const complaints: string[] = []
      page.on('pageerror', (error) => complaints.push(String(error)))
      await page.goto(router.url.replace('ws', 'http'))
      for (const [name, expected] of Object.entries(EXPECTED)) {
        await t.test(name, async () => {
          const call = `page.scenarios[${JSON.stringify(name)}](${JSON.stringify(router.url)}, ${JSON.stringify(encoding)})`
          assert.deepEqual(await page.evaluate(call), expected)
          await router.assertIdle()
        })
      }
      await eventually('the backend has heard of both that left', () => router.abandoned === 2)
      assert.deepEqual(complaints, [])
      await page.close()
    })
  }
})
