/** How a listener speaks TLS. Files are PEM. */
export interface TlsOptions {
  /** The certificate, and those between it and a root. */
  readonly cert: string
  readonly key: string
  /** The authorities whose clients are let in; there unless `clientAuth` is `none`. */
  readonly clientCa: string | undefined
  /** `request`: a client may show a certificate. `require`: it must. Either way one that is shown must be good. */
  readonly clientAuth: 'none' | 'request' | 'require'
}

/**
 * Of TLS 1.2: forward secrecy and authenticated encryption, and nothing else, after Mozilla's "intermediate" list. The
 * suites of TLS 1.3 are all of that kind.
 */
export const CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')
