import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  decodeProxyHeader,
  MAX_PROXY_HEADER_BYTES,
  type ProxyHeader,
  ProxyHeaderError,
} from '../../../src/adapters/tcp/proxy-header.ts'

/** The header in front of a client's bytes; every shorter piece of it must wait for more. */
function decodeGrowing(header: Buffer): ProxyHeader | undefined {
  for (let size = 0; size < header.length; size++) {
    assert.equal(decodeProxyHeader(header.subarray(0, size)), undefined, `${size} bytes are no whole header`)
  }
  return decodeProxyHeader(Buffer.concat([header, Buffer.from('client bytes\r\n')]))
}

/** @param addresses and what follows them */
function v2(command: number, family: number, addresses: Buffer): Buffer {
  const fixed = Buffer.from('0d0a0d0a000d0a515549540a00000000', 'hex')
  fixed[12] = command
  fixed[13] = family
  fixed.writeUInt16BE(addresses.length, 14)
  return Buffer.concat([fixed, addresses])
}

const ipv4 = Buffer.from('c0000201c000020222b81f90', 'hex')
const ipv6 = Buffer.from(`20010db8${'00'.repeat(11)}01${'00'.repeat(15)}0222b81f90`, 'hex')

describe('decodeProxyHeader', () => {
  test('reads version 1', () => {
    const lines: [string, string | undefined][] = [
      ['PROXY TCP4 192.0.2.1 192.0.2.2 8888 8080\r\n', '192.0.2.1'],
      ['PROXY TCP6 2001:db8::1 ::2 65535 1\r\n', '2001:db8::1'],
      ['PROXY UNKNOWN\r\n', undefined],
      ['PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n', undefined],
    ]
    for (const [line, source] of lines) {
      assert.deepEqual(decodeGrowing(Buffer.from(line)), { length: line.length, source })
    }
  })

  test('reads version 2, whatever follows its addresses', () => {
    const more = Buffer.from('0400030000000100026832', 'hex')
    for (const tail of [Buffer.alloc(0), more, Buffer.alloc(400)]) {
      assert.equal(decodeGrowing(v2(0x21, 0x11, Buffer.concat([ipv4, tail])))?.source, '192.0.2.1')
      assert.equal(decodeGrowing(v2(0x21, 0x21, Buffer.concat([ipv6, tail])))?.source, '2001:db8::1')
    }
  })

  test('takes no address from a proxy that speaks for itself or does not know', () => {
    for (const header of [v2(0x20, 0x11, ipv4), v2(0x20, 0, Buffer.alloc(0)), v2(0x21, 0, Buffer.alloc(3))]) {
      assert.deepEqual(decodeGrowing(header), { length: header.length, source: undefined })
    }
    assert.equal(decodeGrowing(v2(0x21, 0x31, Buffer.alloc(216)))?.source, undefined)
  })

  test('refuses what is no header as soon as that is certain', () => {
    const broken: (string | Buffer)[] = [
      'G',
      'PROXZ',
      'PROXY TCP4 192.0.2.1 192.0.2.2 8888 8080\n',
      'PROXY TCP4 192.0.2.256 192.0.2.2 1 1\r\n',
      'PROXY TCP4 ::1 ::1 1 1\r\n',
      'PROXY TCP6 192.0.2.1 192.0.2.2 1 1\r\n',
      'PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n',
      'PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n',
      'PROXY TCP4  192.0.2.1 192.0.2.2 1 1\r\n',
      'PROXY UDP4 192.0.2.1 192.0.2.2 1 1\r\n',
      'PROXY UNKNOWNx\r\n',
      `PROXY UNKNOWN ${'x'.repeat(93)}`,
      v2(0x11, 0x11, ipv4),
      v2(0x22, 0x11, ipv4),
      v2(0x21, 0x11, ipv4.subarray(1)),
      v2(0x21, 0x21, ipv6.subarray(1)),
      v2(0x21, 0x11, Buffer.alloc(MAX_PROXY_HEADER_BYTES)),
    ]
    for (const bytes of broken) {
      assert.throws(() => decodeProxyHeader(Buffer.from(bytes)), ProxyHeaderError, JSON.stringify(bytes))
    }
  })

  test('needs no more bytes than its bound, and throws nothing but its own error, whatever comes', () => {
    const beginnings = fc.constantFrom(
      Buffer.alloc(0),
      Buffer.from('PROXY '),
      Buffer.from('PROXY TCP4 '),
      v2(0x21, 0x11, ipv4),
    )
    fc.assert(
      fc.property(
        beginnings,
        fc.uint8Array({ minLength: 600, maxLength: 700 }),
        fc.nat(30),
        (beginning, noise, cut) => {
          const bytes = Buffer.concat([beginning.subarray(0, beginning.length - cut), noise])
          try {
            const header = decodeProxyHeader(bytes.subarray(0, MAX_PROXY_HEADER_BYTES))
            assert.ok(header !== undefined && header.length <= MAX_PROXY_HEADER_BYTES)
          } catch (error) {
            if (!(error instanceof ProxyHeaderError)) throw error
          }
        },
      ),
    )
  })
})
