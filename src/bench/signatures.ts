import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SILENT } from '../cli/silent-logger.ts'
import { DeadlineWheel } from '../exchange/deadline-wheel.ts'
import { Identity } from '../exchange/identity.ts'
import { KeySet } from '../policies/jwt/key-set.ts'
import { publicKeySource } from '../policies/jwt/key-source.ts'
import { TokenVerifier } from '../policies/jwt/token-verifier.ts'
import { RevocationDirectory } from '../policies/revocation-directory.ts'
import { ALGORITHMS, type Algorithm, createIssuer } from './tokens.ts'

export interface SignatureFigures {
  readonly algorithm: Algorithm
  /** Of the whole process: to look at a token that is not known yet, most of it for the signature. */
  readonly cpuUs: number
}

const WARM_UP = 200
const TOKENS = 1000

/** What the first request with a token costs more than those after it. */
export async function measureSignatures(): Promise<SignatureFigures[]> {
  const directory = await mkdtemp(join(tmpdir(), 'engine-router-bench-'))
  const figures: SignatureFigures[] = []
  try {
    for (const algorithm of ALGORITHMS) figures.push(await measureOne(algorithm, join(directory, algorithm)))
  } finally {
    await rm(directory, { recursive: true })
  }
  return figures
}

async function measureOne(algorithm: Algorithm, file: string): Promise<SignatureFigures> {
  const issuer = createIssuer(algorithm)
  await writeFile(file, issuer.publicKey.export({ type: 'spki', format: 'pem' }))
  const verifier = createVerifier(algorithm, file)
  const tokens = Array.from({ length: WARM_UP + TOKENS }, (_, i) => issuer.sign(`client-${i}`))
  let before = process.cpuUsage()
  for (const [i, token] of tokens.entries()) {
    if (i === WARM_UP) before = process.cpuUsage()
    const verdict = await verifier.verify(token)
    if (!(verdict instanceof Identity)) throw new Error(`a token of the bench is refused: ${verdict?.message}`)
  }
  const { user, system } = process.cpuUsage(before)
  return { algorithm, cpuUs: Math.round((user + system) / TOKENS) }
}

function createVerifier(algorithm: Algorithm, file: string): TokenVerifier {
  const now = Date.now
  const keys = new KeySet({ source: publicKeySource(file), now, logger: SILENT, onChanged: () => undefined })
  const rules = {
    algorithms: [algorithm],
    issuer: 'https://bench.example',
    audiences: ['bench'],
    scopes: ['read'],
    claims: [],
    subject: 'sub',
    headers: [],
    requireExp: true,
    toleranceS: 5,
  }
  const parts = { wheel: new DeadlineWheel(), now, graceMs: 0 }
  const revocations = new RevocationDirectory(now)
  return new TokenVerifier({ name: 'jwt', rules, keys, revocations, parts, maxTokens: WARM_UP + TOKENS })
}
