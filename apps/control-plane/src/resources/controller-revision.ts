import { invalidValue, required } from '@bramble/api/field-error'
import { controllerOf } from '@bramble/api/owner'
import type { ControllerRevision } from '@bramble/api/types/workload'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { immutable } from './workload.ts'

export const controllerRevisions: ResourceDefinition<ControllerRevision> = {
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.apps.v1.ControllerRevision' },
  columns: [
    nameColumn,
    { name: 'Controller', type: 'string', value: controllerText },
    { name: 'Revision', type: 'string', value: (revision) => revision.revision ?? 0 },
    ageColumn,
  ],
  validate: ({ data, revision = 0 }, previous) => [
    ...(data === undefined ? [required('data', 'data is mandatory')] : immutable('data', data, previous, previous?.data)),
    ...(revision < 0 ? [invalidValue('revision', revision, 'must be greater than or equal to 0')] : []),
  ],
}

function controllerText(revision: ControllerRevision): string {
  const owner = controllerOf(revision)
  if (!owner) return '<none>'
  const [group] = owner.apiVersion.includes('/') ? owner.apiVersion.split('/') : ['']
  return `${owner.kind.toLowerCase()}${group === '' ? '' : `.${group}`}/${owner.name}`
}
