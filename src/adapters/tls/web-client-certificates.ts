import type { HttpResponse } from 'uWebSockets.js'
import { X509Certificate } from 'node:crypto'
import type { ClientCertificate } from '../../exchange/client-certificate.ts'
import { describeCertificate } from './client-certificate.ts'

/** Of a listener with TLS, which the types of uWebSockets do not know. */
interface SecureResponse extends HttpResponse {
  /** In PEM; empty: the client has shown none. */
  getX509Certificate(): string
}

/** Read certificates that are kept. More clients than that are read anew now and then. */
const MAX_KEPT = 1000

/** The certificates of a listener's clients. uWebSockets tells one with each request, so that known ones are kept. */
export class WebClientCertificates {
  /** A client without one gets no answer but why. */
  readonly isRequired: boolean
  readonly #known = new Map<string, ClientCertificate>()

  constructor(isRequired: boolean) {
    this.isRequired = isRequired
  }

  /** Undefined: the client has shown none. */
  of(res: HttpResponse): ClientCertificate | undefined {
    const pem = (res as SecureResponse).getX509Certificate()
    if (pem === '') return undefined
    const known = this.#known.get(pem)
    if (known !== undefined) return known
    const certificate = describeCertificate(new X509Certificate(pem))
    if (this.#known.size >= MAX_KEPT) this.#known.clear()
    this.#known.set(pem, certificate)
    return certificate
  }
}
