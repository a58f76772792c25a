import { isDeepStrictEqual } from 'node:util'
import { conditionOf, isConditionTrue } from '@bramble/api/conditions'
import { keyOf, mutableCopy, type ObjectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import { type AgentUpgrade, type AgentUpgradeStatus, TOLD_ANNOTATION } from '@bramble/api/types/agent-upgrade'
import type { Node } from '@bramble/api/types/node'
import { AGENT_DEADLINE_ANNOTATION, AGENT_UPGRADE_CONDITION, AGENT_VERSION_ANNOTATION } from '@bramble/api/types/node-config'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import type { ApiClient, ClientEvent } from '../../api/client.ts'
import { agentUpgrades } from '../../resources/agent-upgrade.ts'
import { nodes } from '../../resources/node.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { inBatches } from '../in-batches.ts'
import { isOffline } from '../node-reachability.ts'
import { type Candidate, hasAnswered, isTold } from './node-state.ts'
import { ownNodes } from './ownership.ts'
import { planUpgrade, type UpgradePlan } from './plan.ts'
import { Stopwatches } from './stopwatches.ts'

/** Brings the agents of nodes to the versions that AgentUpgrades ask for, a wave at a time. */
export const agentUpgradeController: ControllerDefinition = {
  name: 'agent-upgrade',
  primary: agentUpgrades,
  wakes: [wake(nodes, (event, client) => (concernsUpgrades(event) ? all(client) : [])), wake(agentUpgrades, othersOf)],
  concurrency: 1,
  create: (deps) => new AgentUpgradeReconciler(deps),
}

export class AgentUpgradeReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps
  /** By upgrade, version and node. */
  readonly #told = new Map<ObjectKey, Stopwatches>()
  readonly #silent = new Map<ObjectKey, Stopwatches>()

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(key: ObjectKey): Promise<Outcome> {
    const { client, env, agents } = this.#deps
    const releases = (await agents?.releases()) ?? [] // first: what is read after it is acted on in the same instant
    const upgrade = client.get(agentUpgrades, key)
    if (!upgrade || upgrade.metadata.deletionTimestamp) {
      for (const watches of [this.#told, this.#silent]) watches.delete(key)
      return SETTLED
    }
    const plan = planUpgrade({
      upgrade,
      candidates: this.#candidates(upgrade),
      releases,
      serverVersion: agents?.serverVersion,
      nowMs: env.clock.nowMs(),
    })
    await this.#report(upgrade, plan) // first: an abort outlives a crash before the failures that led to it are taken back
    await this.#untell(upgrade, plan)
    await this.#tell(upgrade, plan)
    await this.#finish(upgrade, plan)
    return plan.againInMs === undefined ? SETTLED : { againInMs: plan.againInMs }
  }

  #candidates(upgrade: AgentUpgrade): readonly Candidate[] {
    const { client, env } = this.#deps
    const [told, silent] = [watchesOf(this.#told, keyOf(upgrade)), watchesOf(this.#silent, keyOf(upgrade))]
    const nowMs = env.clock.monotonicMs()
    const { version } = upgrade.spec
    const own = ownNodes(upgrade, client.list(agentUpgrades), client.list(nodes))
    const keys = new Set(own.map(({ metadata }) => `${version} ${metadata.uid}`))
    for (const watches of [told, silent]) watches.keep(keys)
    return own.map((node) => {
      const key = `${version} ${node.metadata.uid}`
      return { node, toldMs: told.read(key, isTold(node, version), nowMs), silentMs: silent.read(key, isOffline(node), nowMs) }
    })
  }

  async #tell({ metadata, spec }: AgentUpgrade, { tell }: UpgradePlan): Promise<void> {
    const annotations = {
      [AGENT_VERSION_ANNOTATION]: spec.version,
      [AGENT_DEADLINE_ANNOTATION]: spec.deadlineSeconds === undefined ? null : String(spec.deadlineSeconds),
      [TOLD_ANNOTATION]: metadata.name,
    }
    for (const node of tell.filter((each) => hasAnswered(each, spec.version))) await this.#forgetAnswer(node)
    await this.#annotate(tell, annotations, 'AgentUpgradeStarted', `AgentUpgrade ${metadata.name} wants ${spec.version}`)
  }

  /** What it said of this version when it was asked before is no answer; it says it again if it still holds. */
  async #forgetAnswer(node: Node): Promise<void> {
    const draft = mutableCopy(node)
    draft.status = { ...draft.status, conditions: (draft.status?.conditions ?? []).filter(({ type }) => type !== AGENT_UPGRADE_CONDITION) }
    try {
      await this.#deps.client.updateStatus(nodes, draft)
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
    }
  }

  async #untell({ metadata, spec }: AgentUpgrade, { untell }: UpgradePlan): Promise<void> {
    const annotations = { [AGENT_VERSION_ANNOTATION]: null, [AGENT_DEADLINE_ANNOTATION]: null, [TOLD_ANNOTATION]: null }
    const message = `AgentUpgrade ${metadata.name} was aborted before ${spec.version} was begun`
    await this.#annotate(untell, annotations, 'AgentUpgradeCancelled', message)
  }

  async #finish({ spec }: AgentUpgrade, { finish }: UpgradePlan): Promise<void> {
    await this.#annotate(finish, { [TOLD_ANNOTATION]: null }, 'AgentUpgraded', `the agent runs ${spec.version}`)
  }

  async #annotate(
    chosen: readonly Node[],
    annotations: Readonly<Record<string, string | null>>,
    reason: string,
    message: string,
  ): Promise<void> {
    const { client, events } = this.#deps
    const failures = await inBatches(chosen.length, async (index) => {
      const node = chosen[index]!
      try {
        await client.patch(nodes, keyOf(node), { metadata: { uid: node.metadata.uid, annotations } })
        events.record(node, 'Normal', reason, message)
      } catch (error) {
        if (!isReason(error, 'NotFound', 'Conflict')) throw error // gone, or another one by that name
      }
    })
    if (failures.length > 0) throw failures[0]
  }

  async #report(upgrade: AgentUpgrade, { status, newFailures }: UpgradePlan): Promise<void> {
    const { client, events } = this.#deps
    for (const { node: name, reason, message } of newFailures) {
      events.record(upgrade, 'Warning', 'NodeFailed', `${name}: ${reason}: ${message}`)
      const node = client.get(nodes, name)
      if (node) events.record(node, 'Warning', 'AgentUpgradeFailed', `${reason}: ${message}`)
    }
    for (const [type, reason, message] of news(upgrade.status, status)) events.record(upgrade, type, reason, message)
    if (isDeepStrictEqual(status, upgrade.status)) return
    try {
      await client.updateStatus(agentUpgrades, { ...mutableCopy(upgrade), status: mutableCopy(status) })
    } catch (error) {
      if (isReason(error, 'NotFound')) return
      throw error // nobody may be told on the strength of a spec that has changed
    }
  }
}

const watchesOf = (all: Map<ObjectKey, Stopwatches>, key: ObjectKey): Stopwatches => {
  const watches = all.get(key) ?? new Stopwatches()
  all.set(key, watches)
  return watches
}

/** What people are told of the upgrade as a whole, once each. */
function news(
  before: AgentUpgradeStatus | undefined,
  { version, conditions }: AgentUpgradeStatus,
): readonly (readonly ['Normal' | 'Warning', string, string])[] {
  const known = before?.version === version ? before?.conditions : undefined
  const became = (type: string): boolean => isConditionTrue(conditions, type) && !isConditionTrue(known, type)
  const progressing = conditionOf(conditions, 'Progressing')
  const isNew = conditionOf(known, 'Progressing')?.reason !== progressing?.reason
  const message = (type: string): string => conditionOf(conditions, type)?.message ?? ''
  return [
    ...(became('Aborted') ? [['Warning', 'Aborted', message('Aborted')] as const] : []),
    ...(became('Complete') ? [['Normal', 'Complete', message('Complete')] as const] : []),
    ...(isNew && (progressing?.reason === 'ReleaseMissing' || progressing?.reason === 'TooFarApart')
      ? [['Warning', progressing.reason, progressing.message ?? ''] as const]
      : []),
  ]
}

const all = (client: ApiClient): readonly ObjectKey[] => client.list(agentUpgrades).map(keyOf)

/** Nodes report often; only this of it changes a rollout. */
function concernsUpgrades({ type, object, previous }: ClientEvent<Node>): boolean {
  if (type !== 'MODIFIED' || !previous) return true
  const of = ({ metadata, status }: Node): unknown => [
    metadata.labels,
    metadata.annotations?.[AGENT_VERSION_ANNOTATION],
    metadata.annotations?.[TOLD_ANNOTATION],
    status?.nodeInfo?.kubeletVersion,
    status?.nodeInfo?.architecture,
    conditionOf(status?.conditions, 'Ready')?.status,
    ['status', 'reason', 'message'].map((field) => conditionOf(status?.conditions, AGENT_UPGRADE_CONDITION)?.[field as 'status']),
  ]
  return !isDeepStrictEqual(of(object), of(previous))
}

/** A new, changed or deleted upgrade takes nodes from others, or gives them back. */
function othersOf({ type, object, previous }: ClientEvent<AgentUpgrade>, client: ApiClient): readonly ObjectKey[] {
  if (type === 'MODIFIED' && previous?.metadata.generation === object.metadata.generation) return []
  return all(client).filter((key) => key !== keyOf(object))
}
