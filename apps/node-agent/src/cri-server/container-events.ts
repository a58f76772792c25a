import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Clock, Log } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import { type ContainerEventResponseSchema, ContainerEventType as Type } from '../runtime/cri/grpc/api_pb.js'
import type { Runtime } from '../runtime/runtime.ts'
import { containerStatus, nanoseconds, sandboxStatus } from './convert-status.ts'
import type { PodSeen, PodsSeen } from './pods-seen.ts'
import { CriProblem } from './problem.ts'

type Event = MessageInitShape<typeof ContainerEventResponseSchema>
type Known = 'created' | 'running' | 'exited'

const WAITING_MAX = 1_000
const AGAIN_MS = 1_000

interface Watcher {
  readonly waiting: Event[]
  readonly change: Signal
  isLate: boolean
}

/** What happens to containers, for those who listen; nothing is looked at while nobody does. */
export class ContainerEvents {
  readonly #runtime: Runtime
  readonly #pods: PodsSeen
  readonly #clock: Clock
  readonly #log: Log
  readonly #watchers = new Set<Watcher>()
  readonly #known = new Map<string, Map<string, Known>>()
  #stop: AbortController | undefined

  constructor(runtime: Runtime, pods: PodsSeen, clock: Clock, log: Log) {
    this.#runtime = runtime
    this.#pods = pods
    this.#clock = clock
    this.#log = log
  }

  /** From now on, until `signal` aborts. @throws CriProblem when the caller reads too slowly. */
  async *listen(signal: AbortSignal): AsyncIterable<Event> {
    const watcher: Watcher = { waiting: [], change: new Signal(), isLate: false }
    if (this.#watchers.size === 0) await this.#begin()
    this.#watchers.add(watcher)
    try {
      while (!signal.aborted) {
        if (watcher.isLate) throw new CriProblem('resourceExhausted', `more than ${WAITING_MAX} events wait to be read`)
        const event = watcher.waiting.shift()
        if (event) yield event
        else await watcher.change.wait(signal)
      }
    } finally {
      this.#watchers.delete(watcher)
      if (this.#watchers.size === 0) this.#end()
    }
  }

  /** Something may have changed in a sandbox. */
  async look(sandboxId: string): Promise<void> {
    if (this.#watchers.size === 0) return
    try {
      this.#compare(sandboxId, await this.#pods.one(sandboxId))
    } catch (error) {
      this.#log.warn('a sandbox cannot be looked at; its events come later', { sandbox: sandboxId, error })
    }
  }

  async #begin(): Promise<void> {
    this.#stop?.abort()
    const stop = new AbortController()
    this.#stop = stop
    this.#known.clear()
    for (const pod of await this.#pods.all()) this.#known.set(pod.record.id, statesOf(pod))
    void this.#follow(stop.signal)
  }

  #end(): void {
    this.#stop?.abort()
    this.#stop = undefined
    this.#known.clear()
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const { podUid } of this.#runtime.hints(signal)) await this.look(podUid)
      } catch (error) {
        if (!signal.aborted) this.#log.warn('events of the runtime are lost; trying again', { error })
      }
      await this.#clock.sleep(AGAIN_MS, signal)
    }
  }

  #compare(sandboxId: string, pod: PodSeen | undefined): void {
    const before = this.#known.get(sandboxId) ?? new Map<string, Known>()
    const now = pod ? statesOf(pod) : new Map<string, Known>()
    if (pod) this.#known.set(sandboxId, now)
    else this.#known.delete(sandboxId)
    for (const [id, state] of now) for (const type of between(before.get(id), state)) this.#tell(id, type, pod)
    for (const id of before.keys()) if (!now.has(id)) this.#tell(id, Type.CONTAINER_DELETED_EVENT, pod)
  }

  #tell(containerId: string, containerEventType: Type, pod: PodSeen | undefined): void {
    const event: Event = {
      containerId,
      containerEventType,
      createdAt: nanoseconds(this.#clock.nowMs()),
      ...(pod && { podSandboxStatus: sandboxStatus(pod), containersStatuses: pod.containers.map(containerStatus) }),
    }
    for (const watcher of this.#watchers) {
      if (watcher.waiting.length >= WAITING_MAX) watcher.isLate = true
      else watcher.waiting.push(event)
      watcher.change.notify()
    }
  }
}

const statesOf = ({ containers }: PodSeen): Map<string, Known> => new Map(containers.map(({ state }) => [state.id, state.state]))

const STEPS: readonly { readonly state: Known; readonly type: Type }[] = [
  { state: 'created', type: Type.CONTAINER_CREATED_EVENT },
  { state: 'running', type: Type.CONTAINER_STARTED_EVENT },
  { state: 'exited', type: Type.CONTAINER_STOPPED_EVENT },
]

/** All that came to pass from one look to the next, in order. */
function between(before: Known | undefined, now: Known): readonly Type[] {
  const from = before === undefined ? 0 : STEPS.findIndex(({ state }) => state === before) + 1
  return STEPS.slice(from, STEPS.findIndex(({ state }) => state === now) + 1).map(({ type }) => type)
}
