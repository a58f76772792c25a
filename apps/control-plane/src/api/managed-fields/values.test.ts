import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '@bramble/api/object'
import { compare } from './compare.ts'
import { encodeSet } from './fields-v1.ts'
import { THING, thing } from './managed-fields.fixture.ts'
import { merge } from './merge.ts'
import { setOfObject } from './object-set.ts'
import { removeItems } from './remove.ts'
import { formatErrors, typedErrors } from './typed-errors.ts'
import { decodeSet } from './fields-v1.ts'

const text = (set: Parameters<typeof encodeSet>[0]): string => JSON.stringify(encodeSet(set))

const stated: { name: string; value: JsonObject; expected: string }[] = [
  { name: 'leaves', value: { number: 1, text: 'x' }, expected: '{"f:number":{},"f:text":{}}' },
  { name: 'null and what is empty', value: { text: null, struct: {}, map: {} }, expected: '{"f:map":{},"f:struct":{},"f:text":{}}' },
  { name: 'entries of a map', value: { map: { a: '1' } }, expected: '{"f:map":{"f:a":{}}}' },
  {
    name: 'an atomic map and an atomic list as a whole',
    value: { atomicMap: { a: '1' }, list: ['x'] },
    expected: '{"f:atomicMap":{},"f:list":{}}',
  },
  { name: 'fields of structs, not the structs', value: { struct: { inner: { c: 'x' } } }, expected: '{"f:struct":{"f:inner":{"f:c":{}}}}' },
  { name: 'items of a set', value: { set: ['a', 'b'] }, expected: '{"f:set":{"v:\\"a\\"":{},"v:\\"b\\"":{}}}' },
  {
    name: 'items by key, and what is in them',
    value: { items: [{ name: 'a', value: 1 }] },
    expected: '{"f:items":{"k:{\\"name\\":\\"a\\"}":{".":{},"f:name":{},"f:value":{}}}}',
  },
  {
    name: 'a key that is left out by its default',
    value: { ports: [{ port: 80 }] },
    expected: '{"f:ports":{"k:{\\"port\\":80,\\"protocol\\":\\"TCP\\"}":{".":{},"f:port":{}}}}',
  },
  {
    name: 'what has no schema: maps by entry, lists as a whole',
    value: { any: { a: { b: 1 }, c: [1] } },
    expected: '{"f:any":{"f:a":{".":{},"f:b":{}},"f:c":{}}}',
  },
]
for (const { name, value, expected } of stated)
  test(`a configuration states ${name}`, () => assert.equal(text(setOfObject(THING, value)), expected))

const compared: { name: string; before: JsonObject; after: JsonObject; added?: string; modified?: string; removed?: string }[] = [
  { name: 'nothing differs', before: { map: { a: '1' } }, after: { map: { a: '1' } } },
  {
    name: 'a map that is new is new itself',
    before: {},
    after: { map: { a: '1' } },
    added: '{"f:map":{".":{},"f:a":{}}}',
  },
  { name: 'a map that is gone is gone itself', before: { map: { a: '1' } }, after: {}, removed: '{"f:map":{".":{},"f:a":{}}}' },
  {
    name: 'a list that was null is not new',
    before: { items: null },
    after: { items: [{ name: 'a' }] },
    added: '{"f:items":{"k:{\\"name\\":\\"a\\"}":{".":{},"f:name":{}}}}',
  },
  { name: 'order does not count', before: { set: ['a', 'b'] }, after: { set: ['b', 'a'] } },
  { name: 'an atomic list counts as a whole', before: { list: ['a'] }, after: { list: ['a', 'b'] }, modified: '{"f:list":{}}' },
  {
    name: 'an item that changed',
    before: { items: [{ name: 'a', value: 1 }] },
    after: { items: [{ name: 'a', value: 2 }] },
    modified: '{"f:items":{"k:{\\"name\\":\\"a\\"}":{"f:value":{}}}}',
  },
  {
    name: 'items that became two of one name',
    before: { set: ['a'] },
    after: { set: ['a', 'a'] },
    added: '{"f:set":{"v:\\"a\\"":{}}}',
  },
  {
    name: 'a value of another form',
    before: { any: 1 },
    after: { any: { a: 1 } },
    added: '{"f:any":{"f:a":{}}}',
    modified: '{"f:any":{}}',
  },
  { name: 'empty is not null', before: { map: null }, after: { map: {} }, modified: '{"f:map":{}}' },
]
for (const { name, before, after, added = '{}', modified = '{}', removed = '{}' } of compared)
  test(`comparing: ${name}`, () => {
    const found = compare(THING, before, after)
    assert.deepEqual([text(found.added), text(found.modified), text(found.removed)], [added, modified, removed])
  })

const items = (...names: string[]): JsonObject => ({ items: names.map((name) => ({ name })) })
const merged: { name: string; live: JsonObject; config: JsonObject; expected: JsonObject }[] = [
  { name: 'leaves are replaced', live: { text: 'a', number: 1 }, config: { text: 'b' }, expected: { text: 'b', number: 1 } },
  {
    name: 'maps are merged',
    live: { map: { a: '1', b: '1' } },
    config: { map: { b: '2', c: '2' } },
    expected: { map: { a: '1', b: '2', c: '2' } },
  },
  {
    name: 'atomic maps and lists are replaced',
    live: { atomicMap: { a: '1' }, list: ['a'] },
    config: { atomicMap: { b: '1' }, list: [] },
    expected: { atomicMap: { b: '1' }, list: [] },
  },
  {
    name: 'items are merged by key',
    live: { items: [{ name: 'a', value: 1 }] },
    config: { items: [{ name: 'a', more: { x: 'y' } }] },
    expected: { items: [{ name: 'a', value: 1, more: { x: 'y' } }] },
  },
  {
    name: 'shared items stand in the order of the configuration',
    live: items('a', 'b', 'c'),
    config: items('c', 'a'),
    expected: items('b', 'c', 'a'),
  },
  {
    name: 'new items stand where the configuration has them',
    live: items('a', 'x'),
    config: items('n', 'a', 'm'),
    expected: items('n', 'a', 'x', 'm'),
  },
  { name: 'a set grows', live: { set: ['a'] }, config: { set: ['b', 'a'] }, expected: { set: ['b', 'a'] } },
  { name: 'items that occur twice are kept', live: { set: ['a', 'a', 'b'] }, config: { set: ['b'] }, expected: { set: ['a', 'a', 'b'] } },
  {
    name: 'items that occur twice become one when they are applied',
    live: { set: ['a', 'a', 'b'] },
    config: { set: ['a'] },
    expected: { set: ['a', 'b'] },
  },
  {
    name: 'constructor is a key like others',
    live: { map: { a: '1' } },
    config: { map: { constructor: 'x' } },
    expected: { map: { a: '1', constructor: 'x' } },
  },
]
for (const { name, live, config, expected } of merged)
  test(`merging: ${name}`, () => assert.deepEqual(merge(THING, live, config), expected))

test('removing what is named leaves empty what has nothing left', () => {
  const object = thing({ map: { a: '1' }, set: ['a', 'b'], items: [{ name: 'a', value: 1 }], list: ['x'] })
  const doomed = decodeSet({
    'f:map': { 'f:a': {} },
    'f:set': { 'v:"a"': {} },
    'f:items': { 'k:{"name":"a"}': { 'f:value': {} } },
    'f:list': {},
  })
  assert.deepEqual(removeItems(THING, object, doomed), thing({ map: {}, set: ['b'], items: [{ name: 'a' }] }))
})

const wrong: { name: string; value: JsonObject; expected: string }[] = [
  { name: 'a field that nobody knows', value: { foo: 1, bar: 2 }, expected: '.bar: field not declared in schema' },
  { name: 'text for a number', value: { number: 'x' }, expected: '.number: expected numeric (int or float), got string' },
  { name: 'a number for text', value: { text: 1 }, expected: '.text: expected string, got &value.valueUnstructured{Value:1}' },
  { name: 'text for a switch', value: { flag: 'yes' }, expected: '.flag: expected boolean, got &{yes}' },
  { name: 'a list for a map', value: { map: ['a'] }, expected: '.map: expected map, got &{[a]}' },
  { name: 'a map for a list', value: { list: { a: 1 } }, expected: '.list: expected list, got &{map[a:1]}' },
  { name: 'a map for int-or-string', value: { struct: { b: {} } }, expected: '.struct.b: expected any scalar, got &{map[]}' },
  { name: 'an item twice', value: { items: [{ name: 'a' }, { name: 'a' }] }, expected: '.items: duplicate entries for key [name="a"]' },
  { name: 'a value of a set twice', value: { set: ['a', 'a'] }, expected: '.set: duplicate entries for key [="a"]' },
  {
    name: 'an item without its key',
    value: { items: [{ value: 1 }] },
    expected: `.items: element 0: associative list with keys has an element that omits all key fields ["name"] (and doesn't have default values for any key fields)`,
  },
  {
    name: 'null as an item',
    value: { items: [null] },
    expected: '.items: element 0: associative list with keys may not have a null element',
  },
  {
    name: 'a map in a set',
    value: { set: [{}] },
    expected: ".set: element 0: associative list without keys has an element that's a map type",
  },
  {
    name: 'a type deep inside',
    value: { items: [{ name: 'a', value: 'x' }] },
    expected: '.items[name="a"].value: expected numeric (int or float), got string',
  },
  {
    name: 'two things',
    value: { number: 'x', text: {} },
    expected:
      'errors:\n  .number: expected numeric (int or float), got string\n  .text: expected string, got &value.valueUnstructured{Value:map[string]interface {}{}}',
  },
]
for (const { name, value, expected } of wrong)
  test(`refuses ${name}`, () => assert.equal(formatErrors(typedErrors(THING, value)), expected))
