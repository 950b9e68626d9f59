import { backendPrograms } from '../support/backend-programs.ts'
import { http } from './clients/http.ts'
import { runTable } from './table.ts'

// HTTP with every backend; the other protocols are in table.test.ts.
runTable(
  backendPrograms.map((program) => ({ protocol: http, program })),
  backendPrograms.length,
)
