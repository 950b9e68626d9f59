/** One thing wrong in a document, and where. */
export interface Problem {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
  /** As a person writes it: `routes[2].match.path`; empty for the document itself. */
  readonly path: string
  readonly message: string
}

/** A document that cannot be used. The message lists all its problems, one a line: `file:line:col: path: message`. */
export class DocumentError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.name = 'DocumentError'
    this.problems = problems
  }
}

function formatProblem({ file, line, column, path, message }: Problem): string {
  return `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`
}
