import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import { bookmarkTable, toTable } from './table.ts'
import type { ResourceDefinition } from './resource.ts'

interface Box extends KubeObject {
  size?: { width: number }
}
const boxes: ResourceDefinition<Box> = {
  group: 'x',
  version: 'v1',
  kind: 'Box',
  plural: 'boxes',
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'any' },
  columns: [
    { name: 'Name', type: 'string', format: 'name', value: (box) => box.metadata.name },
    { name: 'Width', type: 'integer', priority: 1, description: 'How wide.', value: (box) => box.size!.width },
    { name: 'Age', type: 'string', value: (box, nowMs) => `${(nowMs - Date.parse(box.metadata.creationTimestamp)) / 1000}s` },
  ],
}
const box = (name: string, size?: Box['size']): Box => ({
  kind: 'Box',
  apiVersion: 'x/v1',
  metadata: { name, uid: 'u', resourceVersion: '7', creationTimestamp: '2026-01-01T00:00:00Z' },
  ...(size && { size }),
})
const nowMs = Date.UTC(2026, 0, 1, 0, 0, 5)
const table = (includeObject: 'None' | 'Metadata' | 'Object', withColumns = true) =>
  toTable(boxes, [box('a', { width: 3 })], { resourceVersion: '9' }, { includeObject, version: 'v1', nowMs, withColumns })

test('cells are in the order of the columns, beside the metadata', () => {
  assert.deepEqual(table('Metadata'), {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: '9' },
    columnDefinitions: [
      { name: 'Name', type: 'string', format: 'name', description: '', priority: 0 },
      { name: 'Width', type: 'integer', format: '', description: 'How wide.', priority: 1 },
      { name: 'Age', type: 'string', format: '', description: '', priority: 0 },
    ],
    rows: [{ cells: ['a', 3, '5s'], object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: box('a').metadata } }],
  })
})

test('a row carries nothing, the metadata or the whole object', () => {
  const objectOf = (value: unknown) => (value as { rows: { object?: { kind: string } }[] }).rows[0]!.object
  assert.equal(objectOf(table('None')), undefined)
  assert.equal(objectOf(table('Metadata'))!.kind, 'PartialObjectMetadata')
  assert.deepEqual(objectOf(table('Object')), box('a', { width: 3 }))
})

test('columns can be left out', () => assert.deepEqual(table('None', false).columnDefinitions, []))

test('an object that a column cannot read costs one cell', () => {
  const { rows } = toTable(boxes, [box('a')], {}, { includeObject: 'None', version: 'v1', nowMs }) as { rows: unknown }
  assert.deepEqual(rows, [{ cells: ['a', '<unknown>', '5s'] }])
})

test('a kind without columns shows names', () => {
  const { columnDefinitions, rows } = toTable(
    { ...boxes, columns: [] },
    [box('a')],
    {},
    { includeObject: 'None', version: 'v1beta1', nowMs },
  ) as { columnDefinitions: { name: string }[]; rows: { cells: unknown[] }[] }
  assert.deepEqual([columnDefinitions.map(({ name }) => name), rows[0]!.cells], [['Name'], ['a']])
})

test('a bookmark keeps its revision and annotations', () => {
  const bookmark = { ...box(''), metadata: { ...box('').metadata, annotations: { 'k8s.io/initial-events-end': 'true' } } }
  const shown = bookmarkTable(bookmark, 'v1') as { metadata: unknown; rows: { object: { metadata: { annotations: unknown } } }[] }
  assert.deepEqual(
    [shown.metadata, shown.rows[0]!.object.metadata.annotations],
    [{ resourceVersion: '7' }, { 'k8s.io/initial-events-end': 'true' }],
  )
})
