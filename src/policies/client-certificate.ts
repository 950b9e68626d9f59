import { z } from 'zod'
import type { ClientCertificate } from '../exchange/client-certificate.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { RequestHead } from '../exchange/exchange.ts'
import { Identity, isSubjectId } from '../exchange/identity.ts'
import { definePolicy, type Verdict } from './policy.ts'
import { RecentMap } from './recent-map.ts'

const NAME = 'clientCertificate'
/** Certificates that are kept once they are checked. */
const MAX_KEPT = 10_000

/** What may name a client, and where it is among the alternative names. */
const NAMES = ['commonName', 'dns', 'email', 'fingerprint', 'uri'] as const
type NameKind = (typeof NAMES)[number]
const ALT_NAME_TYPES: Readonly<Partial<Record<NameKind, string>>> = { dns: 'DNS:', email: 'email:', uri: 'URI:' }

const FINGERPRINT = /^(?:[0-9a-f]{2}:?){31}[0-9a-f]{2}$/i

const names = (description: string) =>
  z.array(z.string().min(1).max(1024)).min(1).max(1000).optional().describe(description)

/** Lets those in who have shown a certificate to the listener, which has checked it. */
export const clientCertificate = definePolicy({
  name: NAME,
  summary: 'Requires a certificate of an authority that the listener trusts (`clientCa`).',
  isShared: true,
  schema: z.strictObject({
    subjects: names('Whole subjects that are let in, such as `C=DE, O=Acme, CN=alice`.'),
    commonNames: names('Common names that are let in.'),
    altNames: names('Alternative names that are let in, with their type: `DNS:`, `URI:`, `email:`, `IP:`.'),
    fingerprints: z
      .array(
        z.string().regex(FINGERPRINT, 'expected a SHA-256 in hex, as `openssl x509 -fingerprint -sha256` shows it'),
      )
      .min(1)
      .max(1000)
      .optional()
      .describe('SHA-256 of certificates that are let in, in hex.'),
    identity: z.enum(NAMES).optional().describe('What the backend gets to know the client by. Default `commonName`.'),
    optional: z
      .boolean()
      .optional()
      .describe('Requests without a certificate come in too, without an identity. Default false.'),
  }),
  create(
    { subjects, commonNames, altNames, fingerprints, identity = 'commonName', optional = false },
    _route,
    context,
  ) {
    const { wheel, now } = context
    const parts = { wheel, now, graceMs: 0 }
    const known = new RecentMap<string, Identity>(MAX_KEPT)
    const allowed = {
      subjects: new Set(subjects),
      commonNames: new Set(commonNames),
      altNames: new Set(altNames),
      fingerprints: new Set(fingerprints?.map((text) => text.replaceAll(':', '').toLowerCase())),
    }
    const allowsAll = Object.values(allowed).every(({ size }) => size === 0)
    const isAllowed = (certificate: ClientCertificate) =>
      allowsAll ||
      allowed.subjects.has(certificate.subject) ||
      allowed.commonNames.has(certificate.commonName) ||
      allowed.fingerprints.has(certificate.fingerprint) ||
      certificate.altNames.some((name) => allowed.altNames.has(name))
    const check = (certificate: ClientCertificate): Identity | ExchangeError => {
      const who = `the client certificate of ${certificate.subject} (${certificate.fingerprint})`
      if (!isAllowed(certificate)) return new ExchangeError('forbidden', `${who} is in no list`)
      const subjectId = nameOf(certificate, identity)
      if (subjectId === undefined) return new ExchangeError('forbidden', `${who} has no ${identity} to know it by`)
      const { fingerprint: keyId, expiresAtMs } = certificate
      return new Identity({ subjectId, claims: { ...certificate }, provedBy: NAME, keyId, expiresAtMs }, parts)
    }
    const identify = ({ certificate }: RequestHead): Verdict => {
      if (certificate === undefined) return undefined
      const before = known.get(certificate.fingerprint)
      const found = before ?? check(certificate)
      if (found instanceof ExchangeError) return found
      if (before === undefined) known.set(certificate.fingerprint, found)
      if (!found.isExpired) return found
      return new ExchangeError('unauthorized', `the client certificate of ${certificate.subject} has expired`)
    }
    return { authenticator: { challenge: 'ClientCertificate', optional, identify } }
  },
})

/** Undefined: it has none, or several, of which none is the client's more than the others. */
function nameOf({ commonName, altNames, fingerprint }: ClientCertificate, kind: NameKind): string | undefined {
  const type = ALT_NAME_TYPES[kind]
  const found =
    type === undefined
      ? [kind === 'fingerprint' ? fingerprint : commonName]
      : altNames.filter((name) => name.startsWith(type)).map((name) => name.slice(type.length))
  return found.length === 1 && isSubjectId(found[0]!) ? found[0] : undefined
}
