/** All policies there are. A new one is a file beside this and a line here. */
import { apiKey } from './api-key.ts'
import { authService } from './auth-service.ts'
import { circuitBreaker } from './circuit-breaker.ts'
import { clientCertificate } from './client-certificate.ts'
import { concurrency } from './concurrency.ts'
import { cors } from './cors.ts'
import { headers } from './headers.ts'
import { jwt } from './jwt.ts'
import type { PolicyKind } from './policy.ts'
import { rateLimit } from './rate-limit.ts'

export const POLICY_KINDS: readonly PolicyKind[] = [
  apiKey,
  authService,
  circuitBreaker,
  clientCertificate,
  concurrency,
  cors,
  headers,
  jwt,
  rateLimit,
]
