import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, JsonValue } from '@bramble/api/object'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { aJsonObject } from './arbitrary.ts'
import { mergePatch } from './merge-patch.ts'

// RFC 7386, appendix A.
const cases: [JsonValue, JsonValue, JsonValue][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
]
for (const [target, patch, result] of cases)
  test(`${JSON.stringify(target)} patched with ${JSON.stringify(patch)}`, () => assert.deepEqual(mergePatch(target, patch), result))

test('a key named __proto__ stays a key', () => {
  const patched = mergePatch({}, JSON.parse('{"__proto__": {"polluted": true}}') as JsonObject) as JsonObject
  assert.equal(({} as JsonObject)['polluted'], undefined)
  assert.equal(patched['polluted'], undefined)
})

test('patching twice is patching once, and the target is not touched', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed)
    const [target, patch] = [aJsonObject(random), aJsonObject(random, true)]
    const before = structuredClone(target)
    const once = mergePatch(target, patch)
    assert.deepEqual(mergePatch(once, patch), once, `seed ${seed}`)
    assert.deepEqual(target, before, `seed ${seed}`)
  }
})
