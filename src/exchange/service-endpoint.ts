/** What an endpoint of a NATS micro service answers: data, or an HTTP status and a sentence for a person. */
export type ServiceAnswer = { readonly data: Uint8Array } | { readonly code: number; readonly title: string }

/** One thing that can be asked. */
export interface ServiceEndpoint {
  readonly name: string
  /** @param maxBytes of the answer */
  answer(question: Uint8Array, maxBytes: number): ServiceAnswer | Promise<ServiceAnswer>
}
