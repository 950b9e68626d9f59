/** What the settings of a connection are called where a person mends them. */
export interface TlsSettingNames {
  /** The authorities to trust. */
  readonly ca: string
  /** Our own certificate and its key. */
  readonly cert: string
}

/** Why TLS with a server of ours came to nothing, and what a person can do about it; undefined: it was not TLS. */
export function explainTlsFailure(error: unknown, names: TlsSettingNames): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  switch (code) {
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return `the server's certificate is of an authority that is not known here: name its certificate in ${names.ca}`
    case 'CERT_HAS_EXPIRED':
      return "the server's certificate has expired: renew it, or correct the clock of this machine"
    case 'CERT_NOT_YET_VALID':
      return "the server's certificate is not valid yet: correct the clock of this machine"
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the server's certificate is for another name (${error.message}): correct the address, or the certificate`
    case 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED':
    case 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE':
    case 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA':
      return `the server does not let us in without a certificate that it knows: name one in ${names.cert}`
    default:
      return undefined
  }
}
