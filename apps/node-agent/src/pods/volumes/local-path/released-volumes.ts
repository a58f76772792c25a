import type { PersistentVolume } from '@bramble/api/types/volume'
import type { StatusReport } from '@bramble/link/link'
import { backoffMs } from '@bramble/reconcile/backoff'
import type { Env } from '@bramble/reconcile/env'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { WorkQueue } from '@bramble/reconcile/work-queue'
import { messageOf } from '../../message-of.ts'
import type { PodFiles } from '../../pod-files.ts'
import { released } from './plan.ts'

const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 300_000
const IN_USE_MS = 10_000

/** Removes the folders of volumes that nobody claims any more, and tells the control plane, which forgets them then. */
export class ReleasedVolumes implements Reconciler<string> {
  readonly #env: Env
  readonly #files: Pick<PodFiles, 'removeVolume'>
  readonly #send: (report: StatusReport) => void
  readonly #queue: WorkQueue<string>
  /** By uid: what is to be removed, or has been and is not forgotten yet. */
  #volumes = new Map<string, { readonly volume: PersistentVolume; failures: number; told?: string }>()

  constructor(parts: { readonly env: Env; readonly files: Pick<PodFiles, 'removeVolume'>; readonly send: (report: StatusReport) => void }) {
    this.#env = parts.env
    this.#files = parts.files
    this.#send = parts.send
    this.#queue = new WorkQueue(parts.env.clock, parts.env.log)
  }

  /** All volumes that this node knows of, whole state. */
  set(volumes: readonly PersistentVolume[]): void {
    const before = this.#volumes
    this.#volumes = new Map(
      released(volumes).map((volume) => [volume.metadata.uid, before.get(volume.metadata.uid) ?? { volume, failures: 0 }]),
    )
    for (const uid of this.#volumes.keys()) if (!before.has(uid)) this.#queue.add(uid)
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#queue.run(this, { concurrency: 1, signal })
  }

  async reconcile(uid: string): Promise<Outcome> {
    const known = this.#volumes.get(uid)
    if (!known) return SETTLED
    const { name } = known.volume.metadata
    try {
      if (!(await this.#files.removeVolume(known.volume))) return { againInMs: IN_USE_MS }
      this.#send({ type: 'volume-gone', name, uid })
      return SETTLED
    } catch (error) {
      const message = messageOf(error)
      if (known.told !== message) this.#send({ type: 'volume-failed', name, uid, message })
      known.told = message
      known.failures++
      return { againInMs: backoffMs(known.failures, RETRY_MS_MIN, RETRY_MS_MAX, this.#env.random) }
    }
  }
}
