import { type KubeObject, keyOf, type ObjectKey } from '@bramble/api/object'
import { backoffMs } from '@bramble/reconcile/backoff'
import { WorkQueue } from '@bramble/reconcile/work-queue'
import type { ClientEvent } from '../api/client.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import type { ControllerDefinition, ControllerDeps } from './controller.ts'

const REWATCH_MIN_MS = 50
const REWATCH_MAX_MS = 5_000
/** A watch that breaks this often without delivering anything will not come back. */
const WATCH_FAILURES_MAX = 12

type Listener = (event: ClientEvent<KubeObject>) => void

/**
 * Runs every controller until `signal` aborts: one queue each, one watch per kind for all of them together.
 *
 * A watch that ends or breaks is opened again with back-off, and whatever happened meanwhile is caught up by waking
 * every key. Rejects, and stops the others, when a watch or a controller fails for good: a half-alive control plane lies.
 */
export async function runControllers(
  definitions: readonly ControllerDefinition[],
  deps: ControllerDeps,
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  const queues = definitions.map((definition) => ({
    definition,
    queue: new WorkQueue<ObjectKey>(deps.env.clock, deps.env.log.child({ controller: definition.name })),
  }))

  const watching = [...listenersByKind(queues, deps)].map(([resource, listeners]) => watchKind(resource, listeners, queues, deps, stop))
  const working = queues.map(({ definition, queue }) =>
    queue.run(definition.create(deps), { concurrency: definition.concurrency, signal: stop }),
  )

  const services = [...watching, ...working]
  try {
    await Promise.all(services)
  } catch (error) {
    failed.abort()
    await Promise.allSettled(services)
    throw error
  }
}

interface Running {
  readonly definition: ControllerDefinition
  readonly queue: WorkQueue<ObjectKey>
}

function listenersByKind(queues: readonly Running[], { client }: ControllerDeps): ReadonlyMap<ResourceDefinition, readonly Listener[]> {
  const listeners = new Map<ResourceDefinition, Listener[]>()
  const listen = (resource: ResourceDefinition, listener: Listener): void => {
    listeners.set(resource, [...(listeners.get(resource) ?? []), listener])
  }
  for (const { definition, queue } of queues) {
    listen(definition.primary, (event) => queue.add(keyOf(event.object)))
    for (const { resource, keys } of definition.wakes)
      listen(resource, (event) => {
        for (const key of keys(event, client)) queue.add(key)
      })
  }
  return listeners
}

async function watchKind(
  resource: ResourceDefinition,
  listeners: readonly Listener[],
  queues: readonly Running[],
  { client, env }: ControllerDeps,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    try {
      for await (const event of client.watch(resource, signal)) {
        failures = 0
        for (const listener of listeners) listener(event)
      }
      failures++
    } catch (error) {
      failures++
      env.log.warn('watch broke, opening it again', { kind: resource.kind, failures, error })
      if (failures >= WATCH_FAILURES_MAX) throw error
    }
    if (signal.aborted) return
    await env.clock.sleep(backoffMs(failures, REWATCH_MIN_MS, REWATCH_MAX_MS, env.random), signal)
    for (const { definition, queue } of queues) // what was deleted between two watches sent no event
      for (const object of client.list(definition.primary)) queue.add(keyOf(object))
  }
}
