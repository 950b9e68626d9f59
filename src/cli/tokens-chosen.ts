import { isSubjectId } from '../exchange/identity.ts'
import { isRevocable } from '../exchange/revocation.ts'
import type { RevocationKey } from '../store/revocations.ts'
import { type OptionSpec, UsageError, type VerbArgs } from './verb.ts'

/** Which tokens a verb is about. */
export const CHOSEN_TOKENS = {
  subject: { type: 'string', value: 'ID', description: 'All tokens of a subject; or else --id' },
  id: { type: 'string', value: 'JTI', description: 'One token, by its claim jti' },
  issuer: { type: 'string', value: 'URL', description: 'Of this issuer alone, the claim iss (any)' },
} as const satisfies Record<string, OptionSpec>

export function chosenTokens({ subject, id, issuer }: VerbArgs['options']): RevocationKey {
  if ((typeof subject === 'string') === (typeof id === 'string')) {
    throw new UsageError('expected one of --subject ID and --id JTI')
  }
  if (typeof subject === 'string' && !isSubjectId(subject)) {
    throw new UsageError('a subject has 1 to 256 visible ASCII characters')
  }
  if (typeof id === 'string') assertRevocable('--id', id)
  if (typeof issuer === 'string') assertRevocable('--issuer', issuer)
  return {
    kind: typeof id === 'string' ? 'jti' : 'subject',
    value: String(id ?? subject),
    issuer: typeof issuer === 'string' ? issuer : null,
  }
}

/** For people. */
export function describeTokens({ kind, value, issuer }: RevocationKey): string {
  const which = kind === 'jti' ? `the token ${value}` : `the tokens of ${value}`
  return issuer === null ? which : `${which} by ${issuer}`
}

function assertRevocable(option: string, value: string): void {
  if (!isRevocable(value)) throw new UsageError(`${option} has 1 to 256 characters, none of them a control character`)
}
