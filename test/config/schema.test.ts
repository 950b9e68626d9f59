import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readYaml } from '../../src/config/located-yaml.ts'
import { routerConfigSchema } from '../../src/config/schema.ts'
import { linesOf } from './problems.ts'

const read = (text: string) => readYaml(text, 'router.yaml', routerConfigSchema).value
const lines = (text: string) => linesOf(() => read(text))

describe('routerConfigSchema', () => {
  test('takes an empty file, and empty sections', () => {
    assert.equal(read('').listen.http.port, 8080)
    assert.equal(read('listen:\nnats:\nlimits: {}\n').listen.admin.port, 9090)
  })

  test('reads sizes with a unit or in bytes, and durations with a unit', () => {
    const { limits, drain } = read('limits: { bodyBytes: 1.5MiB, headerBytes: 4096 }\ndrain: { timeout: 1.5m }\n')
    assert.equal(limits.bodyBytes, 1_572_864)
    assert.equal(limits.headerBytes, 4096)
    assert.equal(drain.timeout, 90_000)
    assert.equal(read('drain: { timeout: 0 }').drain.timeout, 0)
  })

  test('holds values to their bounds', () => {
    assert.deepEqual(lines('limits:\n  headerBytes: 1KB\n  uriBytes: 1MiB\n  connections: 0\n  bodyBytes: 0\n'), [
      '2:16 limits.headerBytes: expected a size from 1KiB to 1MiB, such as 16KiB; got "1KB"',
      '3:13 limits.uriBytes: expected a size from 256B to 64KiB, such as 8KiB; got "1MiB"',
      '4:16 limits.connections: must be at least 1; got 0',
      '5:14 limits.bodyBytes: expected a size of 1B or more, such as 10MiB; got 0',
    ])
    assert.deepEqual(lines('drain: { timeout: 2h }'), [
      '1:19 drain.timeout: expected a duration from 0s to 1h, such as 30s; got "2h"',
    ])
  })

  test('wants a route for a raw tcp listener, and for mux none of what is raw', () => {
    assert.deepEqual(
      lines('listen:\n  tcp:\n    - { port: 1, protocol: raw }\n    - { port: 2, protocol: mux, route: x }\n'),
      [
        '3:7 listen.tcp[0].route: is missing; a raw listener needs a route by name',
        '4:40 listen.tcp[1].route: a mux listener takes none: clients name a path',
      ],
    )
    assert.deepEqual(lines('listen: { tcp: [{ port: 1, protocol: mux, framing: line, idleTimeout: 5s }] }'), [
      '1:52 listen.tcp[0].framing: a mux listener takes none: its clients choose between JSON and binary frames',
      '1:71 listen.tcp[0].idleTimeout: a mux listener takes none: it closes clients that have been silent for 60s',
    ])
  })

  test('takes all that a tcp listener may have, and names what is not', () => {
    const listener = '{ port: 1, protocol: raw, route: x, framing: u32, idleTimeout: 5m, maxConnections: 10'
    const { tcp } = read(`listen: { tcp: [${listener}, proxyProtocol: true, tls: { cert: a, key: b } }] }`).listen
    assert.deepEqual(tcp, [
      {
        host: '0.0.0.0',
        port: 1,
        reusePort: false,
        protocol: 'raw',
        route: 'x',
        framing: 'u32',
        idleTimeout: 300_000,
        maxConnections: 10,
        proxyProtocol: true,
        tls: { cert: 'a', key: 'b' },
      },
    ])
    assert.deepEqual(lines(`listen:\n  tcp:\n    - ${listener}, proxyProtocl: true, tls: { cert: a, keys: b } }\n`), [
      '3:94 listen.tcp[0].proxyProtocl: unknown key, did you mean "proxyProtocol"?',
      '3:114 listen.tcp[0].tls.key: is missing; expected text',
      '3:130 listen.tcp[0].tls.keys: unknown key, did you mean "key"?',
    ])
  })

  test('asks for the authorities of clients that are asked for certificates', () => {
    const http = (tls: string) => `listen: { http: { tls: { cert: a, key: b${tls} } } }`
    const authorities = ['clientCa: c', 'clientCa: c, clientAuth: request', 'clientCa: c, clientAuth: none']
    for (const keys of ['', ', clientAuth: none', ...authorities.map((key) => `, ${key}`)]) {
      assert.equal(read(http(keys)).listen.http.tls?.cert, 'a', keys)
    }
    const message = 'is missing; clientAuth needs the certificates of the authorities whose clients are let in'
    assert.deepEqual(lines(http(', clientAuth: require')), [`1:19 listen.http.tls.clientCa: ${message}`])
  })

  test('takes NATS servers in each usual form and no other', () => {
    for (const server of [
      'nats://h',
      'nats://h:4222',
      'tls://h:4222',
      'h:4222',
      'h',
      'nats://u:p@h:1',
      'nats://[::1]:4222',
    ]) {
      assert.deepEqual(read(`nats: { servers: ["${server}"] }`).nats.servers, [server])
    }
    for (const server of ['http://h', 'nats://', 'a b', 'nats://h:port', '']) {
      assert.match(lines(`nats: { servers: ["${server}"] }`)[0] ?? '', /expected a NATS server/, server)
    }
    assert.deepEqual(lines('nats: { servers: [] }'), ['1:18 nats.servers: must not be empty; got a list'])
  })
})
