import type { NatsConnection, PublishOptions } from 'nats'

/** Publishes, unless the connection is closed or, drained by whoever gave it to us, about to be: then nobody waits for it. */
export function publish(nats: NatsConnection, subject: string, payload: Uint8Array, options: PublishOptions): void {
  try {
    nats.publish(subject, payload, options)
  } catch (error) {
    if (!nats.isClosed() && !nats.isDraining()) throw error
  }
}
