import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { connect, type NatsConnection, headers as natsHeaders } from 'nats'
import { type Browser, chromium, type Page } from 'playwright-core'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { needs } from '../support/needs.ts'

const CHROMIUM = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium'
const skip = needs(existsSync(CHROMIUM), `there is no Chromium at ${CHROMIUM}`)
const P = `t${process.pid}corsbrowser`

describe('cors in a browser', { skip }, () => {
  let nats: NatsConnection
  let gateway: Gateway
  let pages: Server
  let browser: Browser
  let page: Page
  const heard: string[] = []

  before(async () => {
    nats = await connect({ servers: await natsUrl() })
    nats.subscribe(`${P}.items`, {
      callback(_, message) {
        heard.push(message.headers?.get('Sx-Method') ?? '')
        const headers = natsHeaders()
        headers.append('x-total', '3')
        headers.append('x-hidden', 'h')
        message.respond('items', { headers })
      },
    })
    await nats.flush()
    pages = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'))
    pages.listen(0, '127.0.0.1')
    await once(pages, 'listening')
    const origins = [pageOrigin('127.0.0.1')]
    const policies = [{ cors: { origins, credentials: true, exposeHeaders: ['x-total'] } }]
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      routes: [
        { name: 'items', match: { path: '/items', methods: ['GET', 'PUT'] }, subject: `${P}.items`, policies },
        { name: 'nobody', match: { path: '/nobody' }, subject: `${P}.nobody`, policies },
      ],
    })
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'], timeout: 60_000 })
    page = await browser.newPage()
  })

  after(async () => {
    await browser?.close()
    await gateway?.close()
    pages?.close()
    await nats?.close()
  })

  const pageOrigin = (host: string) => `http://${host}:${(pages.address() as AddressInfo).port}`
  /** What a page of the present origin makes of a request. */
  const tryFetch = (path: string, init: RequestInit = {}) =>
    page.evaluate(
      async ([url, init]) => {
        try {
          const response = await fetch(url, init)
          const { status, headers } = response
          return [status, await response.text(), headers.get('x-total'), headers.get('x-hidden')]
        } catch (error) {
          return [(error as Error).name]
        }
      },
      [`${gateway.url}${path}`, init] as const,
    )
  const PUT: RequestInit = {
    method: 'PUT',
    body: '{}',
    credentials: 'include',
    headers: { 'content-type': 'application/json', 'x-custom': 'a' },
  }

  test('a page of a listed origin reads responses, with the fields that are exposed', async () => {
    await page.goto(pageOrigin('127.0.0.1'))
    assert.deepEqual(await tryFetch('/items'), [200, 'items', '3', null])
  })

  test('it may send what needs a preflight, and credentials', async () => {
    heard.length = 0
    assert.deepEqual(await tryFetch('/items', PUT), [200, 'items', '3', null])
    assert.deepEqual(heard, ['PUT'])
  })

  test('it reads errors of the router', async () => {
    const [status, body] = await tryFetch('/nobody', PUT)
    assert.equal(status, 503)
    assert.match(String(body), /no_responders/)
  })

  test('a page of another origin reads nothing, and what needs a preflight is not sent', async () => {
    await page.goto(pageOrigin('localhost'))
    assert.deepEqual(await tryFetch('/items'), ['TypeError'])
    heard.length = 0
    assert.deepEqual(await tryFetch('/items', PUT), ['TypeError'])
    assert.deepEqual(heard, [])
  })
})
