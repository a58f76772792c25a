import { isDeepStrictEqual } from 'node:util'
import { keyOf, mutableCopy, type NewObject, type ObjectKey } from '@bramble/api/object'
import { controllerOf, controllerReference } from '@bramble/api/owner'
import { isReason } from '@bramble/api/status-error'
import { isTerminal, type Pod } from '@bramble/api/types/pod'
import type { Deployment, ReplicaSet } from '@bramble/api/types/workload'
import { type Outcome, type Reconciler, SETTLED, TerminalError } from '@bramble/reconcile/reconciler'
import { deployments } from '../../resources/deployment.ts'
import { nodes } from '../../resources/node.ts'
import { pods } from '../../resources/pod.ts'
import { replicaSets } from '../../resources/replica-set.ts'
import { claim, wakeOwners } from '../claim.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { isOffline } from '../node-reachability.ts'
import { POD_TEMPLATE_HASH, sameTemplate, templateHash } from '../pod-template.ts'
import { textOf } from '../text-of.ts'
import { missingAnnotations } from './annotations.ts'
import { type DeploymentPlan, planDeployment, type SetChange } from './plan.ts'
import { currentSet, isRolling, replicasOf, REVISION } from './replica-sets.ts'
import { deadlineInMs, deploymentStatus } from './status.ts'

/** How often Recreate looks whether the nodes of leaving pods are still there. */
const LEAVING_CHECK_MS = 10_000

export const deploymentController: ControllerDefinition = {
  name: 'deployment',
  primary: deployments,
  wakes: [
    wakeOwners(replicaSets, deployments),
    wake(pods, ({ object, type }, client) => {
      // only Recreate waits for single pods
      if (type !== 'DELETED' && !isTerminal(object)) return []
      const set = controllerOf(object)
      const owner = set?.kind === 'ReplicaSet' ? client.get(replicaSets, `${object.metadata.namespace}/${set.name}`) : undefined
      const deployment = owner && controllerOf(owner)
      return deployment?.kind === 'Deployment' ? [`${object.metadata.namespace}/${deployment.name}`] : []
    }),
  ],
  concurrency: 5,
  create: (deps) => new DeploymentReconciler(deps),
}

/** Observe, plan, act, report: one step of a rollout per pass; what it changes wakes it for the next. */
export class DeploymentReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(key: ObjectKey): Promise<Outcome> {
    const deployment = this.#deps.client.get(deployments, key)
    if (!deployment) return SETTLED
    const { matchLabels, matchExpressions } = deployment.spec.selector
    if (!Object.keys(matchLabels ?? {}).length && !matchExpressions?.length) {
      this.#deps.events.record(
        deployment,
        'Warning',
        'SelectingAll',
        'This deployment is selecting all pods. A non-empty selector is required.',
      )
      return SETTLED
    }
    const sets = await claim(this.#deps.client, replicaSets, deployment, controllerReference('apps/v1', 'Deployment', deployment))
    if (deployment.metadata.deletionTimestamp) {
      await this.#report(key)
      return SETTLED
    }
    const oldPodsLeft = !isRolling(deployment) && this.#oldPodsLeft(deployment, sets)
    const created = await this.#act(deployment, sets, planDeployment({ deployment, sets, oldPodsLeft }))
    const deadlineMs = await this.#report(key, created)
    const againMs = Math.min(deadlineMs ?? Infinity, oldPodsLeft ? LEAVING_CHECK_MS : Infinity)
    return againMs === Infinity ? SETTLED : { againInMs: againMs }
  }

  /** @returns the name of a set that was made. */
  async #act(deployment: Deployment, sets: readonly ReplicaSet[], plan: DeploymentPlan): Promise<string | undefined> {
    const { client } = this.#deps
    for (const change of plan.change) await this.#change(deployment, change)
    for (const set of plan.remove) await this.#remove(set)
    const annotations = plan.revision !== undefined && missingAnnotations(deployment, { [REVISION]: plan.revision })
    if (annotations) await client.patch(deployments, keyOf(deployment), { metadata: { annotations } })
    return plan.create && (await this.#create(deployment, sets, plan.create))
  }

  async #create(
    deployment: Deployment,
    sets: readonly ReplicaSet[],
    { replicas, annotations }: NonNullable<DeploymentPlan['create']>,
  ): Promise<string | undefined> {
    const { client, events } = this.#deps
    const draft = newSet(deployment, replicas, annotations)
    try {
      const {
        metadata: { name },
      } = await client.create(replicaSets, draft)
      if (replicas > 0) events.record(deployment, 'Normal', 'ScalingReplicaSet', `Scaled up replica set ${name} from 0 to ${replicas}`)
      return name
    } catch (error) {
      if (isReason(error, 'AlreadyExists')) return await this.#afterCollision(deployment, sets, draft.metadata.name!)
      events.record(
        deployment,
        'Warning',
        'ReplicaSetCreateError',
        `Failed to create new replica set "${draft.metadata.name}": ${textOf(error)}`,
      )
      throw error
    }
  }

  /** The name is taken: by our own set made meanwhile, which is fine, or by another template, which asks for another hash. */
  async #afterCollision(deployment: Deployment, sets: readonly ReplicaSet[], name: string): Promise<undefined> {
    const { client } = this.#deps
    const taken = client.get(replicaSets, `${deployment.metadata.namespace}/${name}`)
    if (!taken || taken.metadata.deletionTimestamp) throw new Error(`replica set ${name} is being removed; trying again when it is gone`)
    const ours = controllerOf(taken)?.uid === deployment.metadata.uid && sameTemplate(taken.spec.template, deployment.spec.template)
    if (ours && !sets.some((set) => set.metadata.uid === taken.metadata.uid)) return
    if (ours) throw new TerminalError(`replica set ${name} exists and is not found by its template`)
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1
    await client.patch(deployments, keyOf(deployment), { status: { collisionCount } }, 'status')
  }

  async #change(deployment: Deployment, { set, replicas, minReadySeconds, annotations }: SetChange): Promise<void> {
    const { client, events } = this.#deps
    await client.patch(replicaSets, keyOf(set), {
      ...(annotations && { metadata: { annotations } }),
      spec: { ...(replicas !== undefined && { replicas }), ...(minReadySeconds !== undefined && { minReadySeconds }) },
    })
    if (replicas === undefined) return
    const direction = replicas > replicasOf(set) ? 'up' : 'down'
    events.record(
      deployment,
      'Normal',
      'ScalingReplicaSet',
      `Scaled ${direction} replica set ${set.metadata.name} from ${replicasOf(set)} to ${replicas}`,
    )
  }

  async #remove(set: ReplicaSet): Promise<void> {
    try {
      await this.#deps.client.delete(replicaSets, keyOf(set), { uid: set.metadata.uid })
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error // gone already
    }
  }

  /** @returns when a deadline is over, milliseconds from now. */
  async #report(key: ObjectKey, created?: string): Promise<number | undefined> {
    const { client, env } = this.#deps
    const deployment = client.get(deployments, key)
    if (!deployment) return undefined
    const sets = this.#owned(deployment)
    const nowMs = env.clock.nowMs()
    const status = deploymentStatus(deployment, sets, created, nowMs)
    const reported = { ...mutableCopy(deployment), status }
    if (!isDeepStrictEqual(status, deployment.status)) await client.updateStatus(deployments, reported)
    return deadlineInMs(reported, sets, nowMs)
  }

  #owned(deployment: Deployment): readonly ReplicaSet[] {
    const { namespace, uid } = deployment.metadata
    return this.#deps.client.list(replicaSets, { namespace: namespace!, ownerUid: uid }).filter((set) => controllerOf(set)?.uid === uid)
  }

  /** A pod that should have gone by now but sits on a node that is away does not hold up the rollout for ever. */
  #oldPodsLeft(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
    const { client, env } = this.#deps
    const current = currentSet(deployment, sets)
    const isLost = ({ metadata: { deletionTimestamp }, spec: { nodeName } }: Pod): boolean =>
      deletionTimestamp !== undefined &&
      Date.parse(deletionTimestamp) <= env.clock.nowMs() &&
      nodeName !== undefined &&
      isOffline(client.get(nodes, nodeName))
    return sets.some(
      (set) =>
        set !== current &&
        client
          .list(pods, { namespace: deployment.metadata.namespace!, ownerUid: set.metadata.uid })
          .some((pod) => !isTerminal(pod) && !isLost(pod)),
    )
  }
}

/** The name is a function of Deployment and template, so making it twice cannot make two. */
function newSet(deployment: Deployment, replicas: number, annotations: Readonly<Record<string, string>>): NewObject<ReplicaSet> {
  const { template, selector, minReadySeconds } = deployment.spec
  const hash = templateHash(template, deployment.status?.collisionCount ?? 0)
  const labels = { ...template.metadata?.labels, [POD_TEMPLATE_HASH]: hash }
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace!,
      labels,
      annotations: { ...annotations },
      ownerReferences: [controllerReference('apps/v1', 'Deployment', deployment)],
    },
    spec: {
      replicas,
      ...(minReadySeconds ? { minReadySeconds } : {}),
      selector: { ...structuredClone(selector), matchLabels: { ...selector.matchLabels, [POD_TEMPLATE_HASH]: hash } },
      template: { ...structuredClone(template), metadata: { ...structuredClone(template.metadata), labels } },
    },
  }
}
