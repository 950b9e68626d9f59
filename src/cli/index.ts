import type { VerbEntry } from './verb.ts'

/** Every verb, in the order of the help. A new verb is one file that exports `verb`, and one line here. */
export const VERBS: readonly VerbEntry[] = [
  {
    name: 'serve',
    summary: 'Run a router',
    load: () => import('./serve.ts'),
  },
  {
    name: 'dev',
    summary: 'Run all of it on this machine: NATS, Postgres, the router, a demo backend',
    load: () => import('./dev.ts'),
  },
  {
    name: 'call',
    summary: 'Send one request through the NATS side, without the HTTP side',
    load: () => import('./call.ts'),
  },
  {
    name: 'trace',
    summary: 'Send one request to a router and show its trace, from the client to the backend',
    load: () => import('./trace.ts'),
  },
  {
    name: 'doctor',
    summary: 'Check settings, NATS, Postgres and this machine, and say what to do',
    load: () => import('./doctor.ts'),
  },
  {
    name: 'top',
    summary: 'Watch what a running router does, route by route',
    load: () => import('./top.ts'),
  },
  {
    name: 'conns ls',
    summary: 'List the WebSocket and TCP connections of a running router',
    load: () => import('./conns-ls.ts'),
  },
  {
    name: 'conns kill',
    summary: 'Close connections of a running router',
    load: () => import('./conns-kill.ts'),
  },
  {
    name: 'drain',
    summary: 'Stop a running router when what is under way has ended',
    load: () => import('./drain.ts'),
  },
  {
    name: 'migrate up',
    summary: 'Apply the database migrations that are not applied yet',
    load: () => import('./migrate-up.ts'),
  },
  {
    name: 'migrate down',
    summary: 'Revert the last database migration',
    load: () => import('./migrate-down.ts'),
  },
  {
    name: 'migrate status',
    summary: 'Show which database migrations are applied',
    load: () => import('./migrate-status.ts'),
  },
  {
    name: 'migrate fresh',
    summary: 'Revert all database migrations and apply them again: deletes all routes',
    load: () => import('./migrate-fresh.ts'),
  },
  {
    name: 'routes validate',
    summary: 'Check a file of routes',
    load: () => import('./routes-validate.ts'),
  },
  {
    name: 'routes diff',
    summary: 'Show what applying a file of routes would change',
    load: () => import('./routes-diff.ts'),
  },
  {
    name: 'routes apply',
    summary: 'Make the routing table what a file of routes says',
    load: () => import('./routes-apply.ts'),
  },
  {
    name: 'routes list',
    summary: 'List the routing table, with the routes that are quarantined and why',
    load: () => import('./routes-list.ts'),
  },
  {
    name: 'routes export',
    summary: 'Write the routing table as YAML',
    load: () => import('./routes-export.ts'),
  },
  {
    name: 'routes history',
    summary: 'List what was applied, by whom and why',
    load: () => import('./routes-history.ts'),
  },
  {
    name: 'routes rollback',
    summary: 'Go back to an earlier revision of the routing table',
    load: () => import('./routes-rollback.ts'),
  },
  {
    name: 'routes explain',
    summary: 'Tell which route a request takes, why the others do not match, and who listens',
    load: () => import('./routes-explain.ts'),
  },
  {
    name: 'keys create',
    summary: 'Make an API key, for routes with the policy apiKey',
    load: () => import('./keys-create.ts'),
  },
  {
    name: 'keys list',
    summary: 'List the API keys, without their secrets',
    load: () => import('./keys-list.ts'),
  },
  {
    name: 'keys revoke',
    summary: 'Revoke API keys: what was opened with them ends on every router',
    load: () => import('./keys-revoke.ts'),
  },
  {
    name: 'tokens revoke',
    summary: 'Revoke tokens of a subject, or one: what was opened with them ends on every router',
    load: () => import('./tokens-revoke.ts'),
  },
  {
    name: 'tokens list',
    summary: 'List what tokens are revoked',
    load: () => import('./tokens-list.ts'),
  },
  {
    name: 'tokens restore',
    summary: 'Take back that tokens are revoked',
    load: () => import('./tokens-restore.ts'),
  },
  {
    name: 'workspaces create',
    summary: 'Make a workspace, for routes whose subject names one',
    load: () => import('./workspaces-create.ts'),
  },
  {
    name: 'workspaces list',
    summary: 'List the workspaces',
    load: () => import('./workspaces-list.ts'),
  },
  {
    name: 'workspaces delete',
    summary: 'Delete a workspace: requests that name it get 404',
    load: () => import('./workspaces-delete.ts'),
  },
  {
    name: 'policies',
    summary: 'Print the options of policies, as the manual has them',
    load: () => import('./policies.ts'),
  },
  {
    name: 'bench',
    summary: 'Measure this router against the bare ceiling and a plain gateway on this machine',
    load: () => import('./bench.ts'),
  },
]
