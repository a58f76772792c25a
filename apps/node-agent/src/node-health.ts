import type { NodeCondition } from '@bramble/api/types/node'
import type { Pod } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import type { NodeFindings } from './node/node-status.ts'
import type { Reserve } from './node/reserve.ts'
import { PodEvents } from './pods/events.ts'
import type { Rejection } from './pods/rejection.ts'
import type { Host } from './preflight/host.ts'
import { PreflightWatch } from './preflight/watch.ts'
import { PressureManager, type PressureParts, type PressureSettings, readOnlyMessage } from './pressure/manager.ts'
import type { MeasurePods } from './pressure/pod-use.ts'
import type { SignalSource } from './pressure/signals.ts'

export interface HealthSettings {
  readonly pressure: PressureSettings
  readonly signals: SignalSource
  readonly measures: MeasurePods
  readonly reserve: Reserve
  /** This machine, as it is now; absent: nothing is checked. */
  readonly preflight?: () => Host
}

export interface NodeHealthParts {
  readonly env: Env
  readonly nodeName: string
  readonly settings: HealthSettings
  readonly send: (report: StatusReport) => void
  /** Known by the time that {@link NodeHealth.run} is called. */
  readonly pods: PressureParts['pods']
  readonly means?: { freeImageBytes(bytes: number, signal: AbortSignal): Promise<number> } | undefined
  /** Conditions of the node have changed. */
  readonly changed: () => Promise<void>
}

/** What a node lacks: told as conditions and Events, and acted upon. */
export class NodeHealth {
  readonly #parts: NodeHealthParts
  readonly #pressure: PressureManager
  readonly #preflight: PreflightWatch | undefined

  constructor(parts: NodeHealthParts) {
    const { env, nodeName, settings, send, pods, means, changed } = parts
    this.#parts = parts
    const events = new PodEvents(env, nodeName, send)
    this.#preflight = settings.preflight && new PreflightWatch({ env, look: settings.preflight, events, changed })
    this.#pressure = new PressureManager({
      env,
      nodeName,
      signals: settings.signals,
      measures: settings.measures,
      settings: settings.pressure,
      pods,
      events,
      changed,
      ...(means && { freeImageBytes: (bytes: number, signal: AbortSignal) => means.freeImageBytes(bytes, signal) }),
    })
  }

  findings(): NodeFindings {
    const { pressures, readOnly } = this.#pressure
    return {
      pressures,
      reserve: this.#parts.settings.reserve,
      conditions: [readOnlyCondition(readOnly), ...(this.#preflight?.conditions ?? [])],
    }
  }

  /** Why the node does not take a new pod in now. */
  admit(pod: Pod): Rejection | undefined {
    return this.#pressure.admit(pod)
  }

  /** Works until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#pressure.run(signal), this.#preflight?.run(signal)])
  }
}

/** Source: node-problem-detector, "ReadonlyFilesystem"; True is trouble. */
const readOnlyCondition = ([folder]: readonly string[]): NodeCondition =>
  folder === undefined
    ? { type: 'ReadonlyFilesystem', status: 'False', reason: 'FilesystemIsNotReadOnly', message: 'what the agent needs can be written to' }
    : { type: 'ReadonlyFilesystem', status: 'True', reason: 'FilesystemIsReadOnly', message: readOnlyMessage(folder) }
