import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { DeadlineWheel, type WheelEntry } from '../../src/exchange/deadline-wheel.ts'

class Entry implements WheelEntry {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1
  readonly #fire: () => void
  constructor(fire: () => void) {
    this.#fire = fire
  }
  onDeadline(): void {
    this.#fire()
  }
}

describe('DeadlineWheel', () => {
  let nowMs = 0
  const wheels: DeadlineWheel[] = []
  const createWheel = (slots = 16) => {
    nowMs = 5
    const wheel = new DeadlineWheel({ tickMs: 10, slots, now: () => nowMs })
    wheels.push(wheel)
    return wheel
  }
  const advanceTo = (wheel: DeadlineWheel, ms: number) => {
    nowMs = ms
    wheel.advance()
  }
  afterEach(() => {
    for (const wheel of wheels.splice(0)) wheel.stop()
  })

  test('fires never early and at most two ticks late, also after more than one turn', () => {
    for (const delayMs of [0, 1, 10, 155, 160, 165, 1000]) {
      const wheel = createWheel()
      let firedAt: number | undefined
      wheel.schedule(
        new Entry(() => {
          firedAt = nowMs
        }),
        delayMs,
      )
      for (let ms = 5; ms < 1100; ms++) advanceTo(wheel, ms)
      assert.ok(
        firedAt !== undefined && firedAt - 5 >= delayMs && firedAt - 5 <= delayMs + 20,
        `${delayMs}: ${firedAt}`,
      )
      assert.equal(wheel.size, 0)
    }
  })

  test('fires at once what is moved to a moment that is over', () => {
    const wheel = createWheel()
    let fired = 0
    const entry = new Entry(() => fired++)
    wheel.schedule(entry, 1000)
    advanceTo(wheel, 100)
    wheel.schedule(entry, -25)
    advanceTo(wheel, 120)
    assert.equal(fired, 1)
  })

  test('runs everything that is due after a stall of many turns, once', () => {
    const wheel = createWheel()
    let fired = 0
    for (let i = 0; i < 100; i++) wheel.schedule(new Entry(() => fired++), i * 10)
    advanceTo(wheel, 40_000)
    assert.equal(fired, 100)
    advanceTo(wheel, 80_000)
    assert.equal(fired, 100)
  })

  test('lets a handler cancel and schedule entries that are due in the same tick', () => {
    const wheel = createWheel()
    const order: string[] = []
    const third = new Entry(() => order.push('third'))
    const second = new Entry(() => {
      order.push('second')
      wheel.cancel(third)
      wheel.schedule(second, 50)
    })
    wheel.schedule(second, 20)
    wheel.schedule(third, 20)
    advanceTo(wheel, 60)
    assert.deepEqual(order, ['second'])
    assert.equal(wheel.size, 1)
  })

  test('agrees with a plain list of due times', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('schedule'), entry: fc.nat(9), ms: fc.nat(500) }),
      fc.record({ do: fc.constant('cancel'), entry: fc.nat(9), ms: fc.constant(0) }),
      fc.record({ do: fc.constant('advance'), entry: fc.constant(0), ms: fc.nat(400) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const wheel = createWheel()
        const due = new Map<number, number>()
        const fired = new Set<number>()
        const entries = Array.from({ length: 10 }, (_, i) => new Entry(() => fired.add(i)))
        for (const { do: action, entry, ms } of steps) {
          if (action === 'schedule') {
            wheel.schedule(entries[entry]!, ms)
            due.set(entry, Math.floor(nowMs / 10) + Math.ceil(ms / 10) + 1)
          } else if (action === 'cancel') {
            wheel.cancel(entries[entry]!)
            due.delete(entry)
          } else {
            fired.clear()
            advanceTo(wheel, nowMs + ms)
            const expected = [...due].filter(([, tick]) => tick <= Math.floor(nowMs / 10)).map(([i]) => i)
            assert.deepEqual([...fired].sort(), expected.sort())
            for (const i of expected) due.delete(i)
          }
          assert.equal(wheel.size, due.size)
        }
      }),
    )
  })

  test('runs by itself on the real clock', async () => {
    const wheel = new DeadlineWheel()
    wheels.push(wheel)
    const keepAlive = setTimeout(() => {}, 5000)
    const startedMs = performance.now()
    await new Promise<void>((resolve) => wheel.schedule(new Entry(resolve), 30))
    clearTimeout(keepAlive)
    assert.ok(performance.now() - startedMs >= 30)
  })
})
