import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { trustProxies } from '../../src/adapters/trusted-proxies.ts'
import { isAddressRange } from '../../src/exchange/address-range.ts'

const proxies = trustProxies(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32'])!
const clientOf = (address: string, ...values: string[]) =>
  proxies.clientOf(
    address,
    values.flatMap((value) => ['x-forwarded-for', value]),
  )

describe('trusted proxies', () => {
  test('the word of anybody else counts for nothing', () => {
    assert.equal(clientOf('198.51.100.1', '203.0.113.9'), '198.51.100.1')
    assert.equal(clientOf('192.0.2.8', '203.0.113.9'), '192.0.2.8')
  })

  test('the last address that is no proxy is the client, whatever the client wrote before it', () => {
    assert.equal(clientOf('10.1.2.3', '203.0.113.9'), '203.0.113.9')
    assert.equal(clientOf('192.0.2.7', '127.0.0.1, 203.0.113.9'), '203.0.113.9')
    assert.equal(clientOf('10.1.2.3', '8.8.8.8, 203.0.113.9 ,10.9.9.9'), '203.0.113.9')
    assert.equal(clientOf('10.1.2.3', '8.8.8.8', '203.0.113.9, 10.9.9.9', '192.0.2.7'), '203.0.113.9')
    assert.equal(clientOf('2001:db8::1', '2001:db8:1::5, 2001:DB9::5, 2001:db8::2'), '2001:db9::5')
  })

  test('without a client there are only proxies', () => {
    assert.equal(clientOf('10.1.2.3'), '10.1.2.3')
    assert.equal(clientOf('10.1.2.3', '10.0.0.1, 10.0.0.2'), '10.0.0.1')
  })

  test('what is no address ends the chain at the proxy that wrote it', () => {
    for (const hop of [
      '',
      'unknown',
      '_hidden',
      '203.0.113',
      '1.2.3.4.5',
      'fe80::1%eth0',
      '[::1',
      "'; drop table",
      '0x7f.1',
    ]) {
      assert.equal(clientOf('10.1.2.3', `203.0.113.9, ${hop}`), '10.1.2.3', hop)
      assert.equal(clientOf('10.1.2.3', `203.0.113.9, ${hop}, 10.4.4.4`), '10.4.4.4', hop)
    }
  })

  test('ports, brackets and IPv4 inside of IPv6 are read', () => {
    assert.equal(clientOf('10.1.2.3', '203.0.113.9:4711'), '203.0.113.9')
    assert.equal(clientOf('10.1.2.3', '[2001:db9::1]:4711'), '2001:db9::1')
    assert.equal(clientOf('10.1.2.3', '::ffff:203.0.113.9'), '203.0.113.9')
  })

  test('a list of a whole header is read in no time', () => {
    const before = performance.now()
    clientOf('10.1.2.3', '10.0.0.1,'.repeat(1600))
    assert.ok(performance.now() - before < 100)
  })

  test('nobody is trusted by default', () => {
    assert.equal(trustProxies([]), undefined)
  })

  test('ranges are addresses with a prefix length or without', () => {
    for (const range of ['10.0.0.0/8', '10.0.0.1', '::1', '2001:db8::/32', '0.0.0.0/0', '::/0', '1.2.3.4/32']) {
      assert.ok(isAddressRange(range), range)
    }
    for (const range of [
      '',
      '10.0.0.0/33',
      '::/129',
      '10.0.0/8',
      'proxy.example',
      '10.0.0.1/',
      '10.0.0.1/-1',
      '::1%lo',
    ]) {
      assert.ok(!isAddressRange(range), range)
    }
  })
})
