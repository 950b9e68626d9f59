import assert from 'node:assert/strict'
import { DocumentError, type Problem } from '../../src/config/document-error.ts'

/** The problems for which `read` refuses a document; fails if it takes it. */
export function problemsOf(read: () => unknown): readonly Problem[] {
  try {
    read()
  } catch (error) {
    if (error instanceof DocumentError) return error.problems
    throw error
  }
  return assert.fail('the document was accepted')
}

/** As `line:column path: message`, to compare at a glance. */
export function linesOf(read: () => unknown): string[] {
  return problemsOf(read).map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`)
}
