import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import type { WatchEvent } from '../api/requests.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import { EventLines, type EventView } from './event-lines.ts'

let encoded = 0
/** Counts how often it is made into text. */
const event = (type: WatchEvent['type'] = 'ADDED', name = 'a'): WatchEvent => {
  const metadata = { name, uid: 'u', resourceVersion: '7', creationTimestamp: '2026-01-01T00:00:00Z' }
  const toJSON = (): object => {
    encoded++
    return { metadata }
  }
  return { type, object: { apiVersion: 'v1', kind: 'ConfigMap', metadata, toJSON } as unknown as KubeObject }
}
const resource: ResourceDefinition = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.ConfigMap' },
  columns: [
    { name: 'Name', type: 'string', format: 'name', value: ({ metadata }) => metadata.name },
    { name: 'Age', type: 'string', value: (_, nowMs) => `${nowMs / 1000}s` },
  ],
}
const view = (shown: Partial<EventView['shown']> = {}): EventView => ({
  resource,
  shown: { format: 'json', as: 'object', version: 'v1', ...shown },
  includeObject: 'None',
})

test('an event that many watch in one form is encoded once, each form for itself', () => {
  const lines = new EventLines(() => 0)
  const many = Array.from({ length: 100 }, () => lines.open(view()))
  const metadata = lines.open(view({ as: 'metadata' }))
  encoded = 0
  const added = event()
  const texts = new Set(many.map(({ encode }) => encode(added)))
  assert.deepEqual([texts.size, encoded], [1, 1])
  assert.match(metadata.encode(added), /"kind":"PartialObjectMetadata"/)
  assert.match(many[0]!.encode({ ...added, type: 'MODIFIED' }), /^\{"type":"MODIFIED"/)
})

test('nothing is remembered for one watch alone, or when all have left', () => {
  const lines = new EventLines(() => 0)
  const first = lines.open(view())
  const added = event()
  encoded = 0
  first.encode(added)
  first.encode(added)
  assert.equal(encoded, 2)
  const second = lines.open(view())
  first.encode(added)
  second.encode(added)
  assert.equal(encoded, 3)
  first.close()
  second.encode(added)
  assert.equal(encoded, 4)
})

test('of a table each watch gets columns once, and ages are of now', () => {
  let nowMs = 0
  const lines = new EventLines(() => nowMs)
  const watches = [lines.open(view({ as: 'table' })), lines.open(view({ as: 'table' }))]
  const table = (at: number, what: WatchEvent) => JSON.parse(watches[at]!.encode(what)).object
  const added = event()
  assert.equal(table(0, added).columnDefinitions.length, 2)
  assert.equal(table(0, added).columnDefinitions.length, 0)
  assert.equal(table(1, event('BOOKMARK')).columnDefinitions.length, 0)
  assert.equal(table(1, added).columnDefinitions.length, 2)
  assert.deepEqual(table(0, added).rows[0].cells, ['a', '0s'])
  nowMs = 5_000
  assert.deepEqual(table(0, added).rows[0].cells, ['a', '5s'])
})
