import { type FieldError, invalidValue, required } from '@bramble/api/field-error'
import type { KubeObject } from '@bramble/api/object'
import type { KubeEvent } from '@bramble/api/types/core'
import type { EventV1 } from '@bramble/api/types/events'
import type { ResourceDefinition } from '../api/resource.ts'
import { isSame } from './differences.ts'
import { events, validateEvent } from './event.ts'
import { immutable } from './workload.ts'

/** Old and new names of fields that mean the same. Source: Kubernetes pkg/apis/events/v1 conversion.go. */
const NAMES = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['reportingComponent', 'reportingController'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
] as const
const TO_NEW: ReadonlyMap<string, string> = new Map(NAMES)
const TO_OLD: ReadonlyMap<string, string> = new Map(NAMES.map(([old, now]) => [now, old]))

const renamed = (object: KubeObject, apiVersion: string, names: ReadonlyMap<string, string>): KubeObject =>
  ({
    ...Object.fromEntries(Object.entries(object).map(([field, value]) => [names.get(field) ?? field, value as unknown])),
    apiVersion,
  }) as unknown as KubeObject

const toStored = (event: KubeObject): KubeEvent => renamed(event, 'v1', TO_OLD) as KubeEvent
const fromStored = (event: KubeObject): EventV1 => renamed(event, 'events.k8s.io/v1', TO_NEW) as EventV1

/** The Events of the core group under the names of events.k8s.io. */
export const eventsV1: ResourceDefinition<EventV1> = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  scope: 'Namespaced',
  durability: 'volatile',
  schema: { type: 'ref', ref: 'io.k8s.api.events.v1.Event' },
  columns: events.columns.map((column) => ({
    ...column,
    value: (event: EventV1, nowMs: number) => column.value(complete(toStored(event)), nowMs),
  })),
  storage: {
    resource: events as ResourceDefinition,
    toStored,
    fromStored,
    validate: (event, previous) => validateEventV1(event as KubeEvent, previous as KubeEvent | undefined),
  },
  fields: (event) => ({
    'regarding.kind': event.regarding?.kind ?? '',
    'regarding.namespace': event.regarding?.namespace ?? '',
    'regarding.name': event.regarding?.name ?? '',
    'regarding.uid': event.regarding?.uid ?? '',
    'regarding.apiVersion': event.regarding?.apiVersion ?? '',
    'regarding.resourceVersion': event.regarding?.resourceVersion ?? '',
    'regarding.fieldPath': event.regarding?.fieldPath ?? '',
    reason: event.reason ?? '',
    reportingController: event.reportingController ?? '',
    type: event.type ?? '',
  }),
}

/** Clients of this group say all that it has, nothing that is there for old clients, and later change nothing but the series. */
export function validateEventV1(event: KubeEvent, previous: KubeEvent | undefined): readonly FieldError[] {
  return [
    ...validateEvent(event, 'reportingController'),
    ...(previous && isSame(event.series, previous.series) ? [] : validateSeries(event)),
    ...(previous ? validateFixed(event, previous) : validateNew(event)),
  ]
}

const FIXED = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const

const validateFixed = (event: KubeEvent, previous: KubeEvent): readonly FieldError[] =>
  FIXED.flatMap((field) =>
    immutable(
      field === 'reportingComponent' ? 'reportingController' : field,
      event[field] || undefined,
      previous,
      previous[field] || undefined,
    ),
  )

function validateNew(event: KubeEvent): readonly FieldError[] {
  const { eventTime, type = '', source, firstTimestamp, lastTimestamp, count } = event
  const unset = (field: string, value: unknown): readonly FieldError[] => (value ? [invalidValue(field, '', 'needs to be unset')] : [])
  return [
    ...(eventTime ? [] : [required('eventTime')]),
    ...(type === 'Normal' || type === 'Warning' ? [] : [invalidValue('type', '', `has invalid value: ${type}`)]),
    ...unset('firstTimestamp', firstTimestamp),
    ...unset('lastTimestamp', lastTimestamp),
    ...unset('count', count),
    ...unset('source', source?.component || source?.host),
  ]
}

function validateSeries({ series }: KubeEvent): readonly FieldError[] {
  if (!series) return []
  return [
    ...(series.count < 2 ? [invalidValue('series.count', '', 'should be at least 2')] : []),
    ...(series.lastObservedTime ? [] : [required('series.lastObservedTime')]),
  ]
}

const complete = (event: KubeEvent): KubeEvent => (event.involvedObject ? event : { ...event, involvedObject: {} })
