import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headers } from 'nats'
import { startService } from './start-service.ts'

test('a handler is told who the client is, where a policy has found out', async (t) => {
  const { service, router, prefix } = await startService(t)
  service.fetch(`${prefix}.who`, (_request, { subjectId }) => new Response(subjectId ?? 'nobody'))
  await service.flush()
  const ask = async (subjectId?: string) => {
    const fields = headers()
    if (subjectId !== undefined) fields.append('Sx-Subject-Id', subjectId)
    return (await router.request(`${prefix}.who`, 'x', { headers: fields, timeout: 5000 })).string()
  }
  assert.equal(await ask('alice'), 'alice')
  assert.equal(await ask(), 'nobody')
})
