import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from 'nats'
import { parse } from 'yaml'
import { startTestApp } from '../app/start-test-app.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { natsUrl } from '../support/nats.ts'
import { needs } from '../support/needs.ts'

const P = `t${process.pid}prometheus`
const ALERTS = 'docker/prometheus/alerts.yaml'
const noPrometheus = needs(spawnSync('prometheus', ['--version']).status === 0, 'prometheus is not here')
const noPromtool = needs(spawnSync('promtool', ['--version']).status === 0, 'promtool is not here')

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[]
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[]
}

test('the alert rules and the settings are what Prometheus takes', { skip: noPromtool }, () => {
  for (const words of [
    ['check', 'rules', ALERTS],
    ['check', 'config', 'docker/prometheus/prometheus.yaml'],
  ]) {
    const { status, stdout, stderr } = spawnSync('promtool', words, { encoding: 'utf8' })
    assert.equal(status, 0, stdout + stderr)
  }
})

test('every query of the dashboard and the alerts has data after some traffic', { skip: noPrometheus }, async (t) => {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  nats.subscribe(`${P}.echo`, { callback: (_error, message) => void message.respond(message.data) })
  await nats.flush()
  const { url, adminUrl } = await startTestApp(t, [
    { name: 'echo', match: { path: '/echo' }, subject: `${P}.echo`, policies: [{ circuitBreaker: {} }] },
    { name: 'nobody', match: { path: '/nobody' }, subject: `${P}.nobody` },
  ])
  const send = async () => {
    for (const path of ['/echo', '/nobody', '/missing']) await (await fetch(url + path, { method: 'POST' })).text()
  }

  const query = await startPrometheus(t, new URL(adminUrl).host)
  for (const { name, expr } of queries()) {
    const probe = async () => {
      // A rate needs two scrapes with something in between.
      await send()
      return (await query(expr)) > 0
    }
    await eventually(`data for ${name}: ${expr}`, probe, { timeoutMs: 15_000 })
  }
})

/** Of the alerts, what they compare: as a rule it is nothing that should alarm. */
function queries(): { readonly name: string; readonly expr: string }[] {
  const dashboard = JSON.parse(readFileSync('docker/grafana/engine-router.json', 'utf8')) as Dashboard
  const { groups } = parse(readFileSync(ALERTS, 'utf8')) as Rules
  const panels = dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => {
      return { name: title, expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*') }
    }),
  )
  const alerts = groups.flatMap(({ rules }) =>
    rules.map(({ alert, expr }) => {
      assert.match(expr, / (?:>|==) [\d.]+$/, alert)
      return { name: alert, expr: expr.replace(/ (?:>|==) [\d.]+$/, '') }
    }),
  )
  assert.ok(panels.length > 10 && alerts.length > 5)
  return [...panels, ...alerts]
}

/** Scrapes the target every 200 ms; the function gives the number of series of a query that have a number, and throws at a faulty one. */
async function startPrometheus(t: TestContext, target: string): Promise<(expr: string) => Promise<number>> {
  const folder = await mkdtemp(join(tmpdir(), 'engine-router-prometheus-'))
  const config = join(folder, 'prometheus.yaml')
  const settings = {
    global: { scrape_interval: '200ms', scrape_timeout: '200ms' },
    scrape_configs: [{ job_name: 'engine-router', static_configs: [{ targets: [target] }] }],
    rule_files: [resolve(ALERTS)],
  }
  await writeFile(config, JSON.stringify(settings))
  const port = await freePort()
  const child = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
    await rm(folder, { recursive: true })
  })
  let output = ''
  child.stderr.on('data', (chunk) => {
    output += chunk
  })
  const origin = `http://127.0.0.1:${port}`
  await eventually(
    'prometheus is ready',
    async () => {
      assert.equal(child.exitCode, null, output)
      return (await fetch(`${origin}/-/ready`)).ok
    },
    { timeoutMs: 15_000 },
  )
  return async (expr) => {
    const response = await fetch(`${origin}/api/v1/query?${new URLSearchParams({ query: expr })}`)
    const { status, error, data } = (await response.json()) as {
      status: string
      error?: string
      data?: { result: { value: [number, string] }[] }
    }
    assert.equal(status, 'success', error)
    return data!.result.filter(({ value }) => Number.isFinite(Number(value[1]))).length
  }
}
