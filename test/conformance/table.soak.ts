import { backendPrograms } from '../support/backend-programs.ts'
import { clientProtocols } from './clients/index.ts'
import { runTable } from './table.ts'

const CONCURRENCY = 6

runTable(
  clientProtocols.flatMap((protocol) => backendPrograms.map((program) => ({ protocol, program }))),
  CONCURRENCY,
)
