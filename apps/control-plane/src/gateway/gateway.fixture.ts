import type { TestContext } from 'node:test'
import { conditionOf } from '@bramble/api/conditions'
import { keyOf } from '@bramble/api/object'
import type { Pod, PodStatus } from '@bramble/api/types/pod'
import { applyAssignment, type Assigned } from '@bramble/link/assignment'
import type { Assignment, NodeSession, StatusReport } from '@bramble/link/link'
import { MemoryLink } from '@bramble/link/memory-link'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { LocalClient } from '../api/local-client.ts'
import { ServiceAccountTokens } from '../auth/service-account-tokens.ts'
import { newServiceAccountKey } from '../pki/service-account-key.ts'
import type { EventRecorder } from '../controllers/events.ts'
import { Registry } from '../api/registry.ts'
import { ResourceService } from '../api/resource-service.ts'
import { allResources } from '../resources/all.ts'
import { namespaces } from '../resources/namespace.ts'
import { nodes } from '../resources/node.ts'
import { pods } from '../resources/pod.ts'
import { secrets } from '../resources/secret.ts'
import { MemoryBackend, MemoryDisk } from '../store/backend/memory.ts'
import { volatileKeys } from '../store/keys.ts'
import { openStore } from '../store/store.ts'
import { createNodeGateway } from './node-gateway.ts'

/** A node that is played: what it was told, message by message. */
export interface PlayedNode {
  readonly session: NodeSession
  readonly messages: Assignment[]
  assigned: Assigned | undefined
}

const KEY = newServiceAccountKey()

/** The gateway over a store in memory and a link in memory, under virtual time. */
export async function harness(t: TestContext) {
  const env = simEnv()
  const disk = new MemoryDisk()
  const link = new MemoryLink(env)
  const told: string[] = []
  const record: EventRecorder['record'] = (about, type, reason, message) => {
    told.push(`${type} ${reason} ${keyOf(about)}: ${message}`)
  }
  const start = async () => {
    const store = await openStore(new MemoryBackend(disk), { env, volatile: volatileKeys(() => allResources) })
    const client = new LocalClient({
      store,
      resources: new ResourceService({ store, registry: new Registry(allResources), admission: [], env }),
    })
    for (const name of ['default', 'kube-node-lease'])
      if (!client.get(namespaces, name)) await client.create(namespaces, { metadata: { name } })
    const tokens = new ServiceAccountTokens({ signingKey: async () => KEY, reads: client, env, keySetUrl: 'https://x/openid/v1/jwks' })
    const gateway = createNodeGateway({
      client,
      env,
      linkServer: link.server,
      tokens,
      events: { as: () => ({ record }) },
      serverVersion: '0.4.0',
    })
    const stop = new AbortController()
    const running = gateway.run(stop.signal)
    await env.clock.advance(0)
    return {
      client,
      gateway,
      store,
      tokens,
      stop: async () => {
        stop.abort()
        await env.clock.advance(0)
        await running
        await store.close()
      },
    }
  }
  let now = await start()
  t.after(() => now.stop())
  const pass = (ms: number): Promise<void> => env.clock.advance(ms)
  const connect = async (name: string, have?: Assigned, agentVersion = '0.4.0'): Promise<PlayedNode> => {
    const opening = link.connect(name).open({ agentVersion, ...(have && { have: have.version }) }, new AbortController().signal)
    await pass(1)
    const node: PlayedNode = { session: await opening, messages: [], assigned: have }
    void (async () => {
      for await (const message of node.session.assignments) {
        node.messages.push(message)
        const next = applyAssignment(node.assigned, message)
        if (next === 'resync') await node.session.resync()
        else node.assigned = next
      }
    })()
    await pass(1)
    return node
  }
  const report = async (node: PlayedNode, ...reports: StatusReport[]): Promise<void> => {
    const reported = Promise.allSettled([node.session.report(reports)])
    await pass(1)
    for (const result of await reported) if (result.status === 'rejected') throw result.reason
  }
  return {
    env,
    link,
    /** What was told to people: `Warning Reason key: message`. */
    told,
    disk,
    pass,
    connect,
    report,
    get client() {
      return now.client
    },
    get gateway() {
      return now.gateway
    },
    get tokens() {
      return now.tokens
    },
    restart: async () => {
      await now.stop()
      now = await start()
      await pass(1)
    },
    addPod: (name: string, nodeName: string, spec: object = {}): Promise<Pod> =>
      now.client.create(pods, {
        metadata: { name, namespace: 'default' },
        spec: { nodeName, containers: [{ name: 'app', image: 'busybox' }], ...spec },
      }),
    addSecret: (name: string, value: string) =>
      now.client.create(secrets, { metadata: { name, namespace: 'default' }, data: { key: btoa(value) } }),
  }
}

export const ids = (node: PlayedNode): string[] => [...node.assigned!.objects.keys()].sort()
export const nodeStatus = (ready: 'True' | 'False' = 'True'): StatusReport => ({
  type: 'node-status',
  labels: { 'kubernetes.io/hostname': 'pi-1', disktype: 'ssd' },
  annotations: {},
  status: {
    capacity: { cpu: '4' },
    addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
    conditions: [{ type: 'Ready', status: ready, reason: 'AgentReady', message: 'ok' }],
  },
})
export const podStatus = (pod: Pod, status: PodStatus): StatusReport => ({
  type: 'pod-status',
  namespace: 'default',
  name: pod.metadata.name,
  uid: pod.metadata.uid,
  status,
})
export const podGone = (pod: Pod): StatusReport => ({
  type: 'pod-gone',
  namespace: 'default',
  name: pod.metadata.name,
  uid: pod.metadata.uid,
})
export const readyOf = (h: { client: LocalClient }, name: string) => conditionOf(h.client.get(nodes, name)?.status?.conditions, 'Ready')
