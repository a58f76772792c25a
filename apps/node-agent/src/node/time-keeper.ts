import type { NodeLink, NodeSession } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import { atomicWrite, readIfPresent } from '../host/files.ts'
import type { SystemTime } from '../host/system-time.ts'

const OFF_MS = 5_000
const HOUR_MS = 3_600_000
const LOOK_MS = HOUR_MS

export type TimeVerdict = 'good' | 'step' | 'distrust'

/**
 * What is to be done about a clock that the control plane says is off. A control plane may itself be a Pi that woke up in the past:
 * time that was known once does not come back.
 *
 * @param knownMs A time that has been; 0 when nothing is known.
 */
export function judgeTime(nowMs: number, toldMs: number, knownMs: number): TimeVerdict {
  if (Math.abs(toldMs - nowMs) <= OFF_MS) return 'good'
  return toldMs < knownMs - OFF_MS ? 'distrust' : 'step'
}

export interface TimeKeeperParts {
  /** Where the last known time is kept. */
  readonly path: string
  readonly system: SystemTime
  readonly env: Env
}

/**
 * Keeps a machine's clock that has no battery and no time server: from one boot to the next by a file, from then on by the control
 * plane, which has proved who it is. Nothing waits for it, and nothing fails because of it.
 */
export class TimeKeeper {
  readonly #parts: TimeKeeperParts
  /** The last time that somebody trustworthy confirmed, as of `#path`. */
  #savedMs = 0
  #knownMs = 0
  #session: NodeSession | undefined
  #isHeard = false

  constructor(parts: TimeKeeperParts) {
    this.#parts = parts
  }

  /** At start: a clock that is behind the last time that we knew is set to it. */
  async restore(): Promise<void> {
    const { path, env } = this.#parts
    const text = await readIfPresent(path).catch(() => undefined)
    const savedMs = Date.parse(text?.trim() ?? '')
    if (!Number.isFinite(savedMs)) return
    this.#savedMs = this.#knownMs = savedMs
    if (env.clock.nowMs() < savedMs - OFF_MS) await this.#step(savedMs, 'the last time that was known')
  }

  /** The control plane's clock. Never rejects. @param toldMs Epoch milliseconds; 0 or undefined when it did not say. */
  async told(toldMs: number | undefined): Promise<void> {
    if (!toldMs) return
    const { env } = this.#parts
    const verdict = judgeTime(env.clock.nowMs(), toldMs, this.#knownMs)
    if (verdict === 'distrust') return this.#complain(toldMs)
    if (verdict === 'step' && !(await this.#step(toldMs, 'the control plane'))) return
    this.#isHeard = true
    this.#knownMs = Math.max(this.#knownMs, toldMs)
    await this.#save()
  }

  /** The link, with an ear on the other end's clock. */
  listening(link: NodeLink): NodeLink {
    return {
      ...(link.traffic && { traffic: link.traffic }),
      open: async (hello, signal) => {
        const session = await link.open(hello, signal)
        this.#session = session
        void this.told(session.serverTimeMs)
        return session
      },
    }
  }

  /** Looks again and again, until `signal` aborts: a clock without a battery runs fast or slow. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#parts.env.clock.sleep(LOOK_MS, signal)
      if (!signal.aborted) await this.told(this.#session?.serverTimeMs)
    }
  }

  /** @returns whether the clock is right now, by us or by somebody who knows better. */
  async #step(toMs: number, who: string): Promise<boolean> {
    const { system, env } = this.#parts
    const fromMs = env.clock.nowMs()
    try {
      if (await system.isSynchronised()) return false
      await system.set(toMs)
      env.log.info('the clock of this machine was set', { by: who, seconds: Math.round((toMs - fromMs) / 1000) })
      return true
    } catch (error) {
      env.log.warn('the clock of this machine is wrong and cannot be set', { by: who, seconds: Math.round((toMs - fromMs) / 1000), error })
      return false
    }
  }

  #complain(toldMs: number): void {
    const { path, env } = this.#parts
    env.log.warn('the clock of the control plane is behind a time that this node has seen; it is not followed', {
      controlPlane: new Date(toldMs).toISOString(),
      seen: new Date(this.#knownMs).toISOString(),
      remedy: `set the control plane's clock; if it is right, remove ${path} and restart the agent`,
    })
  }

  /** At most hourly: cards wear. Where the system has a time server, it keeps such a file itself. */
  async #save(): Promise<void> {
    const { path, system, env } = this.#parts
    const nowMs = env.clock.nowMs()
    if (!this.#isHeard || nowMs - this.#savedMs < HOUR_MS || (await system.isSynchronised())) return
    this.#savedMs = nowMs
    await atomicWrite(path, `${new Date(nowMs).toISOString()}\n`).catch((error: unknown) =>
      env.log.warn('the time could not be kept for the next boot', { error }),
    )
  }
}
