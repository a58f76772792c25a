import type { TestContext } from 'node:test'
import { timestamp } from '@bramble/api/duration'
import { type KubeObject, keyOf, mutableCopy, type NewObject } from '@bramble/api/object'
import type { Node } from '@bramble/api/types/node'
import type { Pod } from '@bramble/api/types/pod'
import type { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { followCustomKinds } from '../api/custom/custom-kinds.ts'
import { LocalClient } from '../api/local-client.ts'
import { Registry } from '../api/registry.ts'
import { ResourceService } from '../api/resource-service.ts'
import { allResources } from '../resources/all.ts'
import { namespaces } from '../resources/namespace.ts'
import { nodes } from '../resources/node.ts'
import { pods } from '../resources/pod.ts'
import { MemoryBackend } from '../store/backend/memory.ts'
import { volatileKeys } from '../store/keys.ts'
import { openStore } from '../store/store.ts'
import type { ControllerDefinition } from './controller.ts'
import type { EventRecorder } from './events.ts'
import { runControllers } from './manager.ts'

/** The API over a store in memory, the controllers that a test wants, and virtual time; nodes are played. */
export interface TestBench {
  readonly client: LocalClient
  readonly registry: Registry
  readonly service: ResourceService
  readonly clock: SimClock
  /** What was told to people: `Warning Reason key: message`. */
  readonly told: readonly string[]
  /** Lets time pass; everyone who has something to do does it. */
  pass(ms: number): Promise<void>
  addNode(name: string): Promise<void>
  /** Binds what waits, starts what is bound, removes what is leaving; as often as `rounds`. @param only These pods. */
  playNodes(rounds?: number, only?: (pod: Pod) => boolean): Promise<void>
  setPodStatus(pod: Pod, status: Pod['status']): Promise<void>
  /** What was told about an object, e.g. `Warning FailedCreate default/web: …`, oldest first. */
  toldAbout(object: KubeObject): readonly string[]
}

/** @param registry That of controllers that were given one. */
export async function testBench(
  t: TestContext,
  controllers: readonly ControllerDefinition[],
  registry = new Registry(allResources),
): Promise<TestBench> {
  const env = simEnv(1)
  const { clock } = env
  const store = await openStore(new MemoryBackend(), { env, volatile: volatileKeys(() => allResources) })
  await followCustomKinds(store, registry, env)
  const service = new ResourceService({ store, registry, admission: [], env })
  const client = new LocalClient({ store, resources: service })
  await client.create(namespaces, { metadata: { name: 'default' } })

  const told: string[] = []
  const record: EventRecorder['record'] = (about, type, reason, message) => {
    told.push(`${type} ${reason} ${keyOf(about)}: ${message}`)
  }
  const stop = new AbortController()
  const settings = { podNetwork: '10.42.0.0/16', nodePrefix: 24, nodeGraceMs: 40_000 }
  const running = runControllers(controllers, { client, kinds: registry, env, events: { as: () => ({ record }) }, settings }, stop.signal)
  t.after(async () => {
    stop.abort()
    await clock.advance(0)
    await running
    await store.close()
  })

  const bench: TestBench = {
    client,
    registry,
    service,
    clock,
    told,
    pass: (ms) => clock.advance(ms),
    addNode: async (name) => {
      await client.create<Node>(nodes, { metadata: { name }, spec: {} })
      await client.patch(
        nodes,
        name,
        { status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: timestamp(clock.nowMs()) }] } },
        'status',
      )
    },
    playNodes: async (rounds = 1, only = () => true) => {
      for (let round = 0; round < rounds; round++) {
        await clock.advance(1)
        for (const pod of client.list(pods).filter(only)) await playPod(bench, pod)
      }
      await clock.advance(1)
    },
    setPodStatus: async (pod, status) => {
      await client.updateStatus(pods, { ...mutableCopy(pod), status })
    },
    toldAbout: (object) => told.filter((text) => text.split(' ')[2] === `${keyOf(object)}:`),
  }
  await bench.pass(1)
  return bench
}

async function playPod({ client, clock, setPodStatus }: TestBench, pod: Pod): Promise<void> {
  if (pod.metadata.deletionTimestamp) return await client.delete(pods, keyOf(pod), { uid: pod.metadata.uid, gracePeriodSeconds: 0 })
  const nodeName = pod.spec.nodeName ?? wantedNode(pod) ?? client.list(nodes)[0]?.metadata.name
  if (nodeName === undefined) return
  if (!pod.spec.nodeName) await client.bind(keyOf(pod), pod.metadata.uid, nodeName)
  if (pod.status?.phase !== 'Pending') return
  const ready = { type: 'Ready', status: 'True' as const, lastTransitionTime: timestamp(clock.nowMs()) }
  await setPodStatus(client.get(pods, keyOf(pod))!, { phase: 'Running', conditions: [ready] })
}

const wantedNode = (pod: Pod): string | undefined =>
  pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms[0]?.matchFields?.[0]?.values?.[0]

/** What a user applies: selector and template belong together. */
export const workload = <T extends KubeObject>(name: string, image: string, spec: object): NewObject<T> =>
  ({
    metadata: { name, namespace: 'default' },
    spec: {
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image }] } },
      ...spec,
    },
  }) as unknown as NewObject<T>
