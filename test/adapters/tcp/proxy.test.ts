import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { connect } from 'node:tls'
import { createCertificate, temporaryFiles } from '../../support/certificates.ts'
import { eventually } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import { needs } from '../../support/needs.ts'
import { echo, startRawTcp } from './start-tcp.ts'
import { connectTcp, watch } from './tcp-client.ts'

/** Debian has it where only root's PATH leads. */
const haproxy = ['haproxy', '/usr/sbin/haproxy'].find((path) => spawnSync(path, ['-v']).status === 0)
const noHaproxy = needs(haproxy !== undefined, 'haproxy is not here')
const noOpenssl = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')

describe('a TCP listener with proxyProtocol', () => {
  test('takes the address from the header, wherever it is split, and all that follows as the client has sent it', async (t) => {
    const tcp = await startRawTcp(t, { handler: echo, proxyProtocol: true })
    const header = 'PROXY TCP4 203.0.113.7 192.0.2.2 8888 8080\r\n'
    for (const cut of [0, 3, header.length, header.length + 2]) {
      const client = connectTcp(t, tcp.port)
      const text = `${header}hello`
      if (cut > 0) {
        client.socket.write(text.slice(0, cut))
        await eventually('the first piece is in', () => tcp.adapter.connections === 1)
      }
      client.socket.end(text.slice(cut))
      assert.equal(await client.outcome, 'end')
      assert.equal(client.received().toString(), 'hello')
      await tcp.assertIdle()
    }
    assert.ok(tcp.ended.every(({ remote, code }) => remote === '203.0.113.7' && code === 'ok'))
  })

  test('resets a connection without a header, and one that ends in it, and logs it once', async (t) => {
    const tcp = await startRawTcp(t, { handler: echo, proxyProtocol: true })
    for (let i = 0; i < 3; i++) {
      const client = connectTcp(t, tcp.port)
      client.socket.write('hello')
      assert.equal(await client.outcome, 'reset')
    }
    const cut = connectTcp(t, tcp.port)
    cut.socket.end('PROXY TCP4 ')
    assert.equal(await cut.outcome, 'reset')
    await tcp.assertIdle()
    assert.equal(tcp.ended.length, 0)
    assert.equal(tcp.warnings.length, 1)
    assert.match(tcp.warnings[0]!, /no PROXY header/)
  })

  test('is bytes of the client where it is not configured', async (t) => {
    const tcp = await startRawTcp(t, { handler: echo })
    const client = connectTcp(t, tcp.port)
    client.socket.end('PROXY TCP4 203.0.113.7 192.0.2.2 8888 8080\r\n')
    assert.equal(await client.outcome, 'end')
    assert.match(client.received().toString(), /^PROXY TCP4 203/)
    assert.equal(tcp.ended[0]!.remote, '127.0.0.1')
  })

  test('reads the header before the TLS handshake', { skip: noOpenssl }, async (t) => {
    const tls = createCertificate(temporaryFiles(t), 'one')
    const tcp = await startRawTcp(t, { handler: echo, proxyProtocol: true, tls })
    const raw = connectPlain({ port: tcp.port, host: '127.0.0.1' })
    t.after(() => void raw.destroy())
    // The ClientHello follows at once, and may come in the same read.
    raw.write('PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n')
    const client = watch(connect({ socket: raw, rejectUnauthorized: false }))
    client.socket.end('over tls')
    assert.equal(await client.outcome, 'end')
    assert.equal(client.received().toString(), 'over tls')
    await tcp.assertIdle()
    assert.equal(tcp.ended[0]!.remote, '2001:db8::7')
  })

  test('works behind HAProxy, with version 1 and 2, TLS and health checks', {
    skip: noHaproxy || noOpenssl,
  }, async (t) => {
    const directory = temporaryFiles(t)
    const plain = await startRawTcp(t, { handler: echo, proxyProtocol: true })
    const secured = await startRawTcp(t, {
      handler: echo,
      proxyProtocol: true,
      tls: createCertificate(directory, 'one'),
    })
    const ports = await startHaproxy(t, directory, [
      `127.0.0.1:${plain.port} send-proxy`,
      `127.0.0.1:${plain.port} send-proxy-v2 check inter 50ms check-send-proxy`,
      `127.0.0.1:${secured.port} send-proxy-v2`,
    ])
    for (const [index, port] of ports.entries()) {
      // An address of this machine that is not the proxy's own.
      const socket = connectPlain({ port, host: '127.0.0.1', localAddress: '127.0.0.9' })
      t.after(() => void socket.destroy())
      const client = watch(index < 2 ? socket : connect({ socket, rejectUnauthorized: false }))
      client.socket.end('through a proxy')
      assert.equal(await client.outcome, 'end')
      assert.equal(client.received().toString(), 'through a proxy')
    }
    const addresses = () => [...plain.ended, ...secured.ended].filter(({ bytesIn }) => bytesIn > 0)
    await eventually('all are over', () => addresses().length === 3)
    assert.deepEqual(
      addresses().map(({ remote }) => remote),
      ['127.0.0.9', '127.0.0.9', '127.0.0.9'],
    )
    assert.deepEqual([...plain.warnings, ...secured.warnings], [])
  })
})

/** One listener for each server line; gives their ports. Ends with the test. */
async function startHaproxy(t: TestContext, directory: string, servers: readonly string[]): Promise<number[]> {
  const ports = await Promise.all(servers.map(freePort))
  const config = join(directory, 'haproxy.cfg')
  const listeners = servers.map(
    (server, index) => `listen l${index}\n  bind 127.0.0.1:${ports[index]}\n  server s${index} ${server}\n`,
  )
  const defaults = 'defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 10s\n  timeout server 10s\n'
  writeFileSync(config, defaults + listeners.join(''))
  const child: ChildProcess = spawn(haproxy!, ['-db', '-f', config], { stdio: 'pipe' })
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  let output = ''
  child.stderr?.on('data', (chunk) => (output += chunk))
  await eventually('haproxy listens', async () => {
    assert.equal(child.exitCode, null, output)
    const socket = connectPlain(ports[0]!, '127.0.0.1')
    await once(socket, 'connect')
    socket.destroy()
    return true
  })
  return ports
}
