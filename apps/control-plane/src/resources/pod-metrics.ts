import type { KubeObject, Timestamp } from '@bramble/api/object'
import { quantityValue } from '@bramble/api/quantity'
import type { ResourceList } from '@bramble/api/types/pod'
import type { ResourceDefinition } from '../api/resource.ts'
import { nameColumn } from './columns.ts'

/** What the containers of a pod used lately. Source: metrics.k8s.io/v1beta1 PodMetrics. */
export interface PodMetrics extends KubeObject {
  /** End of the window. */
  timestamp: Timestamp
  /** Go duration, e.g. `15s`. */
  window: string
  /** `cpu` and `memory` of each. */
  containers: { name: string; usage: ResourceList }[]
}

/** What `kubectl top pods` reads; its table is that of metrics-server. Clients only read it: nodes report through their link. */
export const podMetrics: ResourceDefinition<PodMetrics> = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  kind: 'PodMetrics',
  plural: 'pods',
  scope: 'Namespaced',
  durability: 'volatile',
  verbs: ['get', 'list'],
  schema: {
    type: 'object',
    required: ['timestamp', 'window', 'containers'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'ref', ref: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' },
      timestamp: { type: 'string', format: 'date-time', description: 'End of the window over which usage was measured.' },
      window: { type: 'string', description: 'Length of the window, e.g. 15s.' },
      containers: {
        type: 'array',
        description: 'What each container used.',
        items: {
          type: 'object',
          required: ['name', 'usage'],
          properties: {
            name: { type: 'string', description: 'Name of the container.' },
            usage: { type: 'map', values: { type: 'quantity' }, description: 'What the container used: cpu and memory.' },
          },
        },
      },
    },
  },
  columns: [
    nameColumn,
    { name: 'cpu', type: 'string', value: ({ containers }) => `${Math.round(sum(containers, 'cpu') * 1000)}m` },
    { name: 'memory', type: 'string', value: ({ containers }) => `${Math.ceil(sum(containers, 'memory') / 1024)}Ki` },
    { name: 'Window', type: 'string', value: ({ window }) => window ?? '' },
  ],
}

const sum = (containers: PodMetrics['containers'] = [], resource: string): number =>
  containers.reduce((total, { usage }) => total + (quantityValue(usage?.[resource] ?? 0) ?? 0), 0)
