import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REQUEST_WINDOW_BYTES, RequestFlow } from '../../../src/adapters/mux/request-flow.ts'

const backend = { data: () => true, end() {}, reset() {}, drained() {} }

test('a request is granted more for a thousand frames, however few their bytes', () => {
  const flow = new RequestFlow(backend)
  for (let n = 1; n < 1024; n++) {
    flow.push(Uint8Array.of(n), undefined)
    assert.equal(flow.takeGrant(), undefined)
  }
  flow.push(Uint8Array.of(1), undefined)
  assert.equal(flow.takeGrant(), REQUEST_WINDOW_BYTES + 1024)
  flow.push(Uint8Array.of(1), undefined)
  assert.equal(flow.takeGrant(), undefined)
})

test('a request of empty frames is granted nothing, as there is nothing to tell', () => {
  const flow = new RequestFlow(backend)
  for (let n = 0; n < 3000; n++) flow.push(new Uint8Array(0), undefined)
  assert.equal(flow.takeGrant(), undefined)
})
