import assert from 'node:assert/strict'
import { SocketAddress } from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { addressText, withoutMapping } from '../../src/adapters/client-address.ts'
import { addressKey } from '../../src/exchange/address-key.ts'

const bytesOf = (groups: readonly number[]) => {
  const view = new DataView(new ArrayBuffer(16))
  for (const [i, group] of groups.entries()) view.setUint16(2 * i, group)
  return view.buffer
}

describe('addresses of clients', () => {
  test('are text, and IPv4 inside of IPv6 is IPv4', () => {
    assert.equal(addressText(new Uint8Array([192, 0, 2, 7]).buffer), '192.0.2.7')
    assert.equal(addressText(bytesOf([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0207])), '192.0.2.7')
    assert.equal(addressText(new ArrayBuffer(0)), '')
    assert.equal(withoutMapping('::ffff:192.0.2.7'), '192.0.2.7')
    assert.equal(withoutMapping('2001:db8::1'), '2001:db8::1')
  })

  test('of IPv4 are the right ones, however many there are', () => {
    for (let i = 0; i < 10_000; i++) {
      const bytes = [i % 256, (i >> 8) % 256, 255 - (i % 256), (7 * i) % 256]
      for (let again = 0; again < 2; again++) assert.equal(addressText(new Uint8Array(bytes).buffer), bytes.join('.'))
    }
  })

  test('of IPv6 are written as node writes them', () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }))
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        // Node writes the last two groups of some addresses as IPv4.
        if (groups.slice(0, 5).every((value) => value === 0)) return
        const address = groups.map((value) => value.toString(16)).join(':')
        assert.equal(addressText(bytesOf(groups)), new SocketAddress({ family: 'ipv6', address }).address)
      }),
    )
  })

  test('count as one client by their first 64 bits, in IPv6', () => {
    assert.equal(addressKey('192.0.2.7'), '192.0.2.7')
    assert.equal(addressKey('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2')
    assert.equal(addressKey('2001:db8:1:2::9'), '2001:db8:1:2')
    assert.equal(addressKey('2001:db8::9'), '2001:db8:0:0')
    assert.equal(addressKey('2001:db8::1:2:3:4'), '2001:db8:0:0')
    assert.equal(addressKey('::1'), '0:0:0:0')
    assert.equal(addressKey('1::'), '1:0:0:0')
    assert.notEqual(addressKey('2001:db8:1:2::9'), addressKey('2001:db8:1:3::9'))
  })
})
