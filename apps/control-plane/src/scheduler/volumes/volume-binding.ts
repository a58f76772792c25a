import { keyOf, type ObjectKey } from '@bramble/api/object'
import type { PersistentVolumeClaim } from '@bramble/api/types/volume'
import type { Clock } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import type { ApiClient } from '../../api/client.ts'
import { claimVolume } from '../../controllers/persistent-volume-binder/bind.ts'
import { annotation, isFullyBound, SELECTED_NODE } from '../../controllers/persistent-volume-binder/names.ts'
import { persistentVolumeClaims } from '../../resources/persistent-volume-claim.ts'
import type { VolumeDecision } from './decide.ts'

/** How long the volumes of a pod may take. Source: kube-scheduler, VolumeBindingArgs.BindTimeoutSeconds. */
const LIMIT_MS = 10 * 60_000

/** Has the claims of a pod bound before the pod is: tells binder and provisioners what was decided, and waits for them. */
export class VolumeBinding {
  readonly #client: ApiClient
  readonly #clock: Clock
  /** Names of volumes that were promised to claims. */
  readonly #reserved = new Set<string>()
  readonly #change = new Signal()

  constructor(client: ApiClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  get reserved(): ReadonlySet<string> {
    return this.#reserved
  }

  /** A claim or a pod has changed: whoever waits looks again. */
  notify(): void {
    this.#change.notify()
  }

  /**
   * Resolves when every claim is bound, or it is no use to wait: when `isWanted` says so, or `signal` aborts.
   * @throws Error when a claim cannot be bound, or was not in time; what it says is for people.
   */
  async bind(decisions: readonly VolumeDecision[], nodeName: string, isWanted: () => boolean, signal: AbortSignal): Promise<void> {
    const promised = decisions.flatMap(({ volume }) => (volume ? [volume.metadata.name] : []))
    for (const name of promised) this.#reserved.add(name)
    const done = new AbortController()
    const untilMs = this.#clock.monotonicMs() + LIMIT_MS
    const stop = AbortSignal.any([signal, done.signal])
    try {
      for (const decision of decisions) await this.#write(decision, nodeName)
      void this.#clock.sleep(LIMIT_MS, stop).then(() => this.#change.notify())
      while (!signal.aborted && isWanted()) {
        if (decisions.every(({ claim, volume }) => this.#isBound(claim, volume !== undefined, nodeName))) return
        if (this.#clock.monotonicMs() >= untilMs) throw new Error('context deadline exceeded')
        await this.#change.wait(stop)
      }
    } finally {
      done.abort()
      for (const name of promised) this.#reserved.delete(name)
    }
  }

  async #write({ claim, volume }: VolumeDecision, nodeName: string): Promise<void> {
    if (volume) return void (await claimVolume(this.#client, volume, claim))
    if (annotation(claim, SELECTED_NODE) === nodeName) return
    const { uid, resourceVersion } = claim.metadata
    await this.#client.patch(persistentVolumeClaims, keyOf(claim), {
      metadata: { uid, resourceVersion, annotations: { [SELECTED_NODE]: nodeName } },
    })
  }

  /** Source: kube-scheduler plugins/volumebinding binder.go, checkBindings. */
  #isBound(before: PersistentVolumeClaim, hasVolume: boolean, nodeName: string): boolean {
    const key: ObjectKey = keyOf(before)
    const claim = this.#client.get(persistentVolumeClaims, key)
    if (claim?.metadata.uid !== before.metadata.uid) throw new Error(`persistentvolumeclaim "${before.metadata.name}" not found`)
    if (claim.metadata.deletionTimestamp) throw new Error(`persistentvolumeclaim "${before.metadata.name}" is being deleted`)
    if (isFullyBound(claim)) return true
    if (!hasVolume && annotation(claim, SELECTED_NODE) !== nodeName)
      throw new Error(`provisioning failed for PVC "${before.metadata.name}"`)
    return false
  }
}
