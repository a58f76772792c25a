import { type Condition, withCondition } from '@bramble/api/conditions'
import { invalidValue } from '@bramble/api/field-error'
import type { Timestamp } from '@bramble/api/object'
import type { CustomResourceDefinition } from '@bramble/api/types/custom-resource-definition'
import { loadLibraries } from '../api/custom/libraries.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import { nameColumn } from './columns.ts'
import { validateApproval } from './custom-resource-definition/approval.ts'
import { validateSpec, validateSpecUpdate } from './custom-resource-definition/validate.ts'
import { validateStoredVersions } from './custom-resource-definition/validate-status.ts'

/** Holds a definition until the last object of its kind is gone. */
export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io'

export const customResourceDefinitions: ResourceDefinition<CustomResourceDefinition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition' },
  columns: [
    nameColumn,
    {
      name: 'Created At',
      type: 'date',
      description: 'CreationTimestamp is a timestamp representing the server time when this object was created.',
      value: ({ metadata }) => metadata.creationTimestamp,
    },
  ],
  subresources: { status: true },
  prepareDelete: keepForCleanup,
  beforeWrite: loadLibraries,
  prepare: (draft) => rememberStorage(draft),
  applyDefaults,
  validate: (crd, previous) => [
    ...validateName(crd),
    ...validateSpec(crd.spec),
    ...validateStoredVersions(crd),
    ...validateApproval(crd, previous),
    ...(previous ? validateSpecUpdate(crd, previous) : []),
  ],
}

/** Source: apiextensions-apiserver pkg/registry/customresourcedefinition/etcd.go Delete. */
function keepForCleanup(draft: CustomResourceDefinition, now: Timestamp): void {
  const { metadata } = draft
  if (!metadata.finalizers?.includes(CLEANUP_FINALIZER)) metadata.finalizers = [...(metadata.finalizers ?? []), CLEANUP_FINALIZER]
  const message = 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon'
  const condition: Condition = { type: 'Terminating', status: 'True', reason: 'InstanceDeletionPending', message }
  draft.status = { ...draft.status, conditions: [...withCondition<Condition>(draft.status?.conditions, condition, now)] }
}

/** What was once stored in a version stays so until somebody says that it is not. */
function rememberStorage(draft: CustomResourceDefinition): void {
  const storage = draft.spec.versions?.find((version) => version.storage)?.name
  draft.status ??= {}
  draft.status.storedVersions ??= []
  const stored = draft.status.storedVersions
  if (storage !== undefined && !stored.includes(storage)) stored.push(storage)
}

/** Source: apiextensions-apiserver pkg/apis/apiextensions/v1/defaults.go. */
function applyDefaults({ spec, status }: CustomResourceDefinition): void {
  spec.names ??= { plural: '', kind: '' } // as Go decodes them
  spec.versions ??= []
  const { names } = spec
  if (names.kind) {
    names.singular ||= names.kind.toLowerCase()
    names.listKind ||= `${names.kind}List`
  }
  spec.conversion ??= { strategy: 'None' }
  if (!status) return
  status.conditions ??= []
  status.acceptedNames ??= { plural: '', kind: '' }
}

function validateName({ metadata, spec }: CustomResourceDefinition): ReturnType<typeof invalidValue>[] {
  const { name } = metadata
  if (!name || name === `${spec.names?.plural ?? ''}.${spec.group ?? ''}`) return []
  return [invalidValue('metadata.name', name, 'must be spec.names.plural+"."+spec.group')]
}
