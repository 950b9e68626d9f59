/** One instance of a NATS micro service, as it tells of itself. */
export interface MicroService {
  readonly name: string
  readonly id: string
  readonly version: string
  /** The subjects that it listens on; may hold wildcards. */
  readonly subjects: readonly string[]
}
