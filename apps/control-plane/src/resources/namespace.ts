import { invalidValue } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Namespace } from '@bramble/api/types/core'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { check, qualifiedName } from './rules.ts'

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
  validate: ({ metadata, spec, status }) => [
    ...(spec?.finalizers ?? []).flatMap((finalizer) => validateFinalizer(finalizer, 'spec.finalizers')),
    ...validatePhase(status?.phase ?? '', metadata.deletionTimestamp !== undefined),
  ],
}

/** Source: Kubernetes pkg/apis/core/validation validateFinalizerName. */
function validateFinalizer(finalizer: string, path: string): readonly FieldError[] {
  const errors = check(path, finalizer, qualifiedName)
  return finalizer.includes('/') || STANDARD_FINALIZERS.includes(finalizer)
    ? errors
    : [...errors, invalidValue(path, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')]
}

const STANDARD_FINALIZERS: readonly string[] = [FINALIZER, 'orphan', 'foregroundDeletion']

/** Source: Kubernetes pkg/apis/core/validation ValidateNamespaceStatusUpdate. */
function validatePhase(phase: string, isEnding: boolean): readonly FieldError[] {
  const expected = isEnding ? 'Terminating' : 'Active'
  return phase === expected
    ? []
    : [invalidValue('status.Phase', phase, `may only be '${expected}' if \`deletionTimestamp\` is ${isEnding ? 'not ' : ''}empty`)]
}
