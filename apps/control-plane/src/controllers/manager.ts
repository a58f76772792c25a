import { type KubeObject, keyOf, type ObjectKey } from '@bramble/api/object'
import { backoffMs } from '@bramble/reconcile/backoff'
import { WorkQueue } from '@bramble/reconcile/work-queue'
import type { ClientEvent } from '../api/client.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import type { ControllerDefinition, ControllerDeps, Wake } from './controller.ts'
import type { EventSource } from './events.ts'

const REWATCH_MIN_MS = 50
const REWATCH_MAX_MS = 5_000
/** A watch that breaks this often without delivering anything will not come back. */
const WATCH_FAILURES_MAX = 12

/**
 * Runs every controller until `signal` aborts: one queue each, one watch per kind for all of them together.
 *
 * A watch that ends or breaks is opened again with back-off, and whatever happened meanwhile is caught up by waking
 * every key. Rejects, and stops the others, when a watch or a controller fails for good: a half-alive control plane lies.
 */
export async function runControllers(
  definitions: readonly ControllerDefinition[],
  deps: Omit<ControllerDeps, 'events'> & { readonly events: EventSource },
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  const queues = definitions.map((definition) => ({
    definition,
    queue: new WorkQueue<ObjectKey>(deps.env.clock, deps.env.log.child({ controller: definition.name })),
  }))

  const watching = watchKinds(queues, deps, stop)
  const working = queues.map(({ definition, queue }) =>
    queue.run(definition.create({ ...deps, events: deps.events.as(definition.component ?? `${definition.name}-controller`) }), {
      concurrency: definition.concurrency,
      signal: stop,
    }),
  )

  const services = [watching, ...working]
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

/** Watches every kind that wakes anybody; kinds that come are watched from then on, those that go are not any more. */
async function watchKinds(
  queues: readonly Running[],
  deps: Pick<ControllerDeps, 'client' | 'kinds' | 'env'>,
  signal: AbortSignal,
): Promise<void> {
  const open = new Map<string, AbortController>()
  const { promise: failure, reject: fail } = Promise.withResolvers<never>()
  const running = new Set<Promise<void>>()

  const follow = (): void => {
    const wanted = wantedKinds(queues, deps)
    for (const [id, ended] of [...open]) {
      if (wanted.has(id)) continue
      ended.abort()
      open.delete(id)
    }
    for (const [id, resource] of wanted) {
      if (open.has(id)) continue
      const ended = new AbortController()
      open.set(id, ended)
      const watch = watchKind(resource, queues, deps, AbortSignal.any([signal, ended.signal])).catch(fail)
      running.add(watch)
      void watch.finally(() => running.delete(watch))
    }
    for (const { definition, queue } of queues) for (const key of definition.keysOfKinds?.(deps.kinds) ?? []) queue.add(key)
  }

  follow()
  const stopFollowing = deps.kinds.onChange(follow)
  try {
    await Promise.race([failure, aborted(signal)])
  } finally {
    stopFollowing()
    for (const ended of open.values()) ended.abort()
    await Promise.allSettled(running)
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })

const idOf = ({ group, plural }: ResourceDefinition): string => `${group}/${plural}`

function wantedKinds(queues: readonly Running[], { kinds }: Pick<ControllerDeps, 'kinds'>): ReadonlyMap<string, ResourceDefinition> {
  const definitions = queues.map(({ definition }) => definition)
  const named = definitions.flatMap(({ primary, wakes }) => [primary, ...wakes.map(({ resource }) => resource)])
  const stored = kinds.stored().filter((resource) => definitions.some((definition) => definition.wakeOf?.(resource)))
  return new Map([...named, ...stored].map((resource) => [idOf(resource), resource]))
}

type Listener = (event: ClientEvent<KubeObject>) => void

function listenersOf(
  resource: ResourceDefinition,
  queues: readonly Running[],
  { client }: Pick<ControllerDeps, 'client'>,
): readonly Listener[] {
  const id = idOf(resource)
  return queues.flatMap(({ definition, queue }) => {
    const dynamic = definition.wakeOf?.(resource)
    const wakes = [...definition.wakes.filter((wake) => idOf(wake.resource) === id), ...(dynamic ? [dynamic] : [])]
    const wakeUp =
      ({ keys }: Wake): Listener =>
      (event) => {
        for (const key of keys(event, client)) queue.add(key)
      }
    const primary: Listener = (event) => queue.add(keyOf(event.object))
    return [...(idOf(definition.primary) === id ? [primary] : []), ...wakes.map(wakeUp)]
  })
}

async function watchKind(
  resource: ResourceDefinition,
  queues: readonly Running[],
  deps: Pick<ControllerDeps, 'client' | 'env'>,
  signal: AbortSignal,
): Promise<void> {
  const { client, env } = deps
  const listeners = listenersOf(resource, queues, deps)
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
