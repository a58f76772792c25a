import type { PodTemplate } from '@bramble/api/types/workload'
import type { ResourceDefinition } from '../api/resource.ts'
import { containerColumns, labelsText, nameColumn } from './columns.ts'
import { applyTemplateDefaults } from './pod-spec/defaults.ts'
import { podWarnings } from './pod-spec/warnings.ts'
import { validatePodTemplate } from './workload.ts'

/** A template that is kept for others to use; nothing makes pods of it by itself. */
export const podTemplates: ResourceDefinition<PodTemplate> = {
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.PodTemplate' },
  columns: [
    nameColumn,
    ...containerColumns<PodTemplate>(({ template }) => template.spec.containers, 0),
    { name: 'Pod Labels', type: 'string', value: ({ template }) => labelsText(template.metadata?.labels) },
  ],
  applyDefaults: applyTemplateDefaults,
  validate: ({ template }) => validatePodTemplate(template, 'template'),
  warnings: ({ template }) => podWarnings(template, 'template.'),
}
