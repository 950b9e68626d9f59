import { backendPrograms } from '../support/backend-programs.ts'
import { http } from './clients/http.ts'
import { clientProtocols } from './clients/index.ts'
import { type Column, runTable } from './table.ts'

const CONCURRENCY = 5

// Every protocol once and every backend once: what all have in common is the wire. The soak has each with each.
const present = backendPrograms.filter((program) => program.missing() === false)
const columns = clientProtocols.flatMap((protocol, i): Column[] =>
  protocol === http
    ? backendPrograms.map((program) => ({ protocol, program }))
    : [{ protocol, program: present[i % present.length]! }],
)

runTable(columns, CONCURRENCY)
