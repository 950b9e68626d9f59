import { backendPrograms } from '../support/backend-programs.ts'
import { http } from './clients/http.ts'
import { clientProtocols } from './clients/index.ts'
import { runTable } from './table.ts'

const CONCURRENCY = 3

// Every protocol but HTTP once, and every backend: what all have in common is the wire. The soak has each with each.
const present = backendPrograms.filter((program) => program.missing() === false)
const others = clientProtocols.filter((protocol) => protocol !== http)

runTable(
  others.map((protocol, i) => ({ protocol, program: present[i % present.length]! })),
  CONCURRENCY,
)
