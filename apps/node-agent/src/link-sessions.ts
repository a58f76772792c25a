import { type Assigned, applyAssignment } from '@bramble/link/assignment'
import type { NodeLink, NodeSession, StatusReport, StreamRequest } from '@bramble/link/link'
import type { StatusOutbox } from '@bramble/link/status-outbox'
import { backoffMs } from '@bramble/reconcile/backoff'
import type { Env } from '@bramble/reconcile/env'
import type { LinkFacts } from './metrics/pages/agent.ts'

const REOPEN_MS_MIN = 500
const REOPEN_MS_MAX = 10_000

export interface LinkSessionsParts {
  readonly env: Env
  readonly link: NodeLink
  readonly agentVersion: string
  readonly outbox: StatusOutbox
  /** What is in force now. */
  readonly assigned: () => Assigned | undefined
  /** What is in force from now on. */
  readonly take: (assigned: Assigned) => void
  /** Called with each new session: the control plane may have forgotten everything. */
  readonly tellAll: () => Promise<void>
  /** Never rejects; streams outlive the session that asked for them. */
  readonly carry: (request: StreamRequest, signal: AbortSignal) => Promise<void>
}

/** One session with the control plane after the other: takes what is assigned, sends what is to be told. */
export class LinkSessions {
  readonly #parts: LinkSessionsParts
  #isConnected = false
  #sessions = 0
  #reported = 0

  constructor(parts: LinkSessionsParts) {
    this.#parts = parts
  }

  /** Its number; undefined while there is none. */
  get open(): number | undefined {
    return this.#isConnected ? this.#sessions : undefined
  }

  get facts(): LinkFacts {
    return {
      connected: this.#isConnected,
      sessions: this.#sessions,
      waiting: this.#parts.outbox.pending.length,
      reported: this.#reported,
      ...this.#parts.link.traffic,
    }
  }

  /** Holds a session until `signal` aborts, and opens another one when it is lost. */
  async run(signal: AbortSignal): Promise<void> {
    const { env, link, agentVersion, assigned } = this.#parts
    let failures = 0
    while (!signal.aborted) {
      let session: NodeSession | undefined
      try {
        const have = assigned()?.version
        session = await link.open({ agentVersion, ...(have !== undefined && { have }) }, signal)
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        failures++
        env.log.warn('the control plane cannot be reached; pods go on, trying again', { failures, why: (error as Error).message })
      }
      if (session) {
        env.log.info('connected to the control plane')
        this.#sessions++
        this.#isConnected = true
        await this.#serve(session, signal)
        this.#isConnected = false
        if (!signal.aborted) env.log.warn('the link to the control plane is lost')
      }
      await env.clock.sleep(backoffMs(Math.max(1, failures), REOPEN_MS_MIN, REOPEN_MS_MAX, env.random), signal)
    }
  }

  async #serve(session: NodeSession, signal: AbortSignal): Promise<void> {
    const ended = new AbortController()
    const until = AbortSignal.any([signal, ended.signal])
    void session.closed.then(() => ended.abort())
    await this.#parts.tellAll()
    const stopped = new Promise<void>((resolve) => {
      if (until.aborted) resolve()
      until.addEventListener('abort', () => resolve(), { once: true })
    })
    const parts = [
      this.#followAssignments(session),
      this.#followStreams(session, signal),
      this.#parts.outbox.run((batch) => this.#report(session, batch), this.#parts.env.clock, until),
    ]
    try {
      await Promise.race([stopped, Promise.all(parts)])
    } finally {
      await session.close()
      ended.abort()
      await Promise.allSettled(parts)
    }
  }

  async #report(session: NodeSession, batch: readonly StatusReport[]): Promise<void> {
    await session.report(batch)
    this.#reported += batch.length
  }

  async #followAssignments(session: NodeSession): Promise<void> {
    let asked = false
    for await (const message of session.assignments) {
      if (message.type === 'complete') asked = false
      const next = applyAssignment(this.#parts.assigned(), message)
      if (next !== 'resync') this.#parts.take(next)
      else if (!asked) {
        asked = true
        await session.resync().catch(() => {
          asked = false
        }) // the session has ended, or the next message asks again
      }
    }
  }

  async #followStreams(session: NodeSession, signal: AbortSignal): Promise<void> {
    for await (const request of session.streams) void this.#parts.carry(request, signal)
  }
}
