import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../src/telemetry/log.ts'

test('the logger hides credentials, should headers ever be logged', () => {
  let text = ''
  const logger = createLogger('info', {
    write(line) {
      text += line
    },
  })
  const headers = {
    authorization: 'secret',
    cookie: 'secret',
    'set-cookie': 'secret',
    'x-api-key': 'secret',
    accept: 'a',
  }
  logger.info(headers, 'as the fields')
  logger.info({ headers }, 'as a field')
  logger.info({ request: { headers } }, 'inside a field')
  assert.doesNotMatch(text, /secret/)
  assert.equal(text.match(/"accept":"a"/g)?.length, 3)
})
