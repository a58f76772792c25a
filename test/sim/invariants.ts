import type { KubeObject } from '../../packages/api/src/object.ts'
import type { Node } from '../../packages/api/src/types/node.ts'
import { isTerminal, type Pod } from '../../packages/api/src/types/pod.ts'
import { type PersistentVolume, VOLUME_NODE } from '../../packages/api/src/types/volume.ts'
import type { EndpointSlice } from '../../packages/api/src/types/service.ts'
import type { DaemonSet, Deployment, ReplicaSet } from '../../packages/api/src/types/workload.ts'
import { SERVICE_NAME_LABEL } from '../../packages/api/src/types/service.ts'
import { scaledValue } from '../../apps/control-plane/src/controllers/scaled-value.ts'
import type { ServiceTable } from '../../apps/node-agent/src/network/service-proxy/service-table.ts'
import type { SandboxState } from '../../apps/node-agent/src/runtime/runtime.ts'

/** The whole fleet at one instant. */
export interface Snapshot {
  /** What the API says; undefined while the control plane is down. */
  readonly api?: ApiSnapshot
  readonly nodes: readonly NodeSnapshot[]
}
export interface ApiSnapshot {
  /** Epoch milliseconds. */
  readonly nowMs: number
  readonly revision: number
  readonly nodes: readonly Node[]
  readonly pods: readonly Pod[]
  readonly deployments: readonly Deployment[]
  readonly replicaSets: readonly ReplicaSet[]
  readonly daemonSets: readonly DaemonSet[]
  readonly volumes: readonly PersistentVolume[]
}
export interface NodeSnapshot {
  readonly name: string
  readonly sandboxes: readonly SandboxState[]
  readonly rules: ServiceTable | undefined
}

/**
 * What must hold at every instant, whatever has failed. Remembers what it has seen, as some rules are about change.
 * A broken rule throws, naming the objects.
 */
export class Invariants {
  /** Node of every pod uid that was ever bound. */
  readonly #boundTo = new Map<string, string>()
  /** Node of every volume, by uid. */
  readonly #folders = new Map<string, string>()
  readonly #ended = new Map<string, string>()
  readonly #restarts = new Map<string, number>()
  readonly #podNetworks = new Map<string, string>()
  /** Every address that a slice of the service ever named. */
  readonly #published = new Map<string, Set<string>>()
  #revision = 0

  /** A slice was written: from now on nodes may send traffic to its addresses. */
  published({ metadata, endpoints }: EndpointSlice): void {
    const service = `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME_LABEL]}`
    const seen = this.#published.get(service) ?? new Set<string>()
    this.#published.set(service, seen)
    for (const address of endpoints.flatMap(({ addresses }) => addresses)) seen.add(address)
  }

  check({ api, nodes }: Snapshot): void {
    if (api) this.#checkApi(api)
    this.#checkRuntimes(nodes)
    for (const node of nodes) this.#checkRules(node)
  }

  #checkApi(api: ApiSnapshot): void {
    rule(api.revision >= this.#revision, `the history went back from ${this.#revision} to ${api.revision}`)
    this.#revision = api.revision
    for (const pod of api.pods) this.#checkPod(pod)
    for (const volume of api.volumes) this.#checkVolume(volume)
    for (const pod of api.pods) checkAtVolume(pod, api)
    for (const node of api.nodes) this.#checkPodNetwork(node, api.nodes)
    for (const deployment of api.deployments) checkSurge(deployment, api)
    for (const set of api.daemonSets) checkOnePerNode(set, api)
    for (const deployment of api.deployments) checkRecreate(deployment, api)
  }

  #checkPod(pod: Pod): void {
    const { uid, name } = pod.metadata
    const before = this.#boundTo.get(uid)
    rule(before === undefined || before === pod.spec.nodeName, `pod ${name} moved from ${before} to ${pod.spec.nodeName}`)
    if (pod.spec.nodeName) this.#boundTo.set(uid, pod.spec.nodeName)

    const phase = pod.status?.phase ?? 'Pending'
    rule(!this.#ended.has(uid) || this.#ended.get(uid) === phase, `pod ${name} had ended as ${this.#ended.get(uid)} and is ${phase} now`)
    if (isTerminal(pod)) this.#ended.set(uid, phase)

    for (const status of pod.status?.containerStatuses ?? []) {
      const id = `${uid}/${status.name}`
      const last = this.#restarts.get(id) ?? 0
      rule(status.restartCount >= last, `restarts of ${name}/${status.name} went back from ${last} to ${status.restartCount}`)
      this.#restarts.set(id, status.restartCount)
    }
  }

  #checkVolume({ metadata: { name, uid, annotations } }: PersistentVolume): void {
    const node = annotations?.[VOLUME_NODE] ?? ''
    rule((this.#folders.get(uid) ?? node) === node, `volume ${name} moved from ${this.#folders.get(uid)} to ${node}`)
    this.#folders.set(uid, node)
  }

  #checkPodNetwork({ metadata: { name }, spec: { podCIDR } }: Node, all: readonly Node[]): void {
    if (podCIDR === undefined) return
    rule(!all.some((other) => other.metadata.name !== name && other.spec.podCIDR === podCIDR), `two nodes have the pod network ${podCIDR}`)
    const before = this.#podNetworks.get(name)
    rule(before === undefined || before === podCIDR, `the pod network of ${name} changed from ${before} to ${podCIDR}`)
    this.#podNetworks.set(name, podCIDR)
  }

  #checkRuntimes(nodes: readonly NodeSnapshot[]): void {
    const alive = new Map<string, string>()
    for (const { name, sandboxes } of nodes)
      for (const sandbox of sandboxes.filter(isAlive)) {
        const where = alive.get(sandbox.podUid)
        rule(where === undefined, `pod ${sandbox.name} is alive twice, on ${where} and ${name}`)
        alive.set(sandbox.podUid, name)
        const bound = this.#boundTo.get(sandbox.podUid)
        rule(bound === undefined || bound === name, `pod ${sandbox.name} runs on ${name} but was bound to ${bound}`)
        const running = sandbox.containers.filter(({ state }) => state === 'running').map((container) => container.name)
        rule(new Set(running).size === running.length, `pod ${sandbox.name} runs a container twice: ${running.join(', ')}`)
      }
  }

  #checkRules({ name, rules }: NodeSnapshot): void {
    for (const { id, backends } of rules?.forwards ?? []) {
      const service = id.slice(0, id.lastIndexOf(':'))
      for (const { ip } of backends)
        rule(
          service === 'default/kubernetes' || this.#published.get(service)?.has(ip) === true,
          `${name} sends ${id} to ${ip}, which no slice ever named`,
        )
    }
  }
}

/** A pod that has a node is where its volume is. */
function checkAtVolume({ metadata, spec }: Pod, { volumes }: ApiSnapshot): void {
  for (const { persistentVolumeClaim: claim } of spec.volumes ?? []) {
    const volume = volumes.find(
      ({ spec: { claimRef }, status }) => claim && claimRef?.name === claim.claimName && status?.phase === 'Bound',
    )
    const node = volume?.metadata.annotations?.[VOLUME_NODE]
    rule(
      !spec.nodeName || !node || spec.nodeName === node,
      `pod ${metadata.name} was put on ${spec.nodeName}, but its volume is on ${node}`,
    )
  }
}

const isAlive = ({ ready, containers }: SandboxState): boolean => ready || containers.some(({ state }) => state === 'running')

function checkSurge({ metadata, spec }: Deployment, { replicaSets, pods }: ApiSnapshot): void {
  const wanted = spec.replicas ?? 1
  const surge = spec.strategy?.type === 'Recreate' ? 0 : scaledValue(spec.strategy?.rollingUpdate?.maxSurge ?? '25%', wanted, 'up')
  const sets = replicaSets.filter((set) => ownedBy(set, metadata.uid))
  const sized = sets.every(
    (set) => set.metadata.annotations?.['deployment.kubernetes.io/desired-replicas'] === String(wanted) || set.spec.replicas === 0,
  )
  const active = pods.filter(
    (pod) => !pod.metadata.deletionTimestamp && !isTerminal(pod) && sets.some((set) => ownedBy(pod, set.metadata.uid)),
  )
  rule(
    !sized || active.length <= wanted + surge || sets.some(isCatchingUp),
    `${metadata.name} has ${active.length} pods of ${wanted} + ${surge}`,
  )
}

/**
 * Old and new pods of one that recreates are never there together. Those that should be gone by now do not count: where
 * their node was away people rather went on, and it takes them down when it returns.
 */
function checkRecreate({ metadata, spec }: Deployment, { nowMs, replicaSets, pods }: ApiSnapshot): void {
  if (spec.strategy?.type !== 'Recreate') return
  const sets = replicaSets.filter((set) => ownedBy(set, metadata.uid))
  const here = pods.filter((pod) => pod.status?.phase === 'Running' && !(Date.parse(pod.metadata.deletionTimestamp ?? '') <= nowMs))
  const populated = sets.filter((set) => here.some((pod) => ownedBy(pod, set.metadata.uid))).map((set) => set.metadata.name)
  rule(populated.length <= 1, `${metadata.name} has pods of ${populated.join(' and ')} at once`)
}

/** A set that was made smaller, or whose pods were counted before, is about to give some up. */
const isCatchingUp = ({ metadata, status }: ReplicaSet): boolean => (status?.observedGeneration ?? 0) < (metadata.generation ?? 0)

function checkOnePerNode({ metadata }: DaemonSet, { pods }: ApiSnapshot): void {
  const bound = pods
    .filter((pod) => ownedBy(pod, metadata.uid) && !isTerminal(pod) && pod.spec.nodeName !== undefined)
    .map(({ spec }) => spec.nodeName)
  rule(new Set(bound).size === bound.length, `${metadata.name} has two pods on one node: ${bound.sort().join(', ')}`)
}

const ownedBy = (object: KubeObject, uid: string): boolean =>
  object.metadata.ownerReferences?.some((reference) => reference.uid === uid) ?? false

/** A broken invariant, or a fleet that did not converge. */
export class Violation extends Error {
  override name = 'Violation'
}

export function rule(holds: boolean, complaint: string): void {
  if (!holds) throw new Violation(complaint)
}
