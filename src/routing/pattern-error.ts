/** A host, path or subject that cannot be used in a route. The message is for the operator and says what to write. */
export class PatternError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'PatternError'
  }
}
