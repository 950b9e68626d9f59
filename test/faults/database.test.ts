import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { query } from '../store/migrated-database.ts'
import { eventually } from '../support/eventually.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { needs } from '../support/needs.ts'
import { type Stage, startStage } from './stage.ts'

const cannotLimit = needs(spawnSync('prlimit', ['--version']).status === 0, 'prlimit (util-linux) is not installed')

/** The statement timeout or the poll, whichever finds out, and the way back. */
const HEALED_WITHIN_MS = 20_000

/** Answers with the subject that it was asked on, of those that the route of these tests may have. */
async function answerBySubject({ client }: Stage): Promise<void> {
  client.subscribe('plain.*', { callback: (_error, message) => void message.respond(message.subject) })
  await client.flush()
}

async function moveTo(stage: Stage, subject: string): Promise<void> {
  await query(stage.databaseUrl, `update routes set subject = '${subject}' where name = 'plain'`)
}

function served(stage: Stage, subject: string, timeoutMs = HEALED_WITHIN_MS) {
  return eventually(`the route leads to ${subject}`, async () => (await stage.ask('/plain')).text === subject, {
    timeoutMs,
  })
}

// Each waits for polls and timeouts of a router of its own.
describe('Postgres', { concurrency: true }, () => {
  test('a NOTIFY that is lost: the change is served after the next poll', async (t) => {
    const stage = await startStage(t)
    await answerBySubject(stage)
    await moveTo(stage, 'plain.first')
    await served(stage, 'plain.first')
    // As a proxy between that cannot LISTEN, or a notification that went down with a connection.
    await query(stage.databaseUrl, 'alter table routes disable trigger user')
    await query(
      stage.databaseUrl,
      `with changed as (update routes set subject = 'plain.second' where name = 'plain')
     update routes_version set revision = revision + 1`,
    )
    await served(stage, 'plain.second')
    await stage.assertCalm()
  })

  test('a network to Postgres that is pulled: requests go on, and changes come when it is back', async (t) => {
    let proxy: FaultProxy | undefined
    const stage = await startStage(t, {
      async databaseUrlFor(url) {
        const behind = new URL(url)
        proxy = await startFaultProxy(t, Number(behind.port))
        behind.port = String(proxy.port)
        return behind.href
      },
    })
    const network = proxy!
    await answerBySubject(stage)
    await moveTo(stage, 'plain.first')
    await served(stage, 'plain.first')

    network.stall()
    await moveTo(stage, 'plain.second')
    const complaint = () => stage.router.logged('error').some((line) => line.includes('not readable'))
    await eventually('it has noticed', complaint, { timeoutMs: HEALED_WITHIN_MS })
    assert.equal((await stage.ask('/plain')).text, 'plain.first')
    assert.equal((await stage.router.readiness()).status, 200)
    network.heal()
    await served(stage, 'plain.second')

    network.cut()
    await moveTo(stage, 'plain.third')
    assert.equal((await stage.ask('/plain')).text, 'plain.second')
    network.mend()
    await served(stage, 'plain.third')
    await stage.assertCalm()
  })

  test('no room on disk for the table: it is served and logged, and the old file stays whole', {
    skip: cannotLimit,
  }, async (t) => {
    const stage = await startStage(t)
    await answerBySubject(stage)
    const file = join(stage.router.directory, '.data/routes-cache.json')
    const kept = () => readFile(file, 'utf8')
    await moveTo(stage, 'plain.first')
    await eventually('it is kept', async () => (await kept()).includes('plain.first'))
    const before = await kept()

    // No right is needed to say that a process may write no byte more to a file: the same place fails as on a full disk.
    const limit = (bytes: string) => {
      const { status, stderr } = spawnSync('prlimit', ['--pid', String(stage.router.pid), `--fsize=${bytes}:unlimited`])
      assert.equal(status, 0, String(stderr))
    }
    limit('0')
    await moveTo(stage, 'plain.second')
    await served(stage, 'plain.second')
    const complaints = () => stage.router.logged('warn').filter((line) => line.includes('cannot be kept on disk'))
    await eventually('the log says so', () => complaints().length === 1)
    assert.equal(await kept(), before)
    assert.equal((await stage.router.readiness()).status, 200)

    limit('unlimited')
    await moveTo(stage, 'plain.third')
    await eventually('it is kept again', async () => (await kept()).includes('plain.third'))
    await stage.assertCalm()
  })
})
