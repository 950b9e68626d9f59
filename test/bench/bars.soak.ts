import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BenchReport } from '../../src/bench/report.ts'
import { benchReport } from './run-bench.ts'

const KIB = 1024

/** What the router promises of its speed and memory, in one run on this machine. It must do nothing else meanwhile. */
test('the bench stays within its bars', { timeout: 20 * 60_000 }, async (t) => {
  const report = await benchReport(t)
  t.diagnostic(JSON.stringify(report))
  const { ratios, streams, idle, telemetryCost, policyCost } = report

  const at64 = ratios.find(({ connections }) => connections === 64)!
  assert.ok(at64.rpsOfCeiling! >= 0.8, `${at64.rpsOfCeiling} of the ceiling's rate`)
  assert.ok(at64.cpuOfCeiling! <= 1.35, `${at64.cpuOfCeiling} times the ceiling's CPU`)
  assert.ok(at64.rpsOfFastify! >= 2, `${at64.rpsOfFastify} times fastify`)

  const { metrics, metricsBar, sampled, sampledBar } = telemetryCost!
  assert.ok(metrics <= metricsBar, `metrics take ${metrics} of the rate`)
  assert.ok(sampled <= sampledBar, `metrics and a span of every request take ${sampled} of the rate`)

  assert.ok(policyCost!.rate <= policyCost!.bar, `jwt and rateLimit take ${policyCost!.rate} of the rate`)

  const raw = streams.find(({ name }) => name === 'raw')!.megabytesPerSecond
  const routed = (count: number) => streams.find(({ name, streams }) => name === 'router' && streams === count)!
  assert.ok(routed(1).megabytesPerSecond >= 0.7 * raw, `one stream: ${routed(1).megabytesPerSecond} of ${raw} MB/s`)
  assert.ok(routed(256).megabytesPerSecond >= 0.6 * raw, `256: ${routed(256).megabytesPerSecond} of ${raw} MB/s`)

  const ceiling = webSocketRps(report, 'ceiling', 'messages')
  const mux = webSocketRps(report, 'router', 'mux, binary')
  assert.ok(mux >= 0.75 * ceiling, `mux ${mux} of ${ceiling} requests/s`)
  assert.ok(mux >= 2 * webSocketRps(report, 'ws', 'messages'), `mux ${mux}, not twice ws + nc.request`)
  assert.ok(webSocketRps(report, 'router', 'rpc') >= 0.85 * ceiling, 'rpc')

  for (const { protocol, bytesPerConnection } of idle) {
    const bar = protocol === 'tcp mux' ? 12 * KIB : 3 * KIB
    for (const bytes of bytesPerConnection) assert.ok(bytes <= bar, `an idle ${protocol} takes ${bytes} bytes`)
  }
})

/** At 64 connections with 16 in flight. */
function webSocketRps({ webSockets }: BenchReport, gateway: string, protocol: string): number {
  return webSockets.find((f) => f.gateway === gateway && f.protocol === protocol && f.inFlight === 16)!.rps
}
