/** A line of the protocol of NATS has a limit as well, and a server cuts off a connection that writes a longer one. */
const MAX_SUBJECT_LENGTH = 512
/** Tokens without wildcards. What begins with `$` is the server's and JetStream's, and there operators ask routers. */
const PLAIN_SUBJECT = /^(?!\$|engine-router\.admin(?:\.|$))[^.*>\s]+(?:\.[^.*>\s]+)*$/

/**
 * Whether a subject that a peer names may be published to: what it names as its own, we write to with our permissions.
 */
export function isPeerSubject(subject: string | undefined): subject is string {
  return subject !== undefined && subject.length <= MAX_SUBJECT_LENGTH && PLAIN_SUBJECT.test(subject)
}

/** What all subjects of one peer begin with: all but the token of the exchange. Tells which of several it is. */
export function peerInstance(subject: string): string {
  const lastDot = subject.lastIndexOf('.')
  return lastDot < 0 ? subject : subject.slice(0, lastDot)
}
