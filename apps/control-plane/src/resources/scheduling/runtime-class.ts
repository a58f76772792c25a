import type { RuntimeClass } from '@bramble/api/types/scheduling'
import type { ResourceDefinition } from '../../api/resource.ts'
import { validateLabels } from '../../api/metadata.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { validateResources } from '../pod-spec/validate-resources.ts'
import { validateTolerations } from '../pod-spec/validate-scheduling.ts'
import { check, dnsLabel } from '../rules.ts'
import { immutable } from '../workload.ts'

export const runtimeClasses: ResourceDefinition<RuntimeClass> = {
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  scope: 'Cluster',
  durability: 'durable',
  allowsCreateOnUpdate: true,
  schema: { type: 'ref', ref: 'io.k8s.api.node.v1.RuntimeClass' },
  columns: [nameColumn, { name: 'Handler', type: 'string', value: ({ handler }) => handler ?? '' }, ageColumn],
  // Source: Kubernetes pkg/apis/node/validation ValidateRuntimeClass, ValidateRuntimeClassUpdate.
  validate: ({ handler = '', overhead, scheduling }, previous) => [
    ...check('handler', handler, dnsLabel),
    ...(overhead ? validateResources({ limits: overhead.podFixed ?? {} }, 'overhead') : []),
    ...validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector'),
    ...validateTolerations(scheduling?.tolerations, 'scheduling.tolerations'),
    ...immutable('handler', handler, previous, previous?.handler ?? ''),
  ],
  warnings: (_runtimeClass, previous) =>
    previous ? [] : ["Bramble's nodes have one container runtime: pods that name a RuntimeClass are run by it all the same"],
}
