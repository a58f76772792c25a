import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cell, customColumns } from './columns.ts'
import { parseJsonPath } from './json-path.ts'

const OBJECT = {
  metadata: { annotations: { 'a.b/c': 'dotted' } },
  spec: { n: 3, list: [{ x: 1 }, { x: 2 }, { x: 3 }] },
  status: {
    conditions: [
      { type: 'Synced', status: 'False' },
      { type: 'Ready', status: 'True', count: 2 },
    ],
  },
}

const FOUND: readonly (readonly [string, readonly unknown[]])[] = [
  ['.spec.n', [3]],
  ['spec.n', [3]],
  ['.', [OBJECT]],
  ['.spec.none.at.all', []],
  ['.metadata.annotations.a\\.b/c', ['dotted']],
  [".metadata.annotations['a.b/c']", ['dotted']],
  ['.spec.list[0].x', [1]],
  ['.spec.list[-1].x', [3]],
  ['.spec.list[1:].x', [2, 3]],
  ['.spec.list[0:2].x', [1, 2]],
  ['.spec.list[*].x', [1, 2, 3]],
  ['.spec.list[7].x', []],
  ['.spec.*', [3, OBJECT.spec.list]],
  ['.status.conditions[?(@.type=="Ready")].status', ['True']],
  [".status.conditions[?(@.type=='Ready')].status", ['True']],
  ['.status.conditions[?(@.type!="Ready")].status', ['False']],
  ['.status.conditions[?(@.count>1)].type', ['Ready']],
  ['.status.conditions[?(@.count)].type', ['Ready']],
  ['..x', [1, 2, 3]],
  ['.constructor', []],
]
for (const [path, expected] of FOUND) test(`${path} finds`, () => assert.deepEqual(parseJsonPath(path)?.find(OBJECT), expected))

for (const path of ['.a[', '.a[?(x)]', '.a b', '.a[]', '.a..', ".a['b]", '{.a}'])
  test(`${path} is no path`, () => assert.equal(parseJsonPath(path), undefined))

const NOW = Date.parse('2026-01-02T00:00:00Z')
const CELLS: readonly (readonly [string, unknown, unknown])[] = [
  ['string', 'a', 'a'],
  ['string', 5, '5'],
  ['string', { a: [1] }, '{"a":[1]}'],
  ['integer', 5.7, 5],
  ['integer', '5', null],
  ['number', 5.5, 5.5],
  ['boolean', false, false],
  ['boolean', 'true', null],
  ['date', '2026-01-01T00:00:00Z', '24h'],
  ['date', 'yesterday', '<invalid>'],
  ['date', undefined, null],
]
for (const [type, value, expected] of CELLS)
  test(`a ${type} column shows ${JSON.stringify(value)}`, () => assert.equal(cell(type, value, NOW), expected))

test('without columns of its own a kind has an age, with them it has those', () => {
  assert.deepEqual(
    customColumns().map(({ name }) => name),
    ['Name', 'Age'],
  )
  const [, column] = customColumns([{ name: 'Size', type: 'integer', jsonPath: '.spec.n', priority: 1 }])
  assert.equal(column?.priority, 1)
  assert.equal(column?.value(OBJECT as never, NOW), 3)
})
