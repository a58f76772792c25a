import type { NodeCondition } from '@bramble/api/types/node'
import type { Env } from '@bramble/reconcile/env'
import type { PodEvents } from '../pods/events.ts'
import { CHECKS, type Checked, runChecks } from './all.ts'
import type { Host } from './host.ts'
import { preflightConditions } from './plan.ts'

const PERIOD_MS = 600_000

export interface PreflightWatchParts {
  readonly env: Env
  readonly look: () => Host
  readonly events: PodEvents
  readonly changed: () => Promise<void>
}

/** Asks what is cheap at the start and now and then, tells each trouble once, and what is over. */
export class PreflightWatch {
  readonly #parts: PreflightWatchParts
  readonly #told = new Map<string, string>()
  #conditions: readonly NodeCondition[] = []

  constructor(parts: PreflightWatchParts) {
    this.#parts = parts
    this.#conditions = preflightConditions(this.#check())
  }

  get conditions(): readonly NodeCondition[] {
    return this.#conditions
  }

  /** Works until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { env, changed } = this.#parts
    while (!signal.aborted) {
      const checked = this.#check()
      this.#tell(checked)
      const next = preflightConditions(checked)
      const isChanged = JSON.stringify(next) !== JSON.stringify(this.#conditions)
      this.#conditions = next
      if (isChanged) await changed()
      await env.clock.sleep(PERIOD_MS * (0.9 + env.random() / 5), signal)
    }
  }

  #check(): readonly Checked[] {
    return runChecks(
      this.#parts.look(),
      CHECKS.filter(({ isCheap }) => isCheap),
    )
  }

  #tell(checked: readonly Checked[]): void {
    for (const { check, finding } of checked) {
      const { level, message, advice } = finding
      if (this.#told.get(check.name) === level) continue
      if (level === 'ok') this.#told.delete(check.name)
      else {
        this.#told.set(check.name, level)
        this.#parts.env.log.warn(`preflight: ${message}`, { check: check.name, level, advice })
        const reason = level === 'fail' ? 'PreflightFailed' : 'PreflightWarning'
        this.#parts.events.recordOfNode('Warning', reason, `${check.name}: ${message}${advice === undefined ? '' : `; ${advice}`}`)
      }
    }
  }
}
