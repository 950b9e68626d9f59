import { ADMIN_OPTIONS, createAdminClient } from './admin-client.ts'
import { printJson, printLine } from './print.ts'
import type { Verb } from './verb.ts'

export const verb: Verb = {
  options: { json: { type: 'boolean', description: 'Print one JSON document' }, ...ADMIN_OPTIONS },
  examples: ['engine-router drain', 'engine-router drain --url http://127.0.0.1:9090'],
  async run(args, io) {
    const admin = await createAdminClient(args, io)
    const answer = await admin.ask('POST', '/api/drain')
    if (args.options.json === true) printJson(io, answer)
    else printLine(io, `the router at ${admin.url} drains, and ends when what is under way has ended`)
    return 0
  },
}
