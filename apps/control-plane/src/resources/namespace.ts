import type { Namespace } from '@bramble/api/types/core'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'

/** Keeps the namespace until its content is gone. */
const FINALIZER = 'kubernetes'

export const namespaces: ResourceDefinition<Namespace> = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  scope: 'Cluster',
  durability: 'durable',
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.Namespace' },
  columns: [nameColumn, { name: 'Status', type: 'string', value: (namespace) => namespace.status?.phase ?? '' }, ageColumn],
  subresources: { status: true, named: [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }] },
  fields: (namespace) => ({ 'status.phase': namespace.status?.phase ?? '' }),
  prepare: (draft, previous) => {
    draft.spec ??= {}
    if (previous)
      draft.spec.finalizers = previous.spec?.finalizers ? [...previous.spec.finalizers] : undefined // `finalize` alone changes them
    else if (!draft.spec.finalizers?.includes(FINALIZER)) draft.spec.finalizers = [...(draft.spec.finalizers ?? []), FINALIZER]
  },
  applyDefaults: (draft) => {
    draft.status ??= {}
    draft.status.phase ||= 'Active'
  },
}
