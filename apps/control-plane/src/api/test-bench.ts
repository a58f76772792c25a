import type { TestContext } from 'node:test'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import type { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { MemoryBackend } from '../store/backend/memory.ts'
import { volatileKeys } from '../store/keys.ts'
import { openStore, type Store } from '../store/store.ts'
import { LocalClient } from './local-client.ts'
import { Registry } from './registry.ts'
import type { AdmissionStep, ListRequest, WatchEvent, WatchRequest, WriteContext } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { ResourceService } from './resource-service.ts'

/** An API machine over a store in memory, with plain kinds of its own: no kind's defaults or rules get in the way. */
export interface Bench {
  readonly store: Store
  readonly registry: Registry
  readonly service: ResourceService
  readonly client: LocalClient
  readonly clock: SimClock
  /** What the last writes warned of. */
  readonly warnings: string[]
  context(changes?: Partial<WriteContext>): WriteContext
}

export async function bench(t: TestContext, options: { admission?: readonly AdmissionStep[]; historyMax?: number } = {}): Promise<Bench> {
  const env = simEnv(1)
  const registry = new Registry(KINDS)
  const store = await openStore(new MemoryBackend(), {
    env,
    volatile: volatileKeys(() => KINDS),
    ...(options.historyMax && { historyMax: options.historyMax }),
  })
  t.after(() => store.close())
  const service = new ResourceService({ store, registry, admission: options.admission ?? [], env })
  const warnings: string[] = []
  const context = (changes: Partial<WriteContext> = {}): WriteContext => ({
    user: { name: 'anna', groups: [] },
    dryRun: false,
    fieldManager: 'test',
    fieldValidation: 'Strict',
    warn: (message) => {
      warnings.push(message)
    },
    ...changes,
  })
  await service.create(NAMESPACES, undefined, { metadata: { name: 'default' } }, context())
  return { store, registry, service, client: new LocalClient({ store, resources: service }), clock: env.clock, warnings, context }
}

const kind = (
  group: string,
  version: string,
  name: string,
  plural: string,
  rest: Partial<ResourceDefinition> = {},
): ResourceDefinition => ({
  group,
  version,
  kind: name,
  plural,
  scope: 'Namespaced',
  durability: 'durable',
  columns: [],
  schema: { type: 'ref', ref: `io.k8s.api.${group === '' ? 'core' : group.split('.')[0]}.${version}.${name}` },
  ...rest,
})

export const NAMESPACES = kind('', 'v1', 'Namespace', 'namespaces', { scope: 'Cluster', subresources: { status: true } })
export const CONFIG_MAPS = kind('', 'v1', 'ConfigMap', 'configmaps')
export const PODS = kind('', 'v1', 'Pod', 'pods', {
  subresources: { status: true },
  gracePeriodSeconds: (object) => (specOf(object)['nodeName'] ? Number(specOf(object)['terminationGracePeriodSeconds'] ?? 30) : 0),
  fields: (object) => ({
    'spec.nodeName': String(specOf(object)['nodeName'] ?? ''),
    'status.phase': String((object as { status?: JsonObject }).status?.['phase'] ?? ''),
  }),
})
export const DEPLOYMENTS = kind('apps', 'v1', 'Deployment', 'deployments', {
  subresources: {
    status: true,
    scale: { specReplicas: '.spec.replicas', statusReplicas: '.status.replicas', labelSelector: '.spec.selector' },
  },
})
export const EVENTS = kind('', 'v1', 'Event', 'events', { durability: 'volatile' })
const KINDS = [NAMESPACES, CONFIG_MAPS, PODS, DEPLOYMENTS, EVENTS]

export const specOf = (object: KubeObject): JsonObject => (object as { spec?: JsonObject }).spec ?? {}

export const aConfigMap = (name: string, data: Record<string, string> = {}, metadata: JsonObject = {}): JsonObject => ({
  metadata: { name, ...metadata },
  data,
})

export const aPod = (name: string, spec: JsonObject = {}, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { containers: [{ name: 'app', image: 'busybox' }], ...spec },
})

export const aDeployment = (name: string, replicas = 1): JsonObject => ({
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'app', image: 'busybox' }] } },
  },
})

export const aList = (request: Partial<ListRequest> = {}): ListRequest => ({ labels: [], fields: [], limit: 0, ...request })
export const aWatch = (request: Partial<WatchRequest> = {}): WatchRequest => ({ labels: [], fields: [], allowBookmarks: false, ...request })
export const names = ({ items }: { readonly items: readonly KubeObject[] }): string[] => items.map((item) => item.metadata.name)

/** Reads a watch event by event; `shown` is e.g. `ADDED web`. */
export function reader(events: AsyncIterable<WatchEvent>): { next(): Promise<WatchEvent | undefined>; shown(): Promise<string> } {
  const iterator = events[Symbol.asyncIterator]()
  const next = async (): Promise<WatchEvent | undefined> => (await iterator.next()).value as WatchEvent | undefined
  return {
    next,
    shown: async () => {
      const event = await next()
      return event ? `${event.type} ${(event.object as KubeObject).metadata.name ?? ''}`.trim() : 'end'
    },
  }
}
