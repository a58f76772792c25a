import { timestamp } from '@bramble/api/duration'
import type { Pod } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { Signal } from '@bramble/reconcile/signal'
import { WorkQueue } from '@bramble/reconcile/work-queue'
import type { Runtime, SandboxState } from '../runtime/runtime.ts'
import { backOffMessage, podText } from './container-status.ts'
import type { ConfigSource, PodFacts } from './environment.ts'
import { PodEvents } from './events.ts'
import type { ImagePulls } from './images/image-pulls.ts'
import { type ImageSettings, makePulls } from './images/make-pulls.ts'
import type { ContainerLogs, LogLookup } from './logs.ts'
import { planPod, type PodPlan, type Step } from './plan.ts'
import { configVersion, type PodFiles } from './pod-files.ts'
import { PodMemory } from './pod-memory.ts'
import { hasEnded, outcomeOf, type PodView } from './pod-view.ts'
import type { ProbeDialer } from './probes/probe-dialer.ts'
import { Probes } from './probes/probes.ts'
import { podStatus } from './status.ts'
import { PodSteps } from './steps.ts'
import type { PodLookup, SeenPod } from './streams/pod-lookup.ts'

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
  readonly #pods = new Map<string, PodMemory>()
  readonly #events: PodEvents
  readonly #pulls: ImagePulls
  readonly #probes: Probes
  readonly #steps: PodSteps
  /** Until something was assigned, nothing that runs may be taken for a leftover. */
  #isAssigned = false
  readonly #assignedOnce = new Signal()

  constructor(parts: PodReconcilerParts) {
    const { env, runtime, files, source, logFolder, nodeName, node } = parts
    const wake = (podUid: string): void => this.#queue.add(podUid)
    this.#parts = parts
    this.#queue = new WorkQueue(env.clock, env.log)
    this.#events = new PodEvents(env, nodeName, parts.send)
    this.#pulls = makePulls(
      {
        images: runtime,
        env,
        events: this.#events,
        secret: (namespace, name) => source.secret(namespace, name),
        wake,
        memoryBytes: node().memoryBytes,
      },
      parts.images,
    )
    this.#probes = new Probes({ env, runtime, dialer: parts.dialer, events: this.#events, hostIp: () => node().hostIp, wake })
    const facts = (podIp: string | undefined): PodFacts => ({
      nodeName,
      hostIp: node().hostIp,
      podIp: podIp ?? node().hostIp,
      allocatable: node().allocatable,
    })
    this.#steps = new PodSteps({
      env,
      runtime,
      files,
      events: this.#events,
      pulls: this.#pulls,
      source,
      facts,
      logFolder,
      wake,
      nodeMemoryBytes: () => node().memoryBytes,
      hostname: () => node().hostname,
    })
  }

  /** All pods that this node shall run, whole state. Also to be called when only ConfigMaps or Secrets changed. */
  assign(pods: readonly Pod[]): void {
    const wanted = new Map(pods.map((pod) => [pod.metadata.uid, pod]))
    for (const [uid, pod] of wanted) this.#assignOne(uid, pod)
    for (const [uid, memory] of this.#pods)
      if (!wanted.has(uid) && !memory.orphaned) {
        memory.orphaned = true
        this.#queue.add(uid)
      }
    this.#isAssigned = true
    this.#assignedOnce.notify()
  }

  /** Looks at every pod again, at once: what kept it may be over. */
  wakeAll(): void {
    for (const [uid, memory] of this.#pods) {
      memory.forgetProblems()
      this.#queue.add(uid)
    }
  }

  /** Tells all statuses again, as to a server that may have judged otherwise meanwhile. */
  tellAll(): void {
    for (const { pod, status, orphaned, gone } of this.#pods.values())
      if (status && !orphaned && !gone)
        this.#parts.send({
          type: 'pod-status',
          namespace: pod.metadata.namespace ?? '',
          name: pod.metadata.name,
          uid: pod.metadata.uid,
          status,
        })
  }

  /** Works until `signal` aborts. What runs goes on running then. */
  async run(signal: AbortSignal): Promise<void> {
    while (!this.#isAssigned && !signal.aborted) await this.#assignedOnce.wait(signal)
    try {
      await Promise.all([this.#queue.run(this, { concurrency: CONCURRENCY, signal }), this.#followHints(signal), this.#relist(signal)])
    } finally {
      this.#probes.stopAll()
    }
  }

  async reconcile(podUid: string, signal: AbortSignal): Promise<Outcome> {
    const memory = this.#pods.get(podUid)
    if (!memory) return SETTLED
    if (memory.gone) return this.#leave(podUid, memory)
    await this.#refreshConfig(memory, signal)
    await this.#rememberLeaving(memory)
    let mustLook = true
    for (let pass = 0; pass < PASSES_MAX; pass++) {
      if (mustLook && !(await this.#look(memory))) return { againInMs: RUNTIME_RETRY_MS }
      const deadlineMs = this.#checkDeadline(memory)
      const view = this.#view(memory)
      const plan = planPod(view)
      memory.outcome ??= outcomeOf(view)
      const quietMs = this.#tell(memory, view, plan)
      if (plan.steps.length === 0) return soonest(plan.againInMs, deadlineMs, quietMs)
      for (const step of plan.steps) if (!(await this.#steps.perform(step, memory, signal))) break
      if (memory.gone) return this.#leave(podUid, memory)
      mustLook = plan.steps.some(changesRuntime)
    }
    this.#parts.env.log.warn('a pod does not settle', { pod: podText(memory), passes: PASSES_MAX })
    return { againInMs: RUNTIME_RETRY_MS }
  }

  // ── LogLookup ─────────────────────────────────────────────────────────────

  containers(podUid: string): readonly ContainerLogs[] | undefined {
    const memory = this.#pods.get(podUid)
    if (!memory || memory.gone) return undefined
    const statuses = [...(memory.status?.containerStatuses ?? []), ...(memory.status?.initContainerStatuses ?? [])]
    return [...memory.pod.spec.containers, ...(memory.pod.spec.initContainers ?? [])].map(({ name }) => {
      const states = [...(memory.sandbox?.containers ?? []), ...memory.history.values()].filter(
        (state) => state.name === name && state.startedAtMs !== undefined,
      )
      const reason = statuses.find((status) => status.name === name)?.state?.waiting?.reason
      return {
        name,
        attempts: states.sort((a, b) => b.attempt - a.attempt).map(({ logPath, state }) => ({ logPath, running: state === 'running' })),
        ...(reason !== undefined && { waitingReason: reason }),
      }
    })
  }

  change(podUid: string): Signal {
    return this.#pods.get(podUid)?.change ?? new Signal()
  }

  // ── PodLookup ─────────────────────────────────────────────────────────────

  seen(podUid: string): SeenPod | undefined {
    const memory = this.#pods.get(podUid)
    if (!memory || memory.gone) return undefined
    const { pod, status, sandbox } = memory
    return { pod, ...(status && { status }), ...(sandbox && { sandbox }) }
  }

  all(): readonly SeenPod[] {
    return [...this.#pods.keys()].map((uid) => this.seen(uid)).filter((seen) => seen !== undefined)
  }

  #assignOne(uid: string, pod: Pod): void {
    const memory = this.#pods.get(uid)
    if (!memory) {
      this.#pods.set(uid, new PodMemory(pod))
      return this.#queue.add(uid)
    }
    const changed = memory.pod !== pod && memory.pod.metadata.resourceVersion !== pod.metadata.resourceVersion
    const wake = memory.orphaned || changed || configVersion(pod, this.#parts.source) !== memory.configVersion
    memory.pod = pod
    memory.orphaned = false
    if (wake) this.#queue.add(uid)
  }

  /** Content of volumes follows what they come from, also while the pod runs. */
  async #refreshConfig(memory: PodMemory, signal: AbortSignal): Promise<void> {
    const version = configVersion(memory.pod, this.#parts.source)
    if (version === memory.configVersion) return
    memory.configVersion = version
    memory.forgetProblems()
    if (memory.prepared && !memory.orphaned && !memory.pod.metadata.deletionTimestamp) await this.#steps.prepare(memory, signal)
  }

  async #rememberLeaving(memory: PodMemory): Promise<void> {
    const leaves = memory.orphaned || memory.pod.metadata.deletionTimestamp !== undefined
    if (leaves && !memory.leavingIsSaved) await this.#parts.beforeLeaving?.()
    memory.leavingIsSaved = leaves
  }

  async #look(memory: PodMemory): Promise<boolean> {
    let sandboxes: readonly SandboxState[]
    try {
      sandboxes = await this.#parts.runtime.observe(memory.pod.metadata.uid)
    } catch (error) {
      this.#parts.env.log.warn('the container runtime does not answer; trying again', { runtime: this.#parts.runtime.name, error })
      return false
    }
    memory.observe(sandboxes, this.#parts.env.clock.monotonicMs())
    for (const state of sandboxes.flatMap(({ containers }) => containers)) {
      if (!hasEnded(memory, state) || memory.terminationMessages.has(state.id)) continue
      const container = [...memory.pod.spec.containers, ...(memory.pod.spec.initContainers ?? [])].find(({ name }) => name === state.name)
      if (container) memory.terminationMessages.set(state.id, await this.#parts.files.terminationMessage(memory.pod, container, state))
    }
    this.#probes.sync(memory.pod, memory.sandbox)
    memory.change.notify()
    return true
  }

  /** @returns how long the pod may still be active; undefined when it has no deadline. */
  #checkDeadline(memory: PodMemory): number | undefined {
    const seconds = memory.pod.spec.activeDeadlineSeconds
    const start = memory.status?.startTime ?? memory.pod.status?.startTime
    if (seconds === undefined || start === undefined || memory.outcome) return undefined
    const leftMs = Date.parse(start) + seconds * 1000 - this.#parts.env.clock.nowMs()
    if (leftMs > 0) return leftMs
    memory.outcome = {
      phase: 'Failed',
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    }
    return undefined
  }

  #view(memory: PodMemory): PodView {
    const { uid } = memory.pod.metadata
    const { pod, orphaned, sandboxes, prepared, backoffs, endSeenAtMs, problems, failedStarts, stopping, history, outcome } = memory
    return {
      pod,
      orphaned,
      sandboxes,
      prepared,
      backoffs,
      endSeenAtMs,
      problems,
      failedStarts,
      stopping,
      history,
      ...(outcome && { outcome }),
      images: this.#pulls.progressOf(uid),
      probes: this.#probes.verdicts(uid),
      nowMs: this.#parts.env.clock.monotonicMs(),
    }
  }

  /** Sends the status when it changed. @returns how long it is still held back. */
  #tell(memory: PodMemory, view: PodView, plan: PodPlan): number | undefined {
    const { env, runtime, node, send } = this.#parts
    for (const [name, { delayMs }] of plan.crashLoops)
      if (
        memory.status?.containerStatuses?.find((status) => status.name === name)?.state?.waiting?.message !==
        backOffMessage(view, name, delayMs)
      )
        this.#events.record(memory.pod, 'Warning', 'BackOff', `Back-off restarting failed container ${name} in pod ${podText(view)}`, {
          name,
        })
    if (memory.orphaned) return undefined
    const quietMs = this.#probes.settlesInMs(memory.pod.metadata.uid)
    if (quietMs > 0) return quietMs
    const status = podStatus({
      view,
      crashLoops: plan.crashLoops,
      runtimeName: runtime.name,
      terminationMessages: memory.terminationMessages,
      previous: memory.status ?? memory.pod.status,
      hostIp: node().hostIp,
      nowMs: env.clock.nowMs(),
    })
    if (JSON.stringify(status) === JSON.stringify(memory.status)) return undefined
    memory.status = status
    const { namespace = '', name, uid } = memory.pod.metadata
    send({ type: 'pod-status', namespace, name, uid, status })
    return undefined
  }

  /** Everything of the pod is gone here: say so, as often as it is asked. */
  #leave(podUid: string, memory: PodMemory): Outcome {
    const { namespace = '', name, uid } = memory.pod.metadata
    this.#probes.stop(podUid)
    this.#pulls.forget(podUid)
    memory.change.notify()
    if (memory.orphaned) this.#pods.delete(podUid)
    else this.#parts.send({ type: 'pod-gone', namespace, name, uid })
    return SETTLED
  }

  async #followHints(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const { podUid } of this.#parts.runtime.hints(signal)) if (this.#pods.has(podUid)) this.#queue.add(podUid)
      } catch (error) {
        this.#parts.env.log.warn('the runtime gives no hints; looking again later', { error })
      }
      await this.#parts.env.clock.sleep(RUNTIME_RETRY_MS, signal)
    }
  }

  /** The safety net, and how leftovers are found. */
  async #relist(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#compare(await this.#parts.runtime.observe())
        await this.#parts.files.removeUnknown((uid) => this.#pods.has(uid))
      } catch (error) {
        this.#parts.env.log.warn('what runs on this node could not be listed', { error })
      }
      await this.#parts.env.clock.sleep(RELIST_MS * (0.75 + this.#parts.env.random() / 2), signal)
    }
  }

  #compare(sandboxes: readonly SandboxState[]): void {
    for (const sandbox of sandboxes) {
      if (this.#pods.has(sandbox.podUid)) continue
      const leftover = new PodMemory(podOf(sandbox))
      leftover.orphaned = true
      this.#pods.set(sandbox.podUid, leftover)
      this.#queue.add(sandbox.podUid)
    }
    for (const [uid, memory] of this.#pods)
      if (digest(sandboxes.filter(({ podUid }) => podUid === uid)) !== digest(memory.sandboxes)) this.#queue.add(uid)
  }
}

const changesRuntime = ({ type }: Step): boolean => type !== 'prepare' && type !== 'get-image'

const digest = (sandboxes: readonly SandboxState[]): string =>
  sandboxes
    .map(({ id, ready, containers }) => [id, ready, ...containers.map((state) => `${state.id}${state.state}`).sort()].join())
    .sort()
    .join(';')

const soonest = (...times: readonly (number | undefined)[]): Outcome => {
  const againInMs = Math.min(...times.map((ms) => ms ?? Infinity))
  return againInMs === Infinity ? SETTLED : { againInMs }
}

/** What is known of a pod that only its containers tell of. */
const podOf = ({ podUid, namespace, name, createdAtMs }: SandboxState): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, uid: podUid, resourceVersion: '', creationTimestamp: timestamp(createdAtMs) },
  spec: { containers: [] },
})
