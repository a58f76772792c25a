import { isDeepStrictEqual } from 'node:util'
import { timestamp } from '@bramble/api/duration'
import { keyOf, type ObjectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { Node } from '@bramble/api/types/node'
import type { Pod, PodCondition } from '@bramble/api/types/pod'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import type { ClientEvent } from '../../api/client.ts'
import { leases } from '../../resources/lease.ts'
import { nodes } from '../../resources/node.ts'
import { pods } from '../../resources/pod.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { inBatches } from '../in-batches.ts'
import { taintsId, toleratedMs } from './eviction.ts'
import { isReady, plannedTaints, restoredConditions, silentConditions, withdrawnConditions } from './plan.ts'

const LEASE_NAMESPACE = 'kube-node-lease'
/** A node that is back tells of its pods at once; after that time those that it did not mention are as they were. */
const RESTORE_AFTER_MS = 5_000

/**
 * Notices nodes that fell silent, taints those that are not ready, withdraws their pods, and evicts those that do not
 * tolerate the taints for so long.
 */
export const nodeLifeCycleController: ControllerDefinition = {
  name: 'node-life-cycle',
  component: 'node-controller',
  primary: nodes,
  wakes: [
    wake(leases, ({ object: { metadata } }) => (metadata.namespace === LEASE_NAMESPACE ? [metadata.name] : [])),
    wake(pods, nodeOfChangedPod),
  ],
  concurrency: 5,
  create: (deps) => new NodeLifeCycleReconciler(deps),
}

/** Times are monotonic and counted from what this process saw itself: a Pi's wall clock jumps by years when it finds the time. */
interface Seen {
  renewTime: string | undefined
  renewedMs: number
  taints: string
  taintedMs: number
  /** When pods that were withdrawn come back: Infinity while the node is not ready, undefined when all have. */
  restoreMs: number | undefined
}

export class NodeLifeCycleReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps
  readonly #seen = new Map<string, Seen>()

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(name: ObjectKey): Promise<Outcome> {
    const { client } = this.#deps
    const node = client.get(nodes, name)
    if (!node) {
      this.#seen.delete(name)
      return SETTLED
    }
    const seen = this.#look(node)
    const silentInMs = seen.renewedMs + this.#deps.settings.nodeGraceMs - this.#deps.env.clock.monotonicMs()
    if (silentInMs <= 0 && (await this.#markSilent(node))) return { againInMs: 0 }
    if (await this.#taint(node)) return { againInMs: 0 } // then with what is stored now

    const evictInMs = await this.#carePods(node, seen)
    const restoreInMs = await this.#restore(node, seen)
    const waitMs = Math.min(evictInMs, restoreInMs, silentInMs > 0 ? silentInMs : Infinity)
    return waitMs === Infinity ? SETTLED : { againInMs: waitMs }
  }

  #look(node: Node): Seen {
    const nowMs = this.#deps.env.clock.monotonicMs()
    const { name } = node.metadata
    const renewTime = this.#deps.client.get(leases, `${LEASE_NAMESPACE}/${name}`)?.spec?.renewTime
    const taints = taintsId(node)
    const seen = this.#seen.get(name)
    if (!seen) {
      const first: Seen = {
        renewTime,
        renewedMs: nowMs,
        taints,
        taintedMs: nowMs,
        restoreMs: isReady(node) ? nowMs + RESTORE_AFTER_MS : Infinity,
      }
      this.#seen.set(name, first)
      return first
    }
    if (!isReady(node)) seen.restoreMs = Infinity
    else if (seen.restoreMs === Infinity) seen.restoreMs = nowMs + RESTORE_AFTER_MS
    if (renewTime !== undefined && renewTime !== seen.renewTime) Object.assign(seen, { renewTime, renewedMs: nowMs })
    if (taints !== seen.taints) Object.assign(seen, { taints, taintedMs: nowMs })
    return seen
  }

  /** @returns whether there was something to change. */
  async #markSilent(node: Node): Promise<boolean> {
    const { client, env } = this.#deps
    const conditions = silentConditions(node, timestamp(env.clock.nowMs()))
    if (conditions === node.status?.conditions) return false
    env.log.warn('node is silent', { node: node.metadata.name })
    const { resourceVersion } = node.metadata
    await client.patch(nodes, keyOf(node), { metadata: { resourceVersion }, status: { conditions } }, 'status')
    return true
  }

  async #taint(node: Node): Promise<boolean> {
    const { client, env, events } = this.#deps
    const taints = plannedTaints(node, timestamp(env.clock.nowMs()))
    const before = node.spec.taints ?? []
    if (isDeepStrictEqual(taints, before)) return false
    await client.patch(nodes, keyOf(node), { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { taints } })
    const executes = (each: readonly { readonly effect: string }[]): boolean => each.some(({ effect }) => effect === 'NoExecute')
    if (!isReady(node) && executes(taints) && !executes(before))
      events.record(node, 'Normal', 'NodeNotReady', `Node ${node.metadata.name} status is now: NodeNotReady`)
    return true
  }

  /** @returns when the next pod's time is over, milliseconds. */
  async #carePods(node: Node, { taintedMs }: Seen): Promise<number> {
    const taints = (node.spec.taints ?? []).filter((taint) => taint.effect === 'NoExecute')
    if (isReady(node) && taints.length === 0) return Infinity
    const { env } = this.#deps
    const here = this.#podsOn(node)
    if (!isReady(node)) await all(here, (pod) => this.#setConditions(pod, withdrawnConditions(pod, timestamp(env.clock.nowMs()))))

    const left = here.map((pod) => ({ pod, leftMs: taintedMs + toleratedMs(pod, taints) - env.clock.monotonicMs() }))
    await all(
      left.filter(({ leftMs }) => leftMs <= 0),
      ({ pod }) => this.#evict(pod),
    )
    return Math.min(...left.map(({ leftMs }) => leftMs).filter((leftMs) => leftMs > 0), Infinity)
  }

  /** @returns when it is time, milliseconds. */
  async #restore(node: Node, seen: Seen): Promise<number> {
    const { env } = this.#deps
    const waitMs = (seen.restoreMs ?? Infinity) - env.clock.monotonicMs()
    if (waitMs > 0) return waitMs
    await all(this.#podsOn(node), (pod) => this.#setConditions(pod, restoredConditions(pod, timestamp(env.clock.nowMs()))))
    seen.restoreMs = undefined
    return Infinity
  }

  #podsOn(node: Node): readonly Pod[] {
    return this.#deps.client.list(pods, { fields: [{ path: 'spec.nodeName', operator: '=', value: node.metadata.name }] })
  }

  /** Of the pod as it was seen: when the node speaks meanwhile, that counts. */
  async #setConditions(pod: Pod, conditions: readonly PodCondition[] | undefined): Promise<void> {
    if (!conditions) return
    const { resourceVersion } = pod.metadata
    try {
      await this.#deps.client.patch(pods, keyOf(pod), { metadata: { resourceVersion }, status: { conditions } }, 'status')
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
    }
  }

  async #evict(pod: Pod): Promise<void> {
    const { client, events } = this.#deps
    events.record(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${keyOf(pod)}`)
    try {
      await client.delete(pods, keyOf(pod), { uid: pod.metadata.uid })
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error // gone already
    }
  }
}

async function all<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const failures = await inBatches(items.length, (index) => act(items[index]!))
  if (failures.length > 0) throw failures[0]
}

/** A pod that came to a node, says again that it is ready, or tolerates something else now. */
function nodeOfChangedPod({ type, object, previous }: ClientEvent<Pod>): readonly ObjectKey[] {
  const { nodeName } = object.spec
  if (!nodeName || type === 'DELETED') return []
  return type === 'MODIFIED' && previous && isDeepStrictEqual(factsOf(object), factsOf(previous)) ? [] : [nodeName]
}
const factsOf = (pod: Pod) => [pod.metadata.uid, pod.spec.nodeName, pod.spec.tolerations, withdrawnConditions(pod, '') !== undefined]
