import { timestamp } from '@bramble/api/duration'
import { objectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import type { ApiClient } from '../api/client.ts'
import { nodeMetrics } from '../resources/node-metrics.ts'
import { nodes } from '../resources/node.ts'
import { podMetrics } from '../resources/pod-metrics.ts'
import { pods } from '../resources/pod.ts'
import { ownerOf } from './owner-of.ts'

type NodeUsage = Extract<StatusReport, { readonly type: 'node-usage' }>
type PodUsage = Extract<StatusReport, { readonly type: 'pod-usage' }>

/** Keeps what nodes measured, in memory: `kubectl top`. */
export class UsageIntake {
  readonly #client: ApiClient
  readonly #env: Pick<Env, 'clock'>

  constructor(client: ApiClient, env: Pick<Env, 'clock'>) {
    this.#client = client
    this.#env = env
  }

  async takeNode(nodeName: string, { windowMs, cpuMillis, memoryBytes }: NodeUsage): Promise<void> {
    const node = this.#client.get(nodes, nodeName)
    if (!node) return
    const measured = { ...this.#window(windowMs), usage: usageOf(cpuMillis, memoryBytes) }
    if (this.#client.get(nodeMetrics, nodeName)) await this.#client.patch(nodeMetrics, nodeName, measured)
    else
      await this.#client.create(nodeMetrics, {
        apiVersion: 'metrics.k8s.io/v1beta1',
        kind: 'NodeMetrics',
        metadata: { name: nodeName, ownerReferences: [ownerOf(node)] },
        ...measured,
      })
  }

  /** Only of a pod that is on that node; nothing of containers that it does not have. */
  async takePod(nodeName: string, { namespace, name, uid, windowMs, containers }: PodUsage): Promise<void> {
    const key = objectKey(namespace, name)
    const pod = this.#client.get(pods, key)
    if (pod?.metadata.uid !== uid || pod.spec.nodeName !== nodeName) return
    const known = containerNames(pod)
    const measured = {
      ...this.#window(windowMs),
      containers: containers
        .filter((container) => known.has(container.name))
        .map((container) => ({ name: container.name, usage: usageOf(container.cpuMillis, container.memoryBytes) })),
    }
    if (measured.containers.length === 0) return await this.#forget(key)
    const { labels } = pod.metadata
    const before = this.#client.get(podMetrics, key)
    if (before?.metadata.ownerReferences?.[0]?.uid === uid)
      return void (await this.#client.patch(podMetrics, key, {
        metadata: { labels: changed(before.metadata.labels, labels) },
        ...measured,
      }))
    if (before) await this.#forget(key) // of another pod by that name
    await this.#client.create(podMetrics, {
      apiVersion: 'metrics.k8s.io/v1beta1',
      kind: 'PodMetrics',
      metadata: { name, namespace, ...(labels && { labels: { ...labels } }), ownerReferences: [ownerOf(pod)] },
      ...measured,
    })
  }

  /** The node is not heard of: what it measured says nothing any more. */
  async forgetNode(nodeName: string): Promise<void> {
    await this.#unlessGone(this.#client.delete(nodeMetrics, nodeName))
    const here = this.#client.list(pods, { fields: [{ path: 'spec.nodeName', operator: '=', value: nodeName }] })
    for (const { metadata } of here) await this.#forget(objectKey(metadata.namespace, metadata.name))
  }

  async #forget(podKey: string): Promise<void> {
    if (this.#client.get(podMetrics, podKey)) await this.#unlessGone(this.#client.delete(podMetrics, podKey))
  }

  async #unlessGone(write: Promise<void>): Promise<void> {
    try {
      await write
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
    }
  }

  /** A Pi's clock may be wrong by years: the time is ours. */
  #window(windowMs: number): { readonly timestamp: string; readonly window: string } {
    return { timestamp: timestamp(this.#env.clock.nowMs()), window: `${Math.max(1, Math.round(windowMs / 1000))}s` }
  }
}

const usageOf = (cpuMillis: number, memoryBytes: number) => ({
  cpu: `${Math.round(cpuMillis)}m`,
  memory: `${Math.ceil(memoryBytes / 1024)}Ki`,
})

const containerNames = ({ spec }: Pod): ReadonlySet<string> =>
  new Set([...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])].map(({ name }) => name))

/** As a merge patch: null takes away. */
const changed = (before: Record<string, string> = {}, after: Record<string, string> = {}): Record<string, string | null> => ({
  ...Object.fromEntries(Object.keys(before).map((key) => [key, null])),
  ...after,
})
