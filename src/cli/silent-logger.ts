import type { Logger } from '../exchange/logger.ts'

/** For verbs that report in their own words what went wrong. */
export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }
