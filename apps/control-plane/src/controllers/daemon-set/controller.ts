import { isDeepStrictEqual } from 'node:util'
import { conditionOf } from '@bramble/api/conditions'
import { keyOf, mutableCopy, type ObjectKey } from '@bramble/api/object'
import { controllerOf, controllerReference } from '@bramble/api/owner'
import { isReason } from '@bramble/api/status-error'
import type { Node } from '@bramble/api/types/node'
import { isTerminal, type Pod } from '@bramble/api/types/pod'
import type { ControllerRevision, DaemonSet } from '@bramble/api/types/workload'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import type { ClientEvent } from '../../api/client.ts'
import { controllerRevisions } from '../../resources/controller-revision.ts'
import { daemonSets } from '../../resources/daemon-set.ts'
import { nodes } from '../../resources/node.ts'
import { pods } from '../../resources/pod.ts'
import { claim, wakeOwners } from '../claim.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { inBatches } from '../in-batches.ts'
import { awayInMs } from '../node-reachability.ts'
import { isActive, nextAvailableInMs } from '../pod-availability.ts'
import { canonicalJson } from '../pod-template.ts'
import { planHistory, REVISION_HASH } from '../revision-history.ts'
import { textOf } from '../text-of.ts'
import { FailedPods } from './failed-pods.ts'
import { planDaemonSet } from './plan.ts'
import { podForNode, targetNode } from './pod-for-node.ts'
import { daemonSetStatus } from './status.ts'

const CREATES_PER_PASS_MAX = 200
const HISTORY_DEFAULT = 10

export const daemonSetController: ControllerDefinition = {
  name: 'daemon-set',
  component: 'daemonset-controller',
  primary: daemonSets,
  wakes: [
    wakeOwners(pods, daemonSets),
    wakeOwners(controllerRevisions, daemonSets),
    wake(nodes, (event, client) => (mattersForPlacement(event) ? client.list(daemonSets).map(keyOf) : [])),
  ],
  concurrency: 2,
  create: (deps) => new DaemonSetReconciler(deps),
}

/** Heartbeats do not wake anyone. */
function mattersForPlacement({ type, object, previous }: ClientEvent<Node>): boolean {
  const seen = (node: Node): unknown => [node.metadata.labels, node.spec.taints, conditionOf(node.status?.conditions, 'Ready')?.status]
  return type !== 'MODIFIED' || !previous || !isDeepStrictEqual(seen(object), seen(previous))
}

/** Observe, plan, act, report. The plan is pure and lives next door; this class only moves data. */
export class DaemonSetReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps
  readonly #failed: FailedPods

  constructor(deps: ControllerDeps) {
    this.#deps = deps
    this.#failed = new FailedPods(deps.env)
  }

  async reconcile(key: ObjectKey): Promise<Outcome> {
    const { client, env, events } = this.#deps
    const set = client.get(daemonSets, key)
    if (!set || set.metadata.deletionTimestamp) return SETTLED // the garbage collector takes the pods
    const { matchLabels, matchExpressions } = set.spec.selector
    if (!Object.keys(matchLabels ?? {}).length && !matchExpressions?.length) {
      events.record(set, 'Warning', 'SelectingAll', 'This daemon set is selecting all pods. A non-empty selector is required.')
      return SETTLED
    }
    const reference = controllerReference('apps/v1', 'DaemonSet', set)
    const revisions = await claim(client, controllerRevisions, set, reference)
    const owned = await claim(client, pods, set, reference, isActive)
    const hash = await this.#keepHistory(set, revisions, owned)
    if (hash === undefined) return { againInMs: 1 } // its name was taken; the next hash is another

    const waits = this.#waitsOfFailed(set, owned)
    const plan = planDaemonSet(
      { set, hash, nodes: client.list(nodes), pods: owned, heldBack: new Set(waits.keys()), nowMs: env.clock.nowMs() },
      CREATES_PER_PASS_MAX,
    )
    const failures = [
      ...(await inBatches(plan.remove.length, (index) => this.#remove(set, plan.remove[index]!))),
      ...(await inBatches(plan.create.length, (index) => this.#create(set, plan.create[index]!, hash))),
    ]
    const lookAgainMs = Math.min(await this.#report(key, hash), ...waits.values())
    if (failures.length > 0) throw failures[0]
    return lookAgainMs === Infinity ? SETTLED : { againInMs: lookAgainMs }
  }

  async #create(set: DaemonSet, nodeName: string, hash: string): Promise<void> {
    const { client, events } = this.#deps
    const draft = podForNode(set, nodeName, hash)
    try {
      const pod = await client.create(pods, draft)
      events.record(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
    } catch (error) {
      const taken = isReason(error, 'AlreadyExists') ? client.get(pods, `${set.metadata.namespace}/${draft.metadata.name}`) : undefined
      if (taken && controllerOf(taken)?.uid === set.metadata.uid) return // made already, or still leaving: its end wakes us
      events.record(set, 'Warning', 'FailedCreate', `Error creating: ${textOf(error)}`)
      throw error
    }
  }

  async #remove(set: DaemonSet, pod: Pod): Promise<void> {
    const { client, events } = this.#deps
    const nodeName = targetNode(pod)
    if (pod.status?.phase === 'Failed')
      events.record(set, 'Warning', 'FailedDaemonPod', `Found failed daemon pod ${keyOf(pod)} on node ${nodeName}, will try to kill it`)
    try {
      await client.delete(pods, keyOf(pod), { uid: pod.metadata.uid })
    } catch (error) {
      if (isReason(error, 'NotFound', 'Conflict')) return // gone, or its name has another pod now
      events.record(set, 'Warning', 'FailedDelete', `Error deleting: ${textOf(error)}`)
      throw error
    }
    if (isTerminal(pod)) this.#failed.removed(placeOf(set, nodeName))
    events.record(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)
  }

  /** Nodes whose ended pod is not replaced yet, and for how long, milliseconds. */
  #waitsOfFailed(set: DaemonSet, owned: readonly Pod[]): ReadonlyMap<string, number> {
    const waits = new Map<string, number>()
    for (const pod of owned.filter((one) => isTerminal(one) && !one.metadata.deletionTimestamp)) {
      const nodeName = targetNode(pod)
      const waitMs = this.#failed.waitMs(placeOf(set, nodeName))
      if (nodeName !== undefined && waitMs > 0) waits.set(nodeName, waitMs)
    }
    return waits
  }

  /** @returns the hash of the present template; undefined when another revision had its name. */
  async #keepHistory(set: DaemonSet, revisions: readonly ControllerRevision[], owned: readonly Pod[]): Promise<string | undefined> {
    const { client } = this.#deps
    const data = { spec: { template: { ...set.spec.template, $patch: 'replace' } } }
    const live = new Set(owned.map((pod) => pod.metadata.labels?.[REVISION_HASH] ?? ''))
    const plan = planHistory(historyOwner(set), data, revisions, live)
    if (plan.renumber) await client.patch(controllerRevisions, keyOf(plan.renumber.revision), { revision: plan.renumber.number })
    for (const revision of plan.remove) await this.#removeRevision(revision)
    if (!plan.create) return plan.hash
    try {
      await client.create(controllerRevisions, plan.create)
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error
      const taken = client.get(controllerRevisions, `${set.metadata.namespace}/${plan.create.metadata.name}`)
      if (taken && canonicalJson(taken.data) === canonicalJson(data)) throw error // ours, but claimed by another: it is retried
      await client.patch(daemonSets, keyOf(set), { status: { collisionCount: (set.status?.collisionCount ?? 0) + 1 } }, 'status')
      return undefined
    }
    return plan.hash
  }

  async #removeRevision(revision: ControllerRevision): Promise<void> {
    try {
      await this.#deps.client.delete(controllerRevisions, keyOf(revision), { uid: revision.metadata.uid })
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error // gone already
    }
  }

  /** @returns when something changes by mere waiting, milliseconds; Infinity when nothing does. */
  async #report(key: ObjectKey, hash: string): Promise<number> {
    const { client, env } = this.#deps
    const set = client.get(daemonSets, key)
    if (!set) return Infinity
    const owned = client
      .list(pods, { namespace: set.metadata.namespace!, ownerUid: set.metadata.uid })
      .filter((pod) => controllerOf(pod)?.uid === set.metadata.uid)
    const all = client.list(nodes)
    const nowMs = env.clock.nowMs()
    const status = daemonSetStatus(set, all, owned, hash, nowMs)
    if (!isDeepStrictEqual(status, set.status)) await client.updateStatus(daemonSets, { ...mutableCopy(set), status })
    const leaving = all.map((node) => awayInMs(node, nowMs)).filter((waitMs) => waitMs !== undefined && waitMs > 0) as number[]
    return Math.min(nextAvailableInMs(owned, set.spec.minReadySeconds ?? 0, nowMs) ?? Infinity, ...leaving)
  }
}

const placeOf = (set: DaemonSet, nodeName: string | undefined): string => `${set.metadata.uid}/${set.metadata.generation}/${nodeName}`

/** What a revision must not inherit. */
const APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

function historyOwner(set: DaemonSet): Parameters<typeof planHistory>[0] {
  const { [APPLIED]: _, ...annotations } = set.metadata.annotations ?? {}
  return {
    name: set.metadata.name,
    namespace: set.metadata.namespace!,
    reference: controllerReference('apps/v1', 'DaemonSet', set),
    labels: set.spec.template.metadata?.labels ?? {},
    annotations,
    collisionCount: set.status?.collisionCount ?? 0,
    historyLimit: set.spec.revisionHistoryLimit ?? HISTORY_DEFAULT,
  }
}
