import type { Logger } from '../../src/exchange/logger.ts'

/** For tests that are not about the log. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
