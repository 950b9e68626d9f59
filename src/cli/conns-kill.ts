import { ADMIN_OPTIONS, createAdminClient } from './admin-client.ts'
import { printJson, printLine } from './print.ts'
import { UsageError, type Verb } from './verb.ts'

export const verb: Verb = {
  usage: 'ID...',
  options: { json: { type: 'boolean', description: 'Print one JSON document' }, ...ADMIN_OPTIONS },
  examples: ['engine-router conns kill ws-17', 'engine-router conns kill ws-17 tcp0-3'],
  async run(args, io) {
    const ids = args.positionals
    if (ids.length === 0) throw new UsageError('the id of a connection is needed, as `conns ls` shows it')
    const admin = await createAdminClient(args, io)
    for (const id of ids) {
      await admin.ask('DELETE', `/api/connections/${encodeURIComponent(id)}`)
      if (args.options.json !== true) printLine(io, `closed ${id}`)
    }
    if (args.options.json === true) printJson(io, { closed: ids })
    return 0
  },
}
