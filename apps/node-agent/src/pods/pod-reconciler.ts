import type { Pod } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { Signal } from '@bramble/reconcile/signal'
import { WorkQueue } from '@bramble/reconcile/work-queue'
import type { Runtime, SandboxState } from '../runtime/runtime.ts'
import { podText } from './container-status.ts'
import { containerNamed } from './containers.ts'
import type { ConfigSource, PodFacts } from './environment.ts'
import { PodEvents } from './events.ts'
import { portsTaken } from './host-ports.ts'
import type { ImagePulls } from './images/image-pulls.ts'
import { type ImageSettings, makePulls } from './images/make-pulls.ts'
import { ContainerStops } from './lifecycle/container-stops.ts'
import { type HookMarks, MemoryHookMarks } from './lifecycle/hook-marks.ts'
import { PostStarts } from './lifecycle/post-starts.ts'
import { deadlineMs } from './lifecycle/deadline.ts'
import type { ContainerLogs, LogLookup } from './logs.ts'
import { planPod, type Step } from './plan.ts'
import { configVersion, type PodFiles } from './pod-files.ts'
import { shutDownPods } from './node-shutdown.ts'
import type { PodMemory } from './pod-memory.ts'
import { PodTable } from './pod-table.ts'
import { hasEnded, outcomeOf } from './pod-view.ts'
import type { PodPolicy } from './pod-policy.ts'
import type { ProbeDialer } from './probes/probe-dialer.ts'
import { Probes } from './probes/probes.ts'
import { type Eviction, type Rejection, SHUTTING_DOWN } from './rejection.ts'
import { Resizes } from './resize/resizes.ts'
import { PodSteps } from './steps.ts'
import type { PodLookup, SeenPod } from './streams/pod-lookup.ts'
import { Telling } from './telling.ts'

export interface PodReconcilerParts {
  readonly env: Env
  readonly nodeName: string
  readonly runtime: Runtime
  readonly files: PodFiles
  readonly dialer: ProbeDialer
  /** What pods refer to; looked up when it is needed. */
  readonly source: ConfigSource
  /** What this node is, as far as pods are concerned; may change. */
  readonly node: () => NodeFacts
  readonly logFolder: string
  readonly send: (report: StatusReport) => void
  /**
   * Remembers over a crash that pods leave. Awaited before anything of one is taken down: else an agent that dies then would
   * start the pod again from what it remembered. Never rejects.
   */
  readonly beforeLeaving?: () => Promise<void>
  readonly images?: ImageSettings
  readonly policy?: PodPolicy
  /** Which hooks are done; default: known until the agent ends. */
  readonly hookMarks?: HookMarks
  /** Asked before a pod's first sandbox is made. @returns why the node does not take it in. */
  readonly admit?: (pod: Pod) => Rejection | undefined
  /** The node has pods of its own: nothing is a leftover before {@link PodReconciler.assignStatic} has named them. */
  readonly hasStaticPods?: boolean
}

export interface NodeFacts {
  readonly hostname: string
  /** '' while it is not known. */
  readonly hostIp: string
  readonly memoryBytes: number
  readonly allocatable: PodFacts['allocatable']
}

const CONCURRENCY = 6
/** Rarely: it wakes the runtime's service, which is gone while nobody asks. */
const RELIST_MS = 300_000
/** How often a resize that found no room is tried again, should nobody have noticed that some became free. */
const RESIZE_RETRY_MS = 180_000
/** More looks at one pod in a row are a mistake in a plan, or a runtime that contradicts itself. */
const PASSES_MAX = 30
const RUNTIME_RETRY_MS = 2_000

/**
 * Keeps the pods of this node as they should be: looks, plans, acts, tells. Woken by what is assigned, by the runtime's hints and by
 * probes; now and then it compares everything, in case a hint was lost.
 */
export class PodReconciler implements Reconciler<string>, LogLookup, PodLookup {
  readonly #parts: PodReconcilerParts
  readonly #queue: WorkQueue<string>
  readonly #pods: PodTable
  readonly #events: PodEvents
  readonly #pulls: ImagePulls
  readonly #probes: Probes
  readonly #postStarts: PostStarts
  readonly #resizes: Resizes
  readonly #telling: Telling
  readonly #steps: PodSteps
  readonly #looked = new Signal()
  #isShuttingDown = false

  constructor(parts: PodReconcilerParts) {
    const { env, runtime, files, source, logFolder, nodeName, node, dialer } = parts
    const wake = (podUid: string): void => this.#queue.add(podUid)
    const hostIp = (): string => node().hostIp
    this.#parts = parts
    this.#queue = new WorkQueue(env.clock, env.log)
    this.#pods = new PodTable({ send: parts.send, wake, source, hasStaticPods: parts.hasStaticPods ?? false })
    const send = (report: StatusReport): void => this.#pods.send(report)
    this.#events = new PodEvents(env, nodeName, parts.send)
    const events = this.#events
    this.#pulls = makePulls(
      { images: runtime, env, events, secret: (namespace, name) => source.secret(namespace, name), wake, memoryBytes: node().memoryBytes },
      parts.images,
    )
    this.#probes = new Probes({ env, runtime, dialer, events, hostIp, wake })
    this.#postStarts = new PostStarts({ env, runtime, dialer, events, hostIp, wake, marks: parts.hookMarks ?? new MemoryHookMarks() })
    this.#resizes = new Resizes({ env, events, allocatable: () => node().allocatable, all: () => this.#pods.all(), wake })
    this.#telling = new Telling({ env, events, probes: this.#probes, runtimeName: runtime.name, hostIp, send })
    this.#steps = new PodSteps({
      env,
      runtime,
      files,
      events,
      pulls: this.#pulls,
      stops: new ContainerStops({ env, runtime, dialer, events, hostIp, wake }),
      postStarts: this.#postStarts,
      resizes: this.#resizes,
      source,
      facts: (podIp) => ({ nodeName, hostIp: hostIp(), podIp: podIp ?? hostIp(), allocatable: node().allocatable }),
      logFolder,
      nodeMemoryBytes: () => node().memoryBytes,
      hostname: () => node().hostname,
      ...(parts.policy && { policy: parts.policy }),
    })
  }

  /** All pods that this node shall run, whole state. Also to be called when only ConfigMaps or Secrets changed. */
  assign(pods: readonly Pod[]): void {
    for (const memory of this.#pods.assign(pods)) this.#telling.repeat(memory) // what had no mirror so far
  }

  /** All pods of the node's own folder, whole state. They run whether or not anything was assigned. */
  assignStatic(pods: readonly Pod[]): void {
    this.#pods.assignStatic(pods)
  }

  /** What somebody else has to say of a pod, under the uid that the API knows; undefined while the API does not know the pod. */
  translate(report: StatusReport): StatusReport | undefined {
    return this.#pods.mirrors.translate(report)
  }

  /** Looks at every pod again, at once: what kept it may be over. */
  wakeAll(): void {
    for (const memory of this.#pods.all()) {
      memory.forgetProblems()
      this.#queue.add(memory.pod.metadata.uid)
    }
    this.#resizes.retry()
  }

  /** Tells all statuses again, as to a server that may have judged otherwise meanwhile. */
  tellAll(): void {
    for (const memory of this.#pods.all()) this.#telling.repeat(memory)
    this.#pods.mirrors.sync()
  }

  /** Ends a pod before its time; one that is not here or has ended is left alone. */
  evict(podUid: string, { reason, message, graceMs, disruption = 'TerminationByKubelet' }: Eviction): void {
    const memory = this.#pods.find(podUid)
    if (!memory || memory.isLeaving || memory.outcome) return
    memory.outcome = { phase: 'Failed', reason, message }
    memory.outcomeGraceMs = graceMs
    if (disruption !== false) memory.disruption = { reason: disruption, message }
    this.#queue.add(memory.pod.metadata.uid)
  }

  /**
   * The node goes down: takes in no pod from now on and ends those that run, ordinary ones first, each group within its period.
   * @returns names of pods that did not end in time.
   */
  shutDown(graceMs: number, criticalGraceMs: number, signal: AbortSignal): Promise<readonly string[]> {
    this.#isShuttingDown = true
    const { clock } = this.#parts.env
    const evict = (podUid: string, eviction: Eviction): void => this.evict(podUid, eviction)
    return shutDownPods({ clock, all: () => this.#pods.all(), evict, looked: this.#looked }, graceMs, criticalGraceMs, signal)
  }

  /** Works until `signal` aborts. What runs goes on running then. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await Promise.all([
        this.#queue.run(this, { concurrency: CONCURRENCY, signal }),
        this.#followHints(signal),
        this.#relist(signal),
        this.#retryResizes(signal),
      ])
    } finally {
      this.#probes.stopAll()
    }
  }

  async reconcile(podUid: string, signal: AbortSignal): Promise<Outcome> {
    const { env } = this.#parts
    const memory = this.#pods.get(podUid)
    if (!memory) return SETTLED
    if (memory.gone) return this.#leave(memory)
    if (this.#pods.waitsForPredecessor(memory)) return SETTLED // woken when it is gone
    await this.#refreshConfig(memory, signal)
    await this.#rememberLeaving(memory)
    let mustLook = true
    for (let pass = 0; pass < PASSES_MAX; pass++) {
      if (mustLook && !(await this.#look(memory))) return { againInMs: RUNTIME_RETRY_MS }
      this.#admit(memory)
      this.#resizes.look(memory)
      const untilDeadlineMs = this.#checkDeadline(memory)
      const { uid } = memory.pod.metadata
      const nowMs = env.clock.monotonicMs()
      const view = memory.view({ images: this.#pulls.progressOf(uid), probes: this.#probes.verdicts(uid), nowMs })
      const plan = planPod(view)
      memory.outcome ??= outcomeOf(view)
      this.#resizes.conclude(memory)
      const quietMs = this.#telling.tell(memory, view, plan)
      if (plan.steps.length === 0) await this.#empty(memory)
      if (plan.steps.length === 0) return soonest(plan.againInMs, untilDeadlineMs, quietMs)
      for (const step of plan.steps) if (!(await this.#steps.perform(step, memory, signal))) break
      if (memory.gone) return this.#leave(memory)
      mustLook = plan.steps.some(changesRuntime)
    }
    env.log.warn('a pod does not settle', { pod: podText(memory), passes: PASSES_MAX })
    return { againInMs: RUNTIME_RETRY_MS }
  }

  // ── LogLookup ─────────────────────────────────────────────────────────────

  containers(podUid: string): readonly ContainerLogs[] | undefined {
    return this.#pods.logsOf(podUid)
  }

  change(podUid: string): Signal {
    return this.#pods.find(podUid)?.change ?? new Signal()
  }

  // ── PodLookup ─────────────────────────────────────────────────────────────

  seen(podUid: string): SeenPod | undefined {
    const memory = this.#pods.find(podUid)
    if (!memory || memory.gone) return undefined
    const { pod, status, sandbox } = memory
    return { pod, ...(status && { status }), ...(sandbox && { sandbox }) }
  }

  all(): readonly SeenPod[] {
    return this.#pods
      .all()
      .map(({ pod }) => this.seen(pod.metadata.uid))
      .filter((seen) => seen !== undefined)
  }

  /** Content of volumes follows what they come from, also while the pod runs. */
  async #refreshConfig(memory: PodMemory, signal: AbortSignal): Promise<void> {
    const version = configVersion(memory.pod, this.#parts.source)
    if (version === memory.configVersion) return
    memory.configVersion = version
    memory.forgetProblems()
    if (memory.prepared && !memory.isLeaving) await this.#steps.prepare(memory, signal)
  }

  async #rememberLeaving(memory: PodMemory): Promise<void> {
    if (memory.isLeaving && !memory.leavingIsSaved) await this.#parts.beforeLeaving?.()
    memory.leavingIsSaved = memory.isLeaving
  }

  async #look(memory: PodMemory): Promise<boolean> {
    let sandboxes: readonly SandboxState[]
    try {
      sandboxes = await this.#parts.runtime.observe(memory.pod.metadata.uid)
    } catch (error) {
      this.#parts.env.log.warn('the container runtime does not answer; trying again', { runtime: this.#parts.runtime.name, error })
      return false
    }
    for (const id of memory.observe(sandboxes, this.#parts.env.clock.monotonicMs())) await this.#postStarts.forget(id)
    await this.#postStarts.recall(memory)
    for (const state of sandboxes.flatMap(({ containers }) => containers)) {
      if (!hasEnded(memory, state) || memory.terminationMessages.has(state.id)) continue
      const container = containerNamed(memory.pod, state.name)
      if (container) memory.terminationMessages.set(state.id, await this.#parts.files.terminationMessage(memory.pod, container, state))
    }
    this.#probes.sync(memory)
    memory.change.notify()
    this.#looked.notify()
    return true
  }

  /** A pod that has no sandbox yet may be refused, once. */
  #admit(memory: PodMemory): void {
    if (memory.isAdmitted) return
    memory.isAdmitted = true
    if (memory.sandboxes.length > 0 || memory.isLeaving || memory.outcome) return
    const others = this.#pods.all().filter((each) => each !== memory && each.isAdmitted && !each.isLeaving && !each.outcome)
    const beside = others.map(({ pod }) => pod)
    const rejection = this.#isShuttingDown ? SHUTTING_DOWN : (this.#parts.admit?.(memory.pod) ?? portsTaken(memory.pod, beside))
    if (!rejection) return
    memory.outcome = { phase: 'Failed', reason: rejection.reason, message: `Pod was rejected: ${rejection.message}` }
    this.#events.record(memory.pod, 'Warning', rejection.reason, rejection.message)
  }

  /** @returns how long the pod may still be active; undefined when it has no deadline. */
  #checkDeadline(memory: PodMemory): number | undefined {
    if (memory.outcome) return undefined
    const leftMs = deadlineMs(memory, this.#parts.env.clock.nowMs())
    if (leftMs === undefined || leftMs > 0) return leftMs
    const message = 'Pod was active on the node longer than the specified deadline'
    memory.outcome = { phase: 'Failed', reason: 'DeadlineExceeded', message }
    this.#events.record(memory.pod, 'Normal', 'DeadlineExceeded', message)
    return undefined
  }

  /** Nobody reads what is in the emptyDir volumes of a pod that has ended. Source: kubelet, desired state of volumes of terminated pods. */
  async #empty(memory: PodMemory): Promise<void> {
    if (!memory.outcome || memory.isEmptied) return
    memory.isEmptied = true
    await this.#parts.files.removeEmptyDirs(memory.pod).catch((error: unknown) => {
      memory.isEmptied = false
      this.#parts.env.log.warn('emptyDir volumes of an ended pod could not be removed', { pod: podText(memory), error })
    })
  }

  /** Everything of the pod is gone here: say so, as often as it is asked. */
  #leave(memory: PodMemory): Outcome {
    const { uid } = memory.pod.metadata
    this.#probes.stop(uid)
    this.#pulls.forget(uid)
    memory.change.notify()
    if (memory.orphaned) this.#pods.remove(memory)
    else this.#telling.gone(memory)
    this.#resizes.retry()
    return SETTLED
  }

  async #followHints(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const { podUid } of this.#parts.runtime.hints(signal)) if (this.#pods.get(podUid)) this.#queue.add(podUid)
      } catch (error) {
        this.#parts.env.log.warn('the runtime gives no hints; looking again later', { error })
      }
      await this.#parts.env.clock.sleep(RUNTIME_RETRY_MS, signal)
    }
  }

  /** The safety net, and how leftovers are found. */
  async #relist(signal: AbortSignal): Promise<void> {
    await this.#pods.untilKnown(signal)
    while (!signal.aborted) {
      try {
        this.#pods.compare(await this.#parts.runtime.observe())
        await this.#parts.files.removeUnknown((uid) => this.#pods.get(uid) !== undefined)
      } catch (error) {
        this.#parts.env.log.warn('what runs on this node could not be listed', { error })
      }
      await this.#parts.env.clock.sleep(RELIST_MS * (0.75 + this.#parts.env.random() / 2), signal)
    }
  }

  async #retryResizes(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#parts.env.clock.sleep(RESIZE_RETRY_MS, signal)
      this.#resizes.retry()
    }
  }
}

/** Those that go on in the background change nothing at once. */
const changesRuntime = ({ type }: Step): boolean =>
  !['prepare', 'get-image', 'post-start', 'update-container', 'update-sandbox'].includes(type)

const soonest = (...times: readonly (number | undefined)[]): Outcome => {
  const againInMs = Math.min(...times.map((ms) => ms ?? Infinity))
  return againInMs === Infinity ? SETTLED : { againInMs }
}
