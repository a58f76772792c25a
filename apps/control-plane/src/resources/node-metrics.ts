import type { KubeObject, Timestamp } from '@bramble/api/object'
import type { ResourceList } from '@bramble/api/types/pod'
import type { ResourceDefinition } from '../api/resource.ts'
import { nameColumn } from './columns.ts'

/** What a node used lately. Source: metrics.k8s.io/v1beta1 NodeMetrics. */
export interface NodeMetrics extends KubeObject {
  /** End of the window. */
  timestamp: Timestamp
  /** Go duration, e.g. `15s`. */
  window: string
  /** `cpu` and `memory`. */
  usage: ResourceList
}

/** What `kubectl top nodes` reads; its table is that of metrics-server. Clients only read it: nodes report through their link. */
export const nodeMetrics: ResourceDefinition<NodeMetrics> = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  kind: 'NodeMetrics',
  plural: 'nodes',
  scope: 'Cluster',
  durability: 'volatile',
  verbs: ['get', 'list'],
  schema: {
    type: 'object',
    required: ['timestamp', 'window', 'usage'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'ref', ref: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' },
      timestamp: { type: 'string', format: 'date-time', description: 'End of the window over which usage was measured.' },
      window: { type: 'string', description: 'Length of the window, e.g. 15s.' },
      usage: { type: 'map', values: { type: 'quantity' }, description: 'What the node used: cpu and memory.' },
    },
  },
  columns: [
    nameColumn,
    { name: 'cpu', type: 'string', value: ({ usage }) => String(usage?.cpu ?? '0') },
    { name: 'memory', type: 'string', value: ({ usage }) => String(usage?.memory ?? '0') },
    { name: 'Window', type: 'string', value: ({ window }) => window ?? '' },
  ],
}
