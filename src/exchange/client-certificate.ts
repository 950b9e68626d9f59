/** What a client has proved of itself with a certificate, which an authority that the listener trusts has signed. */
export interface ClientCertificate {
  /** The distinguished name in one line, in the order of the certificate: `C=DE, O=Acme, CN=alice`. */
  readonly subject: string
  /** Empty if the subject has none, or more than one. */
  readonly commonName: string
  /** With their types: `DNS:alice.example.com`, `URI:spiffe://example.com/alice`, `email:alice@example.com`. */
  readonly altNames: readonly string[]
  /** SHA-256 of the certificate, in lower-case hex without colons. */
  readonly fingerprint: string
  /** Wall clock, since the epoch. It was good when TLS verified it; a connection may last longer. */
  readonly expiresAtMs: number
}
