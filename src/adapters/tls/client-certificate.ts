import type { X509Certificate } from 'node:crypto'
import type { ClientCertificate } from '../../exchange/client-certificate.ts'

/** One name of a certificate as Node writes it: in quotes, as JSON, wherever it could be taken for more than one. */
const ALT_NAME = /([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/gy

/** Of a certificate that TLS has verified. */
export function describeCertificate(certificate: X509Certificate): ClientCertificate {
  // A list, whatever its type says, where there are several.
  const commonName: unknown = certificate.toLegacyObject().subject?.CN
  return {
    // A line for each part, in which a comma of the part's own is escaped.
    subject: (certificate.subject ?? '').replaceAll('\n', ', '),
    commonName: typeof commonName === 'string' ? commonName : '',
    altNames: parseAltNames(certificate.subjectAltName ?? ''),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    expiresAtMs: Date.parse(certificate.validTo),
  }
}

function parseAltNames(text: string): string[] {
  const names: string[] = []
  for (const [, type, value] of text.matchAll(ALT_NAME)) {
    const name = value!.startsWith('"') ? (JSON.parse(value!) as string) : value!
    names.push(`${type === 'IP Address' ? 'IP' : type}:${name}`)
  }
  return names
}
