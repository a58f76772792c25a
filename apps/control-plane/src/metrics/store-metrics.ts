import type { Registry } from '../api/registry.ts'
import { prefixOf } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { type Family, type MetricSource, single } from '@bramble/reconcile/metrics/family'

/** How much is stored, of what, and how long it takes to get to the disk. */
export function storeMetrics(store: Store, registry: Registry): MetricSource {
  return () => {
    const bytes = store.backendBytes()
    return [
      ...objectCounts(store, registry),
      ...store.statistics.families(),
      single('gauge', 'bramble_store_revision', 'The newest revision: what clients see as resourceVersion.', store.revision),
      single('gauge', 'bramble_store_history_events', 'Changes that watches can still go back to.', store.historyLength),
      ...(bytes === undefined
        ? []
        : [single('gauge', 'apiserver_storage_size_bytes', 'What the store takes of the disk.', bytes, { storage_cluster_id: 'bramble' })]),
    ]
  }
}

/** The same under the name of old and of new dashboards. */
function objectCounts(store: Store, registry: Registry): readonly Family[] {
  const counts = registry.stored().map((kind) => ({ group: kind.group, resource: kind.plural, value: store.count(prefixOf(kind)) }))
  const help = 'Objects that are stored, by kind.'
  return [
    {
      name: 'apiserver_storage_objects',
      help,
      type: 'gauge',
      samples: counts.map(({ group, resource, value }) => ({
        labels: { resource: group === '' ? resource : `${resource}.${group}` },
        value,
      })),
    },
    { name: 'apiserver_resource_objects', help, type: 'gauge', samples: counts.map(({ value, ...labels }) => ({ labels, value })) },
  ]
}
