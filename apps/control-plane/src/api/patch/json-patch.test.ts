import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonValue } from '@bramble/api/object'
import { jsonPatch } from './json-patch.ts'

const applied: { name: string; target: JsonValue; patch: JsonValue; result: JsonValue }[] = [
  {
    name: 'adds, replaces and removes members',
    target: { a: 1, b: 2 },
    patch: [
      { op: 'add', path: '/c', value: 3 },
      { op: 'replace', path: '/a', value: 0 },
      { op: 'remove', path: '/b' },
    ],
    result: { a: 0, c: 3 },
  },
  {
    name: 'inserts into and appends to lists',
    target: { a: [1, 3] },
    patch: [
      { op: 'add', path: '/a/1', value: 2 },
      { op: 'add', path: '/a/-', value: 4 },
    ],
    result: { a: [1, 2, 3, 4] },
  },
  {
    name: 'reads escaped names',
    target: { 'a/b': 1, 'c~d': 2 },
    patch: [
      { op: 'remove', path: '/a~1b' },
      { op: 'replace', path: '/c~0d', value: 3 },
    ],
    result: { 'c~d': 3 },
  },
  {
    name: 'moves and copies',
    target: { a: { x: 1 } },
    patch: [
      { op: 'copy', from: '/a', path: '/b' },
      { op: 'move', from: '/a/x', path: '/c' },
    ],
    result: { a: {}, b: { x: 1 }, c: 1 },
  },
  {
    name: 'goes on after a test that holds',
    target: { a: [1] },
    patch: [
      { op: 'test', path: '/a', value: [1] },
      { op: 'remove', path: '/a' },
    ],
    result: {},
  },
  { name: 'replaces the whole document', target: { a: 1 }, patch: [{ op: 'replace', path: '', value: { b: 2 } }], result: { b: 2 } },
]
for (const { name, target, patch, result } of applied) test(name, () => assert.deepEqual(jsonPatch(target, patch), result))

const failed: { name: string; patch: JsonValue; code: number }[] = [
  { name: 'a patch that is no list', patch: { op: 'add' }, code: 400 },
  { name: 'an unknown operation', patch: [{ op: 'merge', path: '/a' }], code: 400 },
  { name: 'an operation without path', patch: [{ op: 'remove' }], code: 400 },
  { name: 'a path to the prototype', patch: [{ op: 'add', path: '/__proto__/polluted', value: 1 }], code: 400 },
  { name: 'a test that fails', patch: [{ op: 'test', path: '/a', value: 2 }], code: 422 },
  { name: 'a path that is not there', patch: [{ op: 'remove', path: '/x/y' }], code: 422 },
  { name: 'an index beyond the end', patch: [{ op: 'add', path: '/list/9', value: 1 }], code: 422 },
  { name: 'a member of a text', patch: [{ op: 'add', path: '/text/x', value: 1 }], code: 422 },
  {
    name: 'copies that grow without bound',
    patch: Array.from({ length: 40 }, () => ({ op: 'copy', from: '/list', path: '/list/-' })),
    code: 413,
  },
]
for (const { name, patch, code } of failed)
  test(`refuses ${name}`, () => {
    const target = { a: 1, text: 'x', list: [1, 2, 3] }
    assert.throws(() => jsonPatch(target, patch), { code })
    assert.deepEqual(target, { a: 1, text: 'x', list: [1, 2, 3] })
  })
