import { withCondition } from '@bramble/api/conditions'
import { timestamp } from '@bramble/api/duration'
import type { JsonObject, KubeObject, ObjectKey } from '@bramble/api/object'
import { keyOf } from '@bramble/api/object'
import { badRequest, isReason } from '@bramble/api/status-error'
import { isTerminal, type Pod } from '@bramble/api/types/pod'
import type { PodDisruptionBudget } from '@bramble/api/types/policy'
import type { DeleteRequest, WriteContext } from '../../api/requests.ts'
import { type EvictionPlan, planEviction, stillProcessed } from '../../controllers/disruption/eviction.ts'
import { podDisruptionBudgets } from '../../resources/pod-disruption-budget.ts'
import { decodeObject, readBody } from '../body.ts'
import { deleteRequest } from '../list-request.ts'
import { respondJson, successBody, Warnings } from '../respond.ts'
import { type Exchange, keyOfExchange } from './exchange.ts'
import { contextOf } from './write.ts'

/** How often others may change the pod or its budget between our look and our write. */
const RACES_MAX = 20

/**
 * `POST pods/x/eviction`: an orderly deletion that a PodDisruptionBudget may refuse.
 *
 * @throws StatusError 429 with the cause DisruptionBudget; 409 when the pod or its budget never stays as it is.
 * @see Source: policy/v1 Eviction.
 */
export async function evict(exchange: Exchange): Promise<Response> {
  const { c, deps, request } = exchange
  const expected = { kind: 'Eviction', version: 'v1' }
  const body = (await decodeObject(c.req.header('content-type'), await readBody(c, deps.env.clock), expected)).value as JsonObject
  const found = (body.metadata as JsonObject | null | undefined)?.name
  if (found !== undefined && found !== '' && found !== request.name) throw badRequest('name in URL does not match name in Eviction object')
  const options = (body.deleteOptions ?? {}) as JsonObject
  const warnings = new Warnings()
  const dryRun = Array.isArray(options.dryRun) ? options.dryRun.map(String) : []
  const eviction = {
    exchange,
    key: keyOfExchange(exchange),
    deletion: deleteRequest(new URLSearchParams(), options),
    context: contextOf(exchange, 'DeleteOptions', warnings, undefined, dryRun),
  }
  const plan = await again(eviction, async () => {
    const found = await spend(eviction)
    if (found.type === 'delete' && found.exactly) await remove(eviction, found.pod)
    return found
  })
  await finish(eviction, plan)
  return respondJson(c, successBody(), 201, warnings.headers())
}

interface Eviction {
  readonly exchange: Exchange
  readonly key: ObjectKey
  readonly deletion: DeleteRequest
  readonly context: WriteContext
}

type Spent = EvictionPlan & { readonly pod: Pod }

/** Repeats what lost a race, unless the client has told which state of the pod it means. */
async function again<T>({ deletion }: Eviction, act: () => Promise<T>): Promise<T> {
  for (let left = isPinned(deletion) ? 1 : RACES_MAX; ; left--) {
    try {
      return await act()
    } catch (error) {
      if (left <= 1 || !isReason(error, 'Conflict')) throw error
    }
  }
}

const isPinned = ({ preconditions }: DeleteRequest): boolean => preconditions?.resourceVersion !== undefined

/** Decides, and takes the eviction from the budget. @throws StatusError 409 when the budget changed meanwhile. */
async function spend({ exchange, key, deletion, context }: Eviction): Promise<Spent> {
  const { deps, resource, namespace } = exchange
  // what the deletion would be refused for must not cost the budget anything
  await deps.resources.delete(resource, key, deletion, { ...context, dryRun: true })
  const pod = (await deps.resources.get(resource, key)) as Pod
  const all = await deps.resources.list(podDisruptionBudgets, { namespace: namespace!, labels: [], fields: [], limit: 0 })
  const plan = planEviction(pod, all.items as readonly PodDisruptionBudget[], deps.env.clock.nowMs())
  if (plan.type === 'spend' && !context.dryRun)
    await deps.resources.update(
      podDisruptionBudgets,
      keyOf(plan.budget),
      asBody({ ...plan.budget, status: plan.status }),
      ours(context),
      'status',
    )
  return { ...plan, pod }
}

async function finish(eviction: Eviction, plan: Spent): Promise<void> {
  if (plan.type === 'delete' && plan.exactly) return
  if (plan.type !== 'delete-unready') {
    await again(eviction, async () => mark(eviction, undefined))
    return remove(eviction, undefined)
  }
  try {
    await remove(eviction, await mark(eviction, plan.pod))
  } catch (error) {
    throw isReason(error, 'Conflict') && !isPinned(eviction.deletion) ? stillProcessed(plan.budgetName) : error
  }
}

/** @param exactly Only this state of the pod. @throws StatusError 409 when it is not what it was. */
async function remove({ exchange, key, deletion, context }: Eviction, exactly: KubeObject | undefined): Promise<void> {
  const { deps, resource } = exchange
  const preconditions = {
    ...(exactly && !context.dryRun && { resourceVersion: exactly.metadata.resourceVersion }),
    ...deletion.preconditions,
  }
  await deps.resources.delete(resource, key, { ...deletion, preconditions }, context)
}

/** Says in the pod's status why it goes, for those who look while it does. @param exactly As for `remove`. */
async function mark({ exchange, key, deletion, context }: Eviction, exactly: Pod | undefined): Promise<Pod> {
  const { deps, resource } = exchange
  const pod = exactly ?? ((await deps.resources.get(resource, key)) as Pod)
  if (context.dryRun || isPinned(deletion) || isTerminal(pod) || pod.metadata.deletionTimestamp !== undefined) return pod
  const target = { type: 'DisruptionTarget', status: 'True' as const, reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' }
  const conditions = withCondition(pod.status?.conditions, target, timestamp(deps.env.clock.nowMs()))
  return (await deps.resources.update(resource, key, asBody({ ...pod, status: { ...pod.status, conditions } }), context, 'status')) as Pod
}

/** What the client did not write itself is not put down to it. */
const ours = (context: WriteContext): WriteContext => ({ ...context, fieldManager: 'bramble' })

const asBody = (object: object): JsonObject => object as JsonObject
