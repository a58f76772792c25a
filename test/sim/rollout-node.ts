import { timestamp } from '../../packages/api/src/duration.ts'
import type { AgentUpgradeReason, NodeConfig } from '../../packages/api/src/types/node-config.ts'
import { type Assigned, applyAssignment } from '../../packages/link/src/assignment.ts'
import type { NodeLink, NodeSession, StatusReport } from '../../packages/link/src/link.ts'
import { backoffMs } from '../../packages/reconcile/src/backoff.ts'
import type { Env } from '../../packages/reconcile/src/env.ts'

/** What a version does on a node: it works, it crashes until the launcher gives it up, or nothing of it is ever heard again. */
export type Fate = 'works' | 'crashes' | 'bricks'

export interface RolloutNodeParts {
  readonly name: string
  readonly number: number
  readonly env: Env
  readonly link: NodeLink
  readonly fateOf: (version: string) => Fate
}

const HEALTHY_MS = 30_000
const CRASHES_MS = 20_000
const RESTART_MS = 3_000

/**
 * A node whose agent is played at the link: it changes its version as the agent and its launcher do (download, stage, start again,
 * trial, commit or return), and runs no pods. What is on its disk outlives a power cut.
 */
export class RolloutNode {
  readonly name: string
  /** Every version that was ever started here. */
  readonly tried = new Set<string>()
  readonly #parts: RolloutNodeParts
  /** On the disk. */
  #slot: { readonly current: string; readonly previous?: string } = { current: '0.1.0' }
  readonly #bad = new Map<string, string>()
  #assigned: Assigned | undefined
  #life: AbortController | undefined
  #session: NodeSession | undefined
  #connectedMs = 0
  #says: { readonly reason: AgentUpgradeReason; readonly message: string } | undefined

  constructor(parts: RolloutNodeParts) {
    this.#parts = parts
    this.name = parts.name
  }

  get version(): string {
    return this.#slot.current
  }
  get isOnTrial(): boolean {
    return this.#slot.previous !== undefined
  }
  get isRunning(): boolean {
    return this.#life !== undefined
  }

  start(): void {
    if (this.#life || (this.isOnTrial && this.#parts.fateOf(this.version) === 'bricks')) return
    this.#life = new AbortController()
    const { signal } = this.#life
    this.#says = undefined
    void this.#stayConnected(signal)
    void this.#update(signal)
  }

  /** The agent ends at once; its disk stays as it is. */
  stop(): void {
    this.#life?.abort()
    this.#life = undefined
    this.#session = undefined
  }

  async #stayConnected(signal: AbortSignal): Promise<void> {
    const { env, link } = this.#parts
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        const have = this.#assigned?.version
        const session = await link.open({ agentVersion: this.version, ...(have !== undefined && { have }) }, signal)
        failures = 0
        this.#session = session
        this.#connectedMs = env.clock.monotonicMs()
        const ended = session.closed.then(() => (this.#session = this.#session === session ? undefined : this.#session))
        this.#tell()
        for await (const message of session.assignments) {
          if (signal.aborted) break
          const next = applyAssignment(this.#assigned, message)
          if (next === 'resync') await session.resync()
          else this.#assigned = next
        }
        await ended
      } catch {
        // cut off; tried again
      }
      await env.clock.sleep(backoffMs(Math.max(1, failures), 500, 10_000, env.random), signal)
    }
  }

  get #config(): NodeConfig['spec'] {
    return (this.#assigned?.objects.get(`NodeConfig ${this.name}`) as NodeConfig | undefined)?.spec ?? {}
  }

  async #update(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts.env
    if (this.isOnTrial) await this.#try(signal)
    while (!signal.aborted) {
      const { agentVersion: wanted } = this.#config
      const why = wanted && this.#bad.get(wanted)
      if (wanted === undefined || wanted === this.version) this.#say('UpToDate', `runs ${this.version}`)
      else if (why !== undefined) this.#say('Returned', `${wanted}: ${why}; ${this.version} runs again`)
      else if (this.#session) await this.#change(wanted, signal)
      await clock.sleep(1_000, signal)
    }
  }

  async #change(wanted: string, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#parts.env
    this.#say('Downloading', `${wanted}: is fetched from the control plane`)
    await clock.sleep(5_000 + random() * 60_000, signal)
    if (signal.aborted || this.#config.agentVersion !== wanted) return
    this.#say('Staged', `${wanted}: is on the disk, starts in a moment`)
    await clock.sleep(1_000, signal)
    if (!signal.aborted) this.#restart({ current: wanted, previous: this.version })
  }

  #restart(slot: { readonly current: string; readonly previous?: string }): void {
    this.#slot = slot
    this.tried.add(slot.current)
    void this.#session?.close().catch(() => {})
    this.stop()
    void this.#parts.env.clock.sleep(RESTART_MS).then(() => this.start())
  }

  /** The launcher is beside the agent: the old version returns whatever the new one does, if it is not the board that is gone. */
  async #try(signal: AbortSignal): Promise<void> {
    const { env, fateOf } = this.#parts
    const { clock } = env
    const { current, previous } = this.#slot
    this.#say('OnTrial', `${current}: start 1 of 3`)
    const untilMs = clock.monotonicMs() + (this.#config.deadlineSeconds ?? 600) * 1000
    if (fateOf(current) === 'crashes') {
      await clock.sleep(CRASHES_MS, signal)
      if (!signal.aborted) this.#return(current, previous!, 'crashed 3 times')
      return
    }
    while (!signal.aborted) {
      const healthyMs = this.#session ? clock.monotonicMs() - this.#connectedMs : 0
      if (healthyMs >= HEALTHY_MS) {
        this.#slot = { current }
        return
      }
      if (clock.monotonicMs() > untilMs) return this.#return(current, previous!, 'never in contact with the server')
      await clock.sleep(1_000, signal)
    }
  }

  #return(version: string, previous: string, why: string): void {
    this.#bad.set(version, why)
    this.#restart({ current: previous })
  }

  #say(reason: AgentUpgradeReason, message: string): void {
    if (this.#says?.reason === reason && this.#says.message === message) return
    this.#says = { reason, message }
    this.#tell()
  }

  #tell(): void {
    void this.#session?.report([this.#status()]).catch(() => (this.#says = undefined)) // said again with the next session
  }

  #status(): StatusReport {
    const { env, number } = this.#parts
    const now = timestamp(env.clock.nowMs())
    const says = this.#says
    return {
      type: 'node-status',
      labels: { 'kubernetes.io/hostname': this.name, site: number % 2 === 0 ? 'north' : 'south' },
      annotations: {},
      status: {
        addresses: [{ type: 'InternalIP', address: `192.0.2.${number}` }],
        nodeInfo: {
          machineID: `machine-${number}`,
          systemUUID: '',
          bootID: '',
          kernelVersion: '',
          osImage: '',
          containerRuntimeVersion: '',
          kubeletVersion: `v1.36.2+bramble.${this.version}`,
          kubeProxyVersion: '',
          operatingSystem: 'linux',
          architecture: 'arm64',
        },
        conditions: [
          { type: 'Ready', status: 'True', reason: 'AgentReady', message: '', lastTransitionTime: now },
          ...(says
            ? [
                {
                  type: 'AgentUpgrade',
                  status: says.reason === 'UpToDate' ? ('True' as const) : ('False' as const),
                  ...says,
                  lastTransitionTime: now,
                },
              ]
            : []),
        ],
      },
    }
  }
}
