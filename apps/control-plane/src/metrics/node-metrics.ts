import type { ApiClient } from '../api/client.ts'
import { nodes } from '../resources/node.ts'
import type { MetricSource } from '@bramble/reconcile/metrics/family'

/** How many nodes there are, by what their Ready condition says. */
export const nodeMetrics =
  (client: Pick<ApiClient, 'list'>): MetricSource =>
  () => {
    const counts = { True: 0, False: 0, Unknown: 0 }
    for (const { status } of client.list(nodes)) counts[status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'Unknown']++
    return [
      {
        name: 'bramble_nodes',
        help: 'Nodes by the status of their Ready condition.',
        type: 'gauge',
        samples: Object.entries(counts).map(([ready, value]) => ({ labels: { ready }, value })),
      },
    ]
  }
