import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '@bramble/api/object'
import fc from 'fast-check'
import { compare } from './compare.ts'
import { difference, equalSets, type FieldSet, intersection, isEmpty, union } from './field-set.ts'
import { decodeSet, encodeSet } from './fields-v1.ts'
import { THING, thing, Written } from './managed-fields.fixture.ts'
import { merge } from './merge.ts'
import { setOfObject } from './object-set.ts'
import { typedErrors } from './typed-errors.ts'

const SEED = 7
const runs = { seed: SEED, numRuns: 300 }
const name = fc.constantFrom('a', 'b', 'c', 'constructor')
const text = fc.constantFrom('1', '2', '')
const small = fc.integer({ min: 0, max: 2 })
const aMap = fc.dictionary(name, text, { maxKeys: 3, noNullPrototype: true })
const unique = <T>(values: fc.Arbitrary<T>, by: (value: T) => unknown): fc.Arbitrary<T[]> =>
  fc.uniqueArray(values, { maxLength: 3, selector: by })
const item = fc.record({ name, value: small, more: aMap }, { requiredKeys: ['name'], noNullPrototype: true })
const port = fc.record(
  { port: small, protocol: fc.constantFrom('TCP', 'UDP'), name: text },
  { requiredKeys: ['port'], noNullPrototype: true },
)
/** Always a map: who states one form of a value does not own the others, and is not asked. */
const anything = fc.dictionary(name, fc.oneof(text, small, aMap, fc.array(small, { maxLength: 2 })), { maxKeys: 3, noNullPrototype: true })

/** A configuration of the kind that has a field of every sort. */
const aThing = fc
  .record(
    {
      number: small,
      flag: fc.boolean(),
      text,
      map: aMap,
      atomicMap: aMap,
      struct: fc.record(
        { a: text, b: fc.oneof(text, small), inner: fc.record({ c: text }, { requiredKeys: [], noNullPrototype: true }) },
        { requiredKeys: [], noNullPrototype: true },
      ),
      list: fc.array(text, { maxLength: 3 }),
      set: unique(text, String),
      items: unique(item, (one) => one.name),
      ports: unique(port, (one) => `${one.port}/${one.protocol ?? 'TCP'}`),
      any: anything,
    },
    { requiredKeys: [], noNullPrototype: true },
  )
  .map((fields) => thing(fields as JsonObject))

const stated = (config: JsonObject): FieldSet => setOfObject(THING, config)
/** Whether what a configuration states is so in an object. */
function holds(config: JsonObject, object: JsonObject): boolean {
  const { added, modified } = compare(THING, object, config)
  return isEmpty(intersection(union(added, modified), stated(config)))
}

test('configurations that are made up are valid, and field sets survive fieldsV1', () => {
  fc.assert(
    fc.property(aThing, (config) => {
      assert.deepEqual(typedErrors(THING, config), [])
      const set = stated(config)
      assert.ok(equalSets(decodeSet(JSON.parse(JSON.stringify(encodeSet(set))) as JsonObject), set))
    }),
    runs,
  )
})

test('sets add up: what two have in common and what one has alone is that one', () => {
  fc.assert(
    fc.property(aThing, aThing, (a, b) => {
      const [left, right] = [stated(a), stated(b)]
      assert.ok(equalSets(union(intersection(left, right), difference(left, right)), left))
      assert.ok(equalSets(union(left, right), union(right, left)))
      assert.ok(isEmpty(difference(left, union(left, right))))
    }),
    runs,
  )
})

test('a configuration laid over an object holds there, and laid over it again changes nothing', () => {
  fc.assert(
    fc.property(aThing, aThing, (live, config) => {
      const merged = merge(THING, live, config)
      assert.ok(holds(config, merged))
      assert.deepEqual(merge(THING, merged, config), merged)
    }),
    runs,
  )
})

test('comparing there and back swaps what came and what went', () => {
  fc.assert(
    fc.property(aThing, aThing, (a, b) => {
      const [there, back] = [compare(THING, a, b), compare(THING, b, a)]
      assert.ok(equalSets(there.added, back.removed) || !equalSets(there.modified, difference(there.modified, there.added)))
      assert.deepEqual(compare(THING, a, a), compare(THING, b, b))
    }),
    runs,
  )
})

test('apply is idempotent', () => {
  fc.assert(
    fc.property(aThing, aThing, (before, config) => {
      const once = new Written().apply('A', before).apply('A', config)
      const [object, entries] = [once.object, once.entries]
      once.apply('A', config)
      assert.deepEqual(once.object, object)
      if (entries) assert.deepEqual(once.entries, entries) // of what nobody owns, the next apply finds an owner
    }),
    runs,
  )
})

test('two who apply never lose what they state, whatever the other drops', () => {
  fc.assert(
    fc.property(aThing, aThing, aThing, (a, b, c) => {
      const written = new Written().apply('A', a)
      try {
        written.apply('B', b)
      } catch {
        return // a conflict: the other is told, and nothing is lost
      }
      assert.ok(holds(a, written.object) && holds(b, written.object))
      try {
        written.apply('A', c)
      } catch {
        assert.ok(holds(a, written.object))
      }
      assert.ok(holds(b, written.object))
    }),
    runs,
  )
})

test('who forces has what he states, and nobody else owns what he changed', () => {
  fc.assert(
    fc.property(aThing, aThing, (a, b) => {
      const written = new Written().apply('A', a)
      const { added, modified } = compare(THING, written.object, merge(THING, written.object, b))
      written.apply('B', b, true)
      assert.ok(holds(b, written.object))
      const other = written.entries?.find(({ manager }) => manager === 'A')
      if (other) assert.ok(isEmpty(intersection(decodeSet(other.fieldsV1), union(added, modified))))
    }),
    runs,
  )
})

test('what was applied to nothing and is applied no more is gone', () => {
  fc.assert(
    fc.property(aThing, (config) => {
      const written = new Written().apply('A', config).apply('A', thing())
      assert.deepEqual(withoutEmptyLists(written.fields), {})
      assert.deepEqual(written.owners, [])
    }),
    runs,
  )
})

/** An empty list with keys is owned by nobody, so nobody takes it away. */
const withoutEmptyLists = (object: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => !Array.isArray(value) || value.length > 0))

test('an apply that comes and goes leaves what others had applied', () => {
  fc.assert(
    fc.property(aThing, aThing, (a, b) => {
      const written = new Written().apply('A', a)
      const before = written.object
      try {
        written.apply('B', b)
      } catch {
        return
      }
      written.apply('B', thing())
      const { added, modified, removed } = compare(THING, withoutEmptyLists(before), withoutEmptyLists(written.object))
      assert.ok(isEmpty(union(added, union(modified, removed))))
    }),
    runs,
  )
})

test('owners by Update own what they changed, and nobody owns what is not there', () => {
  fc.assert(
    fc.property(aThing, aThing, aThing, (a, b, c) => {
      const written = new Written().update('A', a).update('B', b).update('C', c)
      const there = compare(THING, {}, written.object).added
      for (const { fieldsV1 } of written.entries ?? []) assert.ok(isEmpty(difference(decodeSet(fieldsV1), there)))
    }),
    runs,
  )
})
