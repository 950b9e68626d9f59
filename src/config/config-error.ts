/** Settings that cannot be used, but for what is in a document (see DocumentError). The message says what to do. */
export class ConfigError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ConfigError'
  }
}
