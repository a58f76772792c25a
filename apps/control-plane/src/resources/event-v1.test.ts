import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeEvent } from '@bramble/api/types/core'
import type { EventV1 } from '@bramble/api/types/events'
import { eventsV1 } from './event-v1.ts'
import { events } from './event.ts'
import { METADATA, refusals, row } from './testing.ts'

const old = {
  apiVersion: 'v1',
  kind: 'Event',
  metadata: METADATA,
  involvedObject: { kind: 'Pod', namespace: 'default', name: 'web', uid: 'p1' },
  reason: 'Started',
  message: 'Started container main',
  type: 'Normal',
  source: { component: 'agent', host: 'pi-1' },
  firstTimestamp: '2026-01-01T00:00:00Z',
  lastTimestamp: '2026-01-01T00:04:00Z',
  count: 3,
  reportingComponent: 'agent',
} satisfies KubeEvent
const seen = eventsV1.storage!.fromStored(old) as EventV1

test('an Event is seen under the names of events.k8s.io', () => {
  assert.deepEqual(seen, {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: METADATA,
    regarding: old.involvedObject,
    reason: 'Started',
    note: 'Started container main',
    type: 'Normal',
    deprecatedSource: old.source,
    deprecatedFirstTimestamp: old.firstTimestamp,
    deprecatedLastTimestamp: old.lastTimestamp,
    deprecatedCount: 3,
    reportingController: 'agent',
  })
  assert.deepEqual(eventsV1.storage!.toStored(seen), old)
})
test('both names print the same', () => assert.deepEqual(row(eventsV1, seen), row(events, old as KubeEvent)))
test('field selectors have the new names', () => {
  const fields = eventsV1.fields!(seen)
  assert.deepEqual(
    ['regarding.kind', 'regarding.name', 'regarding.uid', 'regarding.fieldPath', 'reportingController', 'reason', 'type'].map(
      (path) => fields[path],
    ),
    ['Pod', 'web', 'p1', '', 'agent', 'Started', 'Normal'],
  )
  assert.equal('involvedObject.name' in fields, false)
})

const full = {
  metadata: METADATA,
  eventTime: '2026-01-01T00:00:00.000000Z',
  involvedObject: { kind: 'Node', name: 'n' },
  reportingComponent: 'example.com/controller',
  reportingInstance: 'controller-1',
  action: 'Binding',
  reason: 'Bound',
}
const checks: readonly (readonly [name: string, changes: object, ...expected: string[]])[] = [
  ['that says everything', {}],
  [
    'that nobody reports',
    { reportingComponent: '' },
    'reportingComponent: Required value',
    'reportingComponent: Invalid value: "": name part must be non-empty',
    `reportingComponent: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
  ],
  ['of an unknown instance', { reportingInstance: '' }, 'reportingInstance: Required value'],
  ['without action and reason', { action: '', reason: '' }, 'action: Required value', 'reason: Required value'],
  ['with a long reason', { reason: 'x'.repeat(129) }, 'reason: Invalid value: "": can have at most 128 characters'],
  ['with a novel', { message: 'x'.repeat(1025) }, 'message: Invalid value: "": can have at most 1024 characters'],
  ['of the cluster among system pods', { metadata: { ...METADATA, namespace: 'kube-system' } }],
  [
    'of the cluster in a namespace',
    { metadata: { ...METADATA, namespace: 'web' } },
    'involvedObject.namespace: Invalid value: "": does not match event.namespace',
  ],
  ['of the old sort', { eventTime: null, reportingComponent: '', reportingInstance: '', action: '', reason: '' }],
]
for (const [name, changes, ...expected] of checks)
  test(`an Event ${name}`, () => assert.deepEqual(refusals(events, { ...full, ...changes }), expected))

const said = { ...full, type: 'Normal', involvedObject: { kind: 'Pod', namespace: 'default', name: 'web' } }
const series = { count: 2, lastObservedTime: '2026-01-01T00:01:00.000000Z' }
const newChecks: readonly (readonly [name: string, changes: object, ...expected: string[]])[] = [
  ['that says everything', {}],
  ['without a time', { eventTime: null }, 'eventTime: Required value'],
  ['without a type', { type: '' }, 'type: Invalid value: "": has invalid value: '],
  ['of a type that is none', { type: 'Bad' }, 'type: Invalid value: "": has invalid value: Bad'],
  [
    'with what is there for old clients',
    { firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:00:00Z', count: 1, source: { host: 'pi-1' } },
    'firstTimestamp: Invalid value: "": needs to be unset',
    'lastTimestamp: Invalid value: "": needs to be unset',
    'count: Invalid value: "": needs to be unset',
    'source: Invalid value: "": needs to be unset',
  ],
  ['with a series', { series }],
  [
    'with a series of nothing',
    { series: { count: 1 } },
    'series.count: Invalid value: "": should be at least 2',
    'series.lastObservedTime: Required value',
  ],
  ['with a long action', { action: 'x'.repeat(129) }, 'action: Invalid value: "": can have at most 128 characters'],
  ['of a reporter with a bad name', { reportingComponent: 'a/' }, 'reportingController: Invalid value: "a/": name part must be non-empty'],
]
const newRefusals = (changes: object, previous?: object): readonly string[] =>
  eventsV1.storage!.validate!({ ...said, ...changes } as unknown as KubeEvent, previous as KubeEvent | undefined)
    .map(({ path, message }) => `${path}: ${message}`)
    .filter((text) => !text.includes('must consist of'))
for (const [name, changes, ...expected] of newChecks)
  test(`by events.k8s.io, an Event ${name}`, () => assert.deepEqual(newRefusals(changes), expected))

test('by events.k8s.io, nothing of an Event changes but its series', () => {
  assert.deepEqual(newRefusals({ series }, said), [])
  assert.deepEqual(newRefusals({ message: 'm', type: 'Warning', reportingComponent: 'example.com/other' }, said), [
    'message: Invalid value: "m": field is immutable',
    'type: Invalid value: "Warning": field is immutable',
    'reportingController: Invalid value: "example.com/other": field is immutable',
  ])
  const bad = { ...series, count: 0 }
  assert.deepEqual(newRefusals({ series: bad }, { ...said, series: bad }), [])
  assert.deepEqual(newRefusals({ series: bad }, said), ['series.count: Invalid value: "": should be at least 2'])
})
