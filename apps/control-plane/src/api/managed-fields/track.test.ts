import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import { isReason, type StatusError } from '@bramble/api/status-error'
import { LAST_APPLIED } from './last-applied.ts'
import { THING, thing, Written } from './managed-fields.fixture.ts'
import { capUpdaters, decodeManaged, encodeManaged, type ManagedFieldsEntry, shareManagedFields } from './managers.ts'

const map = (entries: Record<string, string>): JsonObject => thing({ map: entries })

test('who writes comes to own what changed, and others lose it', () => {
  const written = new Written().update('made', map({ a: '1', b: '1' })).update('other', map({ a: '2', b: '1' }))
  assert.deepEqual(written.owners, ['made Update {"f:map":{".":{},"f:b":{}}}', 'other Update {"f:map":{"f:a":{}}}'])
  written.update('third', thing())
  assert.deepEqual(written.owners, [], 'nobody owns what is gone')
})

test('who writes again what is his own keeps it, and the time is that of his last change', () => {
  const written = new Written().update('A', map({ a: '1' }))
  written.update('A', map({ a: '2' })).update('B', map({ a: '2' }))
  assert.deepEqual(
    written.entries?.map(({ manager, time }) => [manager, time]),
    [['A', '2026-01-01T00:00:01Z']],
  )
})

test('an apply removes what it does not state any more, unless others own it', () => {
  const written = new Written()
    .apply('A', map({ a: '1', b: '1' }))
    .apply('B', map({ b: '1' }))
    .apply('A', map({}))
  assert.deepEqual(written.fields, { map: { b: '1' } })
  assert.deepEqual(written.owners, ['B Apply {"f:map":{"f:b":{}}}', 'A Apply {"f:map":{}}'])
})

test('an apply does not remove what was never its own', () => {
  const written = new Written()
    .update('U', map({ u: '1' }))
    .apply('A', map({ a: '1' }))
    .apply('A', thing())
  assert.deepEqual(written.fields, { map: { u: '1' } })
})

test('an item that nobody states any more goes with what others changed in it', () => {
  const item = (fields: JsonObject): JsonObject => thing({ items: [{ name: 'i', ...fields }] })
  const written = new Written()
    .apply('A', item({ value: 1 }))
    .update('U', item({ value: 1, more: { x: 'y' } }))
    .apply('A', thing())
  assert.deepEqual(written.fields, { items: [] })
})

test('the first apply finds an owner of what is there', () => {
  const written = new Written(THING, map({ a: '1', b: '1' })).apply('A', map({ a: '1' }))
  assert.deepEqual(written.owners, ['A Apply {"f:map":{"f:a":{}}}', 'before-first-apply Update {"f:map":{".":{},"f:a":{},"f:b":{}}}'])
  assert.throws(() => written.apply('A', map({ b: '2' })), /conflict with "before-first-apply" using v1: \.map\.b$/)
})

test('conflicts name everyone, in order', () => {
  const written = new Written().apply('C', map({ c: '1' })).update('B', map({ b: '1', c: '1' }))
  try {
    written.apply('A', map({ b: '2', c: '2' }))
    assert.fail('no conflict')
  } catch (error) {
    assert.ok(isReason(error, 'Conflict'))
    const { message, details } = error as StatusError
    assert.equal(message, 'Apply failed with 2 conflicts: conflicts with "B" using v1:\n- .map.b\nconflicts with "C":\n- .map.c')
    assert.deepEqual(details?.causes, [
      { reason: 'FieldManagerConflict', message: 'conflict with "B" using v1', field: '.map.b' },
      { reason: 'FieldManagerConflict', message: 'conflict with "C"', field: '.map.c' },
    ])
  }
})

test('kubectl takes what it had applied on the client’s side, and keeps the annotation up to date', () => {
  const lastApplied = { ...map({ a: '1', b: '<1>' }), metadata: { name: 'x', annotations: {} } }
  const annotated = (fields: JsonObject): JsonObject => ({
    ...thing(fields),
    metadata: { name: 'x', annotations: { [LAST_APPLIED]: JSON.stringify(lastApplied) } },
  })
  const written = new Written().update('kubectl-client-side-apply', annotated({ map: { a: '1', b: '<1>' } }))
  assert.throws(() => written.apply('A', map({ a: '2' })), /conflict with "kubectl-client-side-apply" using v1: \.map\.a$/)
  const taken = new Written()
    .update('kubectl-client-side-apply', annotated({ map: { a: '1', b: '<1>' } }))
    .apply('kubectl', map({ a: '2' }))
  assert.deepEqual(taken.fields, { map: { a: '2', b: '<1>' } })
  const annotations = (taken.object['metadata'] as JsonObject)['annotations'] as JsonObject
  assert.equal(annotations[LAST_APPLIED], '{"apiVersion":"v1","kind":"Thing","map":{"a":"2"},"metadata":{"name":"x"}}\n')

  const changed = new Written()
    .update('kubectl-client-side-apply', annotated({ map: { a: '1' } }))
    .update('B', annotated({ map: { a: '3' } }))
  assert.throws(() => changed.apply('kubectl', map({ a: '2' })), /conflict with "B" using v1: \.map\.a$/)
})

const entry = (manager: string, more: Partial<ManagedFieldsEntry> = {}): ManagedFieldsEntry => ({
  manager,
  operation: 'Update',
  apiVersion: 'v1',
  fieldsType: 'FieldsV1',
  fieldsV1: { 'f:map': { 'f:a': {} } },
  ...more,
})
const writtenByClient: { name: string; list: readonly unknown[]; expected: readonly string[] }[] = [
  { name: 'a valid list counts', list: [entry('mine')], expected: ['mine'] },
  { name: 'an empty list does not', list: [], expected: ['made'] },
  { name: 'a list of an empty entry leaves nobody', list: [{}], expected: [] },
  { name: 'unknown operations do not count', list: [entry('mine', { operation: 'Read' as 'Apply' })], expected: ['made'] },
  { name: 'malformed fields do not count', list: [entry('mine', { fieldsV1: { x: {} } })], expected: ['made'] },
  { name: 'an entry without apiVersion does not count', list: [entry('mine'), entry('your', { apiVersion: '' })], expected: ['made'] },
  { name: 'versions that are not served are forgotten', list: [entry('old', { apiVersion: 'v0' }), entry('mine')], expected: ['mine'] },
]
for (const { name, list, expected } of writtenByClient)
  test(`managed fields that a client writes: ${name}`, () => {
    const made = new Written().update('made', map({ a: '1' }))
    made.update('client', map({ a: '1' }), list)
    assert.deepEqual(made.entries?.map(({ manager }) => manager) ?? [], expected)
  })

test('entries stand in order: those who apply first, then by time, name, version and part', () => {
  const entries = [
    entry('b', { time: '2026-01-01T00:00:02Z' }),
    entry('b', { time: '2026-01-01T00:00:01Z', subresource: 'status' }),
    entry('a', { time: '2026-01-01T00:00:02Z' }),
    entry('z', { operation: 'Apply', time: '2026-01-01T00:00:09Z' }),
    entry('b', { apiVersion: 'v2', time: '2026-01-01T00:00:02Z' }),
  ]
  const sorted = encodeManaged(decodeManaged(entries))!
  assert.deepEqual(
    sorted.map(({ manager, apiVersion, subresource }) => [manager, apiVersion, subresource ?? ''].join(' ').trim()),
    ['z v1', 'b v1 status', 'a v1', 'b v1', 'b v2'],
  )
})

test('of those who own by Update ten are told apart; the oldest become one', () => {
  const entries = Array.from({ length: 13 }, (_, index) =>
    entry(`m${String(index).padStart(2, '0')}`, {
      time: `2026-01-01T00:00:${String(index).padStart(2, '0')}Z`,
      fieldsV1: { 'f:map': { [`f:${index}`]: {} } },
    }),
  )
  const capped = encodeManaged(capUpdaters(decodeManaged([...entries, entry('applies', { operation: 'Apply' })])))!
  assert.deepEqual(
    capped.map(({ manager }) => manager),
    ['applies', 'ancient-changes', 'm04', 'm05', 'm06', 'm07', 'm08', 'm09', 'm10', 'm11', 'm12'],
  )
  assert.deepEqual(capped[1]!.fieldsV1, { 'f:map': { 'f:0': {}, 'f:1': {}, 'f:2': {}, 'f:3': {} } })
  assert.equal(capped[1]!.time, '2026-01-01T00:00:03Z')
})

test('what a custom kind has made one piece is owned as one piece', () => {
  const written = new Written().update('U', thing({ atomicMap: { a: '1' } }))
  written.update('V', thing({ atomicMap: { a: '1' }, text: 'x' }), [
    entry('parts', { fieldsV1: { 'f:atomicMap': { '.': {}, 'f:a': {} }, 'f:map': { 'f:b': {} } } }),
  ])
  assert.deepEqual(written.owners, ['parts Update {"f:atomicMap":{},"f:map":{"f:b":{}}}', 'V Update {"f:text":{}}'])
})

test('objects that are read from the disk share what is equal', () => {
  const read = () => ({ metadata: { managedFields: JSON.parse(JSON.stringify([entry('a'), entry('b')])) } }) as unknown as KubeObject
  const [a, b, broken] = [read(), read(), { metadata: { managedFields: ['x'] } } as unknown as KubeObject]
  for (const object of [a, b, broken]) shareManagedFields(object)
  const fieldsOf = ({ metadata }: KubeObject): unknown => (metadata.managedFields as ManagedFieldsEntry[])[0]!.fieldsV1
  assert.equal(fieldsOf(a), fieldsOf(b))
  assert.deepEqual(a, read())
  assert.deepEqual(broken.metadata.managedFields, ['x'])
})
