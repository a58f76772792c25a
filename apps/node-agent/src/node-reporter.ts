import { timestamp } from '@bramble/api/duration'
import { cpuMillis, memoryBytes } from '@bramble/api/quantity'
import type { NodeCondition, NodeStatus } from '@bramble/api/types/node'
import type { StatusReport } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import type { DeviceCount } from './devices/plan.ts'
import { type NodeFindings, nodeLabels, nodeStatus, type NodeStatusSettings, type RuntimeStatus } from './node/node-status.ts'
import type { BoardReading } from './node/board/board.ts'
import { boardConditions, seenTroubles, type Troubles } from './node/board/conditions.ts'
import type { Inventory, SystemFacts, Usage } from './node/system-facts.ts'
import type { NodeFacts } from './pods/pod-reconciler.ts'
import type { RuntimeService } from './runtime/runtime.ts'

const LOOK_MS = 15_000
/** The usage goes over the link only this often: it is most of what an idle node says. */
const USAGE_MS = 60_000
/** Asking may start the runtime's service; while it is not ready it is asked at every look. */
const RUNTIME_MS = 300_000

export interface NodeReporterParts {
  readonly env: Env
  readonly facts: SystemFacts
  readonly runtime: Pick<RuntimeService, 'name' | 'status'>
  readonly settings: NodeStatusSettings
  readonly send: (report: StatusReport) => void
  /** Devices that pods may ask for, by resource name. */
  readonly devices?: () => Readonly<Record<string, DeviceCount>>
  /** Asked at each look. */
  readonly findings?: () => NodeFindings
}

/** Looks at the node again and again, and tells what changed. */
export class NodeReporter {
  readonly #parts: NodeReporterParts
  readonly #inventory: Inventory
  #usage: Usage
  #runtime: RuntimeStatus
  #runtimeAskedMs: number
  #usageSentMs = -Infinity
  #status: NodeStatus
  #podsNotReady: string | undefined
  #troubles: Troubles = {}

  private constructor(parts: NodeReporterParts, inventory: Inventory, usage: Usage, runtime: RuntimeStatus) {
    this.#parts = parts
    this.#inventory = inventory
    this.#usage = usage
    this.#runtime = runtime
    this.#runtimeAskedMs = parts.env.clock.monotonicMs()
    this.#status = this.#newStatus(undefined)
  }

  /** Finds out what the node is, which may take seconds. */
  static async create(parts: NodeReporterParts): Promise<NodeReporter> {
    const [inventory, usage, runtime] = await Promise.all([parts.facts.inventory(), parts.facts.usage(), parts.runtime.status()])
    return new NodeReporter(parts, inventory, usage, { name: parts.runtime.name, ...runtime })
  }

  /** Says from now on why no pod can run here. */
  async refusePods(why: string): Promise<void> {
    this.#podsNotReady = why
    await this.refresh()
  }

  /** Why no pod can run here; undefined when they can. */
  get notReady(): string | undefined {
    const ready = this.#status.conditions?.find(({ type }) => type === 'Ready')
    return ready?.status === 'True' ? undefined : (ready?.message ?? 'not known yet')
  }

  get cpuCount(): number {
    return this.#inventory.cpuCount
  }

  /** Busy processors between the last two looks, in thousandths of a core. */
  get cpuMillis(): number {
    return this.#usage.cpuMillis
  }

  /** undefined where nobody looks at the board. */
  board(): BoardReading | undefined {
    return this.#parts.facts.board?.read()
  }

  get nodeFacts(): NodeFacts {
    const { allocatable = {}, addresses = [] } = this.#status
    return {
      hostname: this.#inventory.hostname,
      hostIp: addresses.find(({ type }) => type === 'InternalIP')?.address ?? '',
      memoryBytes: this.#inventory.memoryBytes,
      allocatable: {
        cpuMillis: cpuMillis(allocatable.cpu),
        memoryBytes: memoryBytes(allocatable.memory),
        ephemeralStorageBytes: memoryBytes(allocatable['ephemeral-storage']),
      },
    }
  }

  /** Tells everything, as to a server that has forgotten. */
  tell(): void {
    const { settings, send } = this.#parts
    send({
      type: 'node-status',
      labels: nodeLabels(this.#inventory, settings),
      annotations: settings.annotations ?? {},
      status: this.#status,
    })
  }

  /** Looks, and tells what changed. */
  async refresh(): Promise<void> {
    if (await this.look()) this.tell()
  }

  /** @returns whether something other than the measured use has changed. */
  async look(): Promise<boolean> {
    this.#usage = await this.#parts.facts.usage()
    const next = this.#newStatus(this.#status)
    if (JSON.stringify(next) === JSON.stringify(this.#status)) return false
    this.#status = next
    return true
  }

  /** @param changed Called after something other than the measured use has changed. */
  async run(changed: () => void, signal: AbortSignal): Promise<void> {
    const { env, runtime } = this.#parts
    while (!signal.aborted) {
      const nowMs = env.clock.monotonicMs()
      if (!this.#runtime.ready || nowMs - this.#runtimeAskedMs >= RUNTIME_MS) {
        this.#runtime = { name: runtime.name, ...(await runtime.status()) }
        this.#runtimeAskedMs = nowMs
      }
      if (await this.look()) {
        this.tell()
        changed()
      }
      this.#tellUsage(nowMs)
      await env.clock.sleep(LOOK_MS * (0.9 + env.random() / 5), signal)
    }
  }

  #tellUsage(nowMs: number): void {
    if (nowMs - this.#usageSentMs < USAGE_MS) return
    this.#usageSentMs = nowMs
    const { atMs, windowMs, cpuMillis: used, memoryBytes: memory } = this.#usage
    this.#parts.send({ type: 'node-usage', atMs, windowMs, cpuMillis: used, memoryBytes: memory })
  }

  /** Equal to `before` when nothing changed: the time of a transition is when the status did. */
  #newStatus(before: NodeStatus | undefined): NodeStatus {
    const { env, settings } = this.#parts
    const status = withDevices(
      nodeStatus(
        this.#inventory,
        this.#usage,
        settings,
        this.#runtime,
        this.#podsNotReady,
        timestamp(env.clock.nowMs()),
        this.#parts.findings?.(),
      ),
      this.#parts.devices?.() ?? {},
    )
    const conditions = [...this.#boardConditions(), ...(status.conditions ?? [])].map((condition) => {
      const old = before?.conditions?.find(({ type }) => type === condition.type)
      return { ...condition, lastTransitionTime: old?.status === condition.status ? old.lastTransitionTime : timestamp(env.clock.nowMs()) }
    })
    return { ...status, conditions }
  }

  #boardConditions(): readonly NodeCondition[] {
    const { facts, env } = this.#parts
    const nowMs = env.clock.monotonicMs()
    const power = facts.board?.power() ?? {}
    this.#troubles = seenTroubles(this.#troubles, power, this.#usage.temperatureCelsius, nowMs)
    return boardConditions(this.#troubles, power, facts.board?.storage() ?? [], nowMs)
  }
}

const withDevices = (status: NodeStatus, devices: Readonly<Record<string, DeviceCount>>): NodeStatus => {
  const counts = (kind: keyof DeviceCount): Record<string, string> =>
    Object.fromEntries(Object.entries(devices).map(([name, count]) => [name, String(count[kind])]))
  return {
    ...status,
    capacity: { ...status.capacity, ...counts('capacity') },
    allocatable: { ...status.allocatable, ...counts('allocatable') },
  }
}
