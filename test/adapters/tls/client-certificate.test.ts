import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, describe, test } from 'node:test'
import { describeCertificate } from '../../../src/adapters/tls/client-certificate.ts'
import { createAuthority, type IssueOptions, temporaryFiles } from '../../support/certificates.ts'
import { needs } from '../../support/needs.ts'

const skip = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')

describe('describeCertificate', { skip }, () => {
  const authority = createAuthority(temporaryFiles({ after }))
  const issue = (name: string, options: IssueOptions) =>
    describeCertificate(new X509Certificate(readFileSync(authority.issue(name, options).cert)))

  test('takes one name for one name, whatever characters it has', () => {
    const altNames = [
      '@names\n[names]',
      'URI.1=http://a.example/\\, DNS:admin.example',
      'URI.2=http://a.example/\\"quoted\\"\\\\n',
      'dirName.1=directory',
      'otherName.1=1.2.3.4;UTF8:x\\, URI:spiffe://admin',
      'IP.1=::1',
      'DNS.1=b.example',
      '[directory]\nCN=x\\, DNS:admin.example',
    ].join('\n')
    const found = issue('tricky', { altNames }).altNames
    assert.deepEqual(
      found.filter((name) => /^(?:DNS|URI|IP):/.test(name)),
      [
        'URI:http://a.example/, DNS:admin.example',
        'URI:http://a.example/"quoted"\\n',
        'IP:0:0:0:0:0:0:0:1',
        'DNS:b.example',
      ],
    )
    assert.equal(found.length, 6)
  })

  test('keeps the parts of a subject apart', () => {
    const { subject, commonName } = issue('alice', { subject: '/O=Acme, CN=admin' })
    assert.equal(subject, 'O=Acme\\, CN=admin, CN=alice')
    assert.equal(commonName, 'alice')
  })

  test('has no common name where there are two', () => {
    const two = issue('second', { subject: '/CN=first' })
    assert.deepEqual([two.subject, two.commonName], ['CN=first, CN=second', ''])
  })
})
