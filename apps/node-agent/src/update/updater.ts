import { AGENT_UPGRADE_CONDITION, type NodeConfig } from '@bramble/api/types/node-config'
import type { NodeCondition } from '@bramble/api/types/node'
import type { Env } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import { DEADLINE_SECONDS, type FailedTry, planUpdate, type UpdatePlan, type UpdateStep } from './plan.ts'
import { DamagedRelease, type Releases, UnfitRelease } from './releases.ts'

/** After the disk could not be read. */
const TROUBLE_MS = 60_000

export interface UpdaterParts {
  readonly env: Env
  /** Of this process. */
  readonly version: string
  /** Absent where no launcher started this process. */
  readonly releases?: Releases
  /** What this node is told about itself. */
  readonly config: () => NodeConfig | undefined
  /** Number of the open session with the control plane; undefined without one. */
  readonly session: () => number | undefined
  readonly isReady: () => boolean
  /** The conditions are others now. */
  readonly changed: () => Promise<void>
  /** Ends this process in order; the launcher is started again. */
  readonly restart: () => void
}

/** Brings this node to the version that its cluster wants, one step after the other, each of which may be cut. */
export class Updater {
  readonly #parts: UpdaterParts
  readonly #change = new Signal()
  #conditions: readonly NodeCondition[] = []
  #failed: FailedTry | undefined
  #acting: { readonly version: string; readonly cancel: AbortController } | undefined
  #healthy: { readonly session: number; readonly sinceMs: number } | undefined
  #planned: string | undefined
  #noted: 'waiting' | 'contact' | undefined

  constructor(parts: UpdaterParts) {
    this.#parts = parts
  }

  get conditions(): readonly NodeCondition[] {
    return this.#conditions
  }

  /** What the node is told, or the session, may be another one. */
  look(): void {
    if (this.#acting && this.#acting.version !== this.#wanted) this.#acting.cancel.abort()
    if (this.#situation !== this.#planned) this.#change.notify()
  }

  /** Works until `signal` aborts. Never rejects: pods need an agent, whatever becomes of its update. */
  async run(signal: AbortSignal): Promise<void> {
    const { env, restart } = this.#parts
    const startedMs = env.clock.monotonicMs()
    while (!signal.aborted) {
      this.#planned = this.#situation
      let step: UpdateStep
      try {
        const plan = await this.#plan(startedMs)
        await this.#tell(plan)
        step = plan.step
        if (step.kind !== 'wait' && step.kind !== 'restart') await this.#act(step, signal)
      } catch (error) {
        env.log.warn('the update of this agent rests for a while', { error })
        step = { kind: 'wait', untilMs: env.clock.monotonicMs() + TROUBLE_MS }
      }
      if (step.kind === 'restart') {
        env.log.info('this agent makes way for the release that was staged; pods go on')
        restart()
        return new Signal().wait(signal)
      }
      if (step.kind === 'wait' && this.#situation === this.#planned) await this.#wait(step.untilMs, signal)
    }
  }

  /** What makes another plan. */
  get #situation(): string {
    return JSON.stringify([this.#parts.session(), this.#parts.config()?.spec])
  }

  get #wanted(): string | undefined {
    return this.#parts.config()?.spec.agentVersion
  }

  async #plan(startedMs: number): Promise<UpdatePlan> {
    const { env, releases, session, version } = this.#parts
    const slot = await releases?.look()
    const running = releases?.running ?? version
    const nowMs = env.clock.monotonicMs()
    if (slot?.trial?.version === running) await this.#note(session() === undefined ? 'waiting' : 'contact')
    return planUpdate({
      ...{ running, wanted: this.#wanted, slot, failed: this.#failed, startedMs, nowMs },
      isConnected: session() !== undefined,
      healthyMs: this.#healthyMs(nowMs),
    })
  }

  /** Another session is a break. */
  #healthyMs(nowMs: number): number {
    const session = this.#parts.isReady() ? this.#parts.session() : undefined
    if (session === undefined) this.#healthy = undefined
    else if (this.#healthy?.session !== session) this.#healthy = { session, sinceMs: nowMs }
    return nowMs - (this.#healthy?.sinceMs ?? nowMs)
  }

  /** Once in contact is enough: what fails afterwards is not the network. */
  async #note(contact: 'waiting' | 'contact'): Promise<void> {
    if (this.#noted === contact || this.#noted === 'contact') return
    await this.#parts.releases?.note(contact)
    this.#noted = contact
  }

  async #tell({ says }: UpdatePlan): Promise<void> {
    const conditions: readonly NodeCondition[] = says
      ? [{ type: AGENT_UPGRADE_CONDITION, status: says.reason === 'UpToDate' ? 'True' : 'False', ...says }]
      : []
    if (JSON.stringify(conditions) === JSON.stringify(this.#conditions)) return
    this.#conditions = conditions
    if (says) this.#parts.env.log.info('update of this agent', says)
    await this.#parts.changed()
  }

  async #act({ kind, version }: Exclude<UpdateStep, { kind: 'wait' | 'restart' }>, signal: AbortSignal): Promise<void> {
    const { env, releases } = this.#parts
    const cancel = new AbortController()
    this.#acting = { version, cancel }
    try {
      const until = AbortSignal.any([signal, cancel.signal])
      if (kind === 'download') await releases!.fetch(version, until)
      else if (kind === 'stage') await releases!.stage(version, this.#parts.config()?.spec.deadlineSeconds ?? DEADLINE_SECONDS)
      else {
        await releases!.commit(version)
        env.log.info('the new release has proven itself and stays', { version })
      }
    } catch (error) {
      if (signal.aborted || cancel.signal.aborted) return
      await this.#failedWith(kind, version, error as Error)
    } finally {
      this.#acting = undefined
    }
  }

  async #failedWith(kind: 'download' | 'stage' | 'commit', version: string, error: Error): Promise<void> {
    const { env, releases } = this.#parts
    env.log.warn(`the ${kind} of a release failed`, { version, error })
    if (kind === 'commit') throw error // rests; the trial goes on
    if (error instanceof UnfitRelease) return releases!.giveUp(version, error.message)
    const times = this.#failed?.version === version ? this.#failed.times + 1 : 1
    this.#failed = { version, times, why: error.message, atMs: env.clock.monotonicMs(), isCostly: error instanceof DamagedRelease }
  }

  async #wait(untilMs: number | undefined, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts.env
    const woken = new AbortController()
    const changed = this.#change.wait(AbortSignal.any([signal, woken.signal]))
    if (untilMs === undefined) return changed
    await Promise.race([changed, clock.sleep(untilMs - clock.monotonicMs(), AbortSignal.any([signal, woken.signal]))])
    woken.abort()
  }
}
