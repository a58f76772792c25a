import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PowerReading, StorageReading } from './board.ts'
import { boardConditions, seenTroubles, type Troubles } from './conditions.ts'

const MINUTE_MS = 60_000
const FINE: PowerReading = {
  underVoltage: false,
  throttling: { underVoltage: false, slowed: false, underVoltageSinceBoot: true, slowedSinceBoot: true },
}
const WEAK: PowerReading = { underVoltage: true, throttling: { ...FINE.throttling!, underVoltage: true, slowed: true } }
const chip = (more: Partial<StorageReading>): StorageReading => ({
  device: 'mmcblk0',
  type: 'MMC',
  name: 'a',
  manufacturer: '',
  date: '',
  ...more,
})

const shown = (power: PowerReading, storage: readonly StorageReading[] = [], troubles: Troubles = {}, nowMs = 0): readonly string[] =>
  boardConditions(seenTroubles(troubles, power, undefined, nowMs), power, storage, nowMs).map(({ type, status }) => `${type}=${status}`)

test('a board that is fine says so, whatever was before', () => assert.deepEqual(shown(FINE), ['UnderVoltage=False', 'Throttled=False']))
test('a weak supply is told', () => assert.deepEqual(shown(WEAK), ['UnderVoltage=True', 'Throttled=True']))
test('a machine without sensors says nothing', () => assert.deepEqual(shown({}), []))
test('a card that does not tell its wear says nothing of it', () => assert.deepEqual(shown({}, [chip({ type: 'SD' })]), []))

const wears: readonly (readonly [name: string, chip: Partial<StorageReading>, want: string])[] = [
  ['a new chip is not worn', { lifeUsedRatio: 0.1, reserveState: 1 }, 'False'],
  ['one with a tenth of its life left is not yet', { lifeUsedRatio: 0.9 }, 'False'],
  ['one in the last tenth is', { lifeUsedRatio: 1 }, 'True'],
  ['one that has used up its reserve is', { lifeUsedRatio: 0.2, reserveState: 2 }, 'True'],
]
for (const [name, each, want] of wears) test(name, () => assert.deepEqual(shown({}, [chip(each)]), [`StorageWorn=${want}`]))

test('a supply that fails again and again for moments is one trouble, over after ten quiet minutes', () => {
  let troubles: Troubles = {}
  const told: string[] = []
  for (let nowMs = 0; nowMs <= 60 * MINUTE_MS; nowMs += 15_000) {
    const power = nowMs < 30 * MINUTE_MS && nowMs % (5 * MINUTE_MS) === 0 ? WEAK : FINE
    troubles = seenTroubles(troubles, power, undefined, nowMs)
    const text = JSON.stringify(boardConditions(troubles, power, [], nowMs))
    if (text !== told.at(-1)) told.push(text)
  }
  assert.equal(told.length, 2, 'each change costs a message')
  assert.match(told[0]!, /"UnderVoltage","status":"True"/)
  assert.match(told[1]!, /"UnderVoltage","status":"False"/)
})

test('a processor is hot from 80 °C on, and until it is below 75', () => {
  let troubles: Troubles = {}
  const hot = [70, 80, 79, 75, 74.9, 79].map((celsius) => {
    troubles = seenTroubles(troubles, {}, celsius, 0)
    return boardConditions(troubles, {}, [], 0)
      .map(({ type, status }) => `${type}=${status}`)
      .join()
  })
  assert.deepEqual(
    hot,
    ['False', 'True', 'True', 'True', 'False', 'False'].map((status) => `HighTemperature=${status}`),
  )
})
