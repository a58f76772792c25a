import type { ResourceDefinition } from '../api/resource.ts'

/** Puts a pod on a node, the way of old schedulers: it can only be created, and nothing of it is stored. */
export const bindings: ResourceDefinition = {
  group: '',
  version: 'v1',
  kind: 'Binding',
  plural: 'bindings',
  scope: 'Namespaced',
  durability: 'volatile',
  verbs: ['create'],
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.Binding' },
  columns: [],
}
