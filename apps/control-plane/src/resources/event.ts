import { invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { KubeEvent } from '@bramble/api/types/core'
import type { ResourceDefinition } from '../api/resource.ts'
import { nameColumn, since } from './columns.ts'
import { check, qualifiedName } from './rules.ts'

export const events: ResourceDefinition<KubeEvent> = {
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  scope: 'Namespaced',
  durability: 'volatile',
  allowsCreateOnUpdate: true,
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.Event' },
  columns: [
    { name: 'Last Seen', type: 'string', value: lastSeen },
    { name: 'Type', type: 'string', value: (event) => event.type ?? '' },
    { name: 'Reason', type: 'string', value: (event) => event.reason ?? '' },
    { name: 'Object', type: 'string', value: objectText },
    { name: 'Subobject', type: 'string', priority: 1, value: (event) => event.involvedObject.fieldPath ?? '' },
    { name: 'Source', type: 'string', priority: 1, value: sourceText },
    { name: 'Message', type: 'string', value: (event) => (event.message ?? '').trim() },
    { name: 'First Seen', type: 'string', priority: 1, value: firstSeen },
    { name: 'Count', type: 'string', priority: 1, value: (event) => event.series?.count ?? (event.count || 1) },
    { ...nameColumn, priority: 1 },
  ],
  fields: (event) => ({
    'involvedObject.kind': event.involvedObject.kind ?? '',
    'involvedObject.namespace': event.involvedObject.namespace ?? '',
    'involvedObject.name': event.involvedObject.name ?? '',
    'involvedObject.uid': event.involvedObject.uid ?? '',
    'involvedObject.apiVersion': event.involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': event.involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': event.involvedObject.fieldPath ?? '',
    reason: event.reason ?? '',
    reportingComponent: event.reportingComponent ?? '',
    source: event.source?.component || (event.reportingComponent ?? ''),
    type: event.type ?? '',
  }),
  applyDefaults: (draft) => {
    draft.involvedObject ??= {}
  },
  validate: (event) => validateEvent(event, 'reportingComponent'),
}

/**
 * Whoever sets eventTime says all of the rest as well.
 *
 * @param reporter What the writer calls who reports.
 * @see Source: Kubernetes pkg/apis/core/validation events.go legacyValidateEvent.
 */
export function validateEvent(event: KubeEvent, reporter: 'reportingComponent' | 'reportingController'): readonly FieldError[] {
  return event.eventTime ? validateFull(event, reporter) : validateNamespace(event)
}

/** Events about cluster-scoped objects live in `default`, all others beside what they are about. */
function validateNamespace({ involvedObject, metadata }: KubeEvent, clusterWide = ['default']): readonly FieldError[] {
  const about = involvedObject.namespace ?? ''
  const fits = about === '' ? clusterWide.includes(metadata.namespace ?? '') : about === metadata.namespace
  return fits ? [] : [invalidValue('involvedObject.namespace', about, 'does not match event.namespace')]
}

const WORD_BYTES_MAX = 128
const NOTE_BYTES_MAX = 1024

function validateFull(event: KubeEvent, reporter: string): readonly FieldError[] {
  const short = (field: string, value: string | undefined, bytesMax: number): readonly FieldError[] =>
    Buffer.byteLength(value ?? '') > bytesMax ? [invalidValue(field, '', `can have at most ${bytesMax} characters`)] : []
  const word = (field: 'reportingInstance' | 'action' | 'reason'): readonly FieldError[] =>
    event[field] ? short(field, event[field], WORD_BYTES_MAX) : [required(field)]
  return [
    ...(event.involvedObject.namespace ? [] : validateNamespace(event, ['default', 'kube-system'])),
    ...(event.reportingComponent ? [] : [required(reporter)]),
    ...check(reporter, event.reportingComponent ?? '', qualifiedName),
    ...word('reportingInstance'),
    ...word('action'),
    ...word('reason'),
    ...short('message', event.message, NOTE_BYTES_MAX),
  ]
}

function lastSeen(event: KubeEvent, nowMs: number): string {
  const last = event.series?.lastObservedTime ?? event.lastTimestamp
  return last ? since(last, nowMs) : firstSeen(event, nowMs)
}

function firstSeen(event: KubeEvent, nowMs: number): string {
  return since(event.firstTimestamp ?? event.eventTime, nowMs)
}

function objectText({ involvedObject: { kind = '', name } }: KubeEvent): string {
  return name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase()
}

function sourceText(event: KubeEvent): string {
  const component = event.source?.component || event.reportingComponent || ''
  const host = event.source?.host || event.reportingInstance || ''
  return host === '' ? component : `${component}, ${host}`
}
