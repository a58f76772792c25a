import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '@bramble/api/object'
import { difference, equalSets, type FieldSet, has, intersection, paths, recursiveDifference, setOf, union } from './field-set.ts'
import { decodeSet, encodeSet } from './fields-v1.ts'
import { formatPath } from './path-element.ts'

const shown = (set: FieldSet): string[] => [...paths(set)].map(formatPath)
const of = (...all: string[]): FieldSet => setOf(...all.map((path) => path.split('/').map((name) => `f:${name}`)))

test('a path may be in a set, have paths below it, or both', () => {
  const set = of('a', 'a/b', 'c/d')
  assert.deepEqual(shown(set), ['.a', '.a.b', '.c.d'])
  assert.equal(has(set, ['f:a']), true)
  assert.equal(has(set, ['f:c']), false)
  assert.equal(has(set, []), false)
})

const operations: { name: string; run: (a: FieldSet, b: FieldSet) => FieldSet; expected: string[] }[] = [
  { name: 'union', run: union, expected: ['.a', '.b', '.c', '.a.x', '.b.y', '.c.z', '.d.e'] },
  { name: 'intersection', run: intersection, expected: ['.a'] },
  { name: 'difference leaves what is below', run: difference, expected: ['.a.x', '.b.y', '.d.e'] },
  { name: 'recursive difference takes what is below', run: recursiveDifference, expected: ['.d.e'] },
]
for (const { name, run, expected } of operations)
  test(`${name}`, () => assert.deepEqual(shown(run(of('a', 'a/x', 'b/y', 'd/e'), of('a', 'b', 'c', 'c/z'))), expected))

test('fieldsV1 is read and written, in order', () => {
  const fields = {
    'f:items': {
      'k:{"protocol":"TCP","port":80}': { '.': {}, 'f:name': {} },
      'k:{"port":80}': {},
    },
    'f:set': { 'v:"b"': {}, 'v:1': {}, 'v:true': {}, 'i:3': {}, 'x:new': {} },
    'f:a': {},
  }
  const set = decodeSet(fields)
  assert.equal(
    JSON.stringify(encodeSet(set)),
    '{"f:a":{},"f:items":{"k:{\\"port\\":80,\\"protocol\\":\\"TCP\\"}":{".":{},"f:name":{}},"k:{\\"port\\":80}":{}},"f:set":{"i:3":{},"v:\\"b\\"":{},"v:1":{},"v:true":{}}}',
  )
  assert.deepEqual(shown(set), [
    '.a',
    '.items[port=80,protocol="TCP"]',
    '.items[port=80]',
    '.items[port=80,protocol="TCP"].name',
    '.set[3]',
    '.set[="b"]',
    '.set[=1]',
    '.set[=true]',
  ])
  assert.equal(equalSets(set, decodeSet(JSON.parse(JSON.stringify(encodeSet(set))) as JsonObject)), true)
})

test('equal sets are one frozen object', () => {
  assert.equal(encodeSet(of('a/b', 'c')), encodeSet(of('c', 'a/b')))
  assert.equal(Object.isFrozen(encodeSet(of('a/b'))['f:a']), true)
})

const malformed: readonly unknown[] = [
  { a: {} },
  { 'k:[]': {} },
  { 'k:{': {} },
  { 'v:x': {} },
  { 'i:x': {} },
  [],
  'x',
  null,
  undefined,
  deep(200),
]
for (const fields of malformed)
  test(`refuses ${JSON.stringify(fields)?.slice(0, 30)} as fieldsV1`, () => assert.throws(() => decodeSet(fields as JsonObject), Error))

function deep(levels: number): JsonObject {
  return levels === 0 ? {} : { 'f:a': deep(levels - 1) }
}
