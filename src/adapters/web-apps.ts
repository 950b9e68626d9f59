import type * as uws from 'uWebSockets.js'
import type { TemplatedApp } from 'uWebSockets.js'
import type { TlsIdentity } from './tls/tls-identity.ts'
import { CIPHERS, type TlsOptions } from './tls/tls-options.ts'

/** The apps of uWebSockets behind one port. */
export interface WebApps {
  /** The one to listen with. */
  readonly listener: TemplatedApp
  /** Cuts all connections. */
  close(): void
}

/** With what the types of uWebSockets do not know: an app hands what it accepts to others, by turns. */
interface AcceptingApp extends TemplatedApp {
  addChildAppDescriptor(descriptor: number): void
  removeChildAppDescriptor(descriptor: number): void
  getDescriptor(): number
}

/** @param prepare gives an app all that it serves */
export function plainApps({ App }: typeof uws, prepare: (app: TemplatedApp) => void): WebApps {
  const app = App()
  prepare(app)
  return { listener: app, close: () => void app.close() }
}

/**
 * TLS, as docs/adr/0006-tls-on-http.md says. An app has one certificate for ever, so that one app accepts connections,
 * for as long as the port is open, and another speaks with them. That one is replaced when the certificate changes: new
 * connections go to the new app, and those that are there stay with the old.
 */
export function tlsApps(library: typeof uws, identity: TlsIdentity, prepare: (app: TemplatedApp) => void): WebApps {
  const create = () => {
    const app = createTlsApp(library, identity.options)
    prepare(app)
    return app
  }
  const listener = createTlsApp(library, identity.options)
  // uWebSockets frees no app, so that nothing is gained by leaving out those that have no connection any more.
  const speaking = [create()]
  listener.addChildAppDescriptor(speaking[0]!.getDescriptor())
  identity.onChange = () => {
    const next = create()
    listener.addChildAppDescriptor(next.getDescriptor())
    listener.removeChildAppDescriptor(speaking.at(-1)!.getDescriptor())
    speaking.push(next)
  }
  const cut = () => {
    for (const app of speaking) app.close()
  }
  return {
    listener,
    close() {
      identity.close()
      cut()
      // What was accepted just now reaches its app in the next turn of the loop.
      setImmediate(cut)
    },
  }
}

/** Throws an error that says which files cannot be used. */
function createTlsApp({ SSLApp }: typeof uws, { cert, key, clientCa, clientAuth }: TlsOptions): AcceptingApp {
  const authorities = clientAuth === 'none' ? undefined : clientCa
  try {
    return SSLApp({
      cert_file_name: cert,
      key_file_name: key,
      ssl_ciphers: CIPHERS,
      ...(authorities === undefined ? {} : { ca_file_name: authorities }),
    }) as AcceptingApp
  } catch (cause) {
    // Node can, or we would not be here: it knows kinds of keys that BoringSSL does not.
    throw new Error(`cannot use the TLS certificate ${cert} with the key ${key} for HTTP: use an RSA or P-256 key`, {
      cause,
    })
  }
}
