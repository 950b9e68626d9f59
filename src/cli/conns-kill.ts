import { ADMIN_OPTIONS, type AdminClient, AdminRefusal, createAdminClient } from './admin-client.ts'
import { printJson, printLine } from './print.ts'
import { UsageError, type Verb, VerbError } from './verb.ts'

export const verb: Verb = {
  usage: 'ID...',
  options: { json: { type: 'boolean', description: 'Print one JSON document' }, ...ADMIN_OPTIONS },
  examples: ['engine-router conns kill ws-17', 'engine-router conns kill ws-17 tcp0-3'],
  async run(args, io) {
    const ids = args.positionals
    if (ids.length === 0) throw new UsageError('the id of a connection is needed, as `conns ls` shows it')
    const admin = await createAdminClient(args, io)
    const closed: string[] = []
    const unknown: string[] = []
    for (const id of new Set(ids)) {
      if (!(await closeConnection(admin, id))) {
        unknown.push(id)
        continue
      }
      closed.push(id)
      if (args.options.json !== true) printLine(io, `closed ${id}`)
    }
    if (args.options.json === true) printJson(io, { closed })
    if (unknown.length > 0) throw new VerbError(`no such connection: ${unknown.join(', ')}; \`conns ls\` shows them`)
    return 0
  },
}

/** False if no connection with this id is open. */
async function closeConnection(admin: AdminClient, id: string): Promise<boolean> {
  try {
    await admin.ask('DELETE', `/api/connections/${encodeURIComponent(id)}`)
    return true
  } catch (error) {
    if (error instanceof AdminRefusal && error.code === 'no_connection') return false
    throw error
  }
}
