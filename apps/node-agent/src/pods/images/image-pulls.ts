import type { Secret } from '@bramble/api/types/core'
import type { Container, Pod } from '@bramble/api/types/pod'
import type { Env } from '@bramble/reconcile/env'
import { type ImageService, type ImageState, RuntimeError } from '../../runtime/runtime.ts'
import type { PodEvents } from '../events.ts'
import type { ImageProgress } from '../pod-view.ts'
import { BACKOFF_MAX_MS, BACKOFF_MIN_MS } from '../restart-policy.ts'
import { within } from '../within.ts'
import { goDuration } from './go-duration.ts'
import { loginsFor, loginsIn } from './logins.ts'
import type { PullQueue } from './pull-queue.ts'
import type { Claim, PullRecords } from './pull-records.ts'

/** How long a registry may keep something waiting that ran here before. */
const REFRESH_LIMIT_MS = 15_000
/** How long the failure itself shows before the waiting does. */
const FAILURE_SHOWN_MS = 2_000

export interface ImagePullsParts {
  readonly images: Pick<ImageService, 'imageStatus'>
  readonly queue: Pick<PullQueue, 'pull'>
  readonly records: PullRecords
  readonly env: Env
  readonly events: PodEvents
  readonly secret: (namespace: string, name: string) => Secret | undefined
  /** A pod has something new to look at. */
  readonly wake: (podUid: string) => void
  /** Archives on this node that images may come from. */
  readonly archives?: ImageSource
  /** An image is about to be used. */
  readonly used?: (imageId: string) => void
}

export interface ImageSource {
  /** It is worth asking. */
  mayHold(reference: string): boolean
  /** Afterwards the image is here, if it comes from there. Never throws. */
  provide(reference: string, signal: AbortSignal): Promise<void>
}

interface Tries {
  readonly delayMs: number
  readonly untilMs: number
  /** Reason and message, as kubelet joins them. */
  readonly problem: string
}

/**
 * Gets images for containers: policy, logins, back-off per pod and image.
 * @see Source: kubelet images EnsureImageExists.
 */
export class ImagePulls {
  readonly #parts: ImagePullsParts
  readonly #progress = new Map<string, Map<string, ImageProgress>>()
  readonly #failed = new Map<string, Map<string, Tries>>()

  constructor(parts: ImagePullsParts) {
    this.#parts = parts
  }

  /** By container name. */
  progressOf(podUid: string): ReadonlyMap<string, ImageProgress> {
    return this.#progress.get(podUid) ?? NOTHING
  }

  forget(podUid: string, container?: string): void {
    if (container === undefined) {
      this.#progress.delete(podUid)
      this.#failed.delete(podUid)
    } else this.#progress.get(podUid)?.delete(container)
  }

  /**
   * Finds the image for an attempt; what there is to know afterwards is in {@link progressOf}. A pull goes on in the background and
   * wakes the pod. Never throws.
   *
   * @param mayUsePresent The pod ran before: with policy Always, start with what is here when the registry cannot be asked.
   */
  async get(pod: Pod, container: Container, attempt: number, mayUsePresent: boolean, signal: AbortSignal): Promise<void> {
    const wanted = { pod, container, attempt, reference: container.image, mayUsePresent }
    const found = await this.#find(wanted)
    if (!found) return
    const { archives } = this.#parts
    if (found.present || !archives?.mayHold(wanted.reference)) return this.#decide(wanted, found.present, signal)
    this.#set(wanted, { type: 'pulling' })
    void this.#fromArchive(wanted, archives, signal)
  }

  async #fromArchive(wanted: Wanted, archives: ImageSource, signal: AbortSignal): Promise<void> {
    await archives.provide(wanted.reference, signal)
    if (signal.aborted) return
    const found = await this.#find(wanted)
    if (found) await this.#decide(wanted, found.present, signal)
    this.#parts.wake(wanted.pod.metadata.uid)
  }

  /** @returns undefined when that cannot be told, which is written down then. */
  async #find(wanted: Wanted): Promise<{ readonly present?: ImageState } | undefined> {
    const { reference } = wanted
    try {
      const present = await this.#parts.images.imageStatus(reference)
      return { ...(present && { present }) }
    } catch (error) {
      const isInvalid = error instanceof RuntimeError && error.reason === 'InvalidImageName'
      const message = `Failed to ${isInvalid ? 'apply default image tag' : 'inspect image'} "${reference}": ${messageOf(error)}`
      this.#record(wanted, 'Warning', 'InspectFailed', message)
      this.#fail(wanted, isInvalid ? 'InvalidImageName' : 'ImageInspectError', message, BACKOFF_MIN_MS)
      return undefined
    }
  }

  async #decide(wanted: Wanted, present: ImageState | undefined, signal: AbortSignal): Promise<void> {
    const { pod, container, reference, mayUsePresent } = wanted
    const policy = pullPolicy(container)
    let claim: Claim = { logins: [], secrets: [] }
    let claimError: Error | undefined
    try {
      claim = this.#claimOf(wanted)
    } catch (error) {
      claimError = error as Error
    }
    const usable = present && (mayUsePresent || this.#parts.records.mayUse(present.id, claim)) ? present : undefined
    if (usable && policy !== 'Always') {
      this.#record(wanted, 'Normal', 'Pulled', `Container image "${reference}" already present on machine and can be accessed by the pod`)
      return this.#ready(wanted, usable)
    }
    if (policy === 'Never') {
      const message = present
        ? `Container image "${reference}" is present with pull policy of Never but does not have the proper credentials to access the image`
        : `Container image "${reference}" is not present with pull policy of Never`
      this.#record(wanted, 'Warning', 'ErrImageNeverPull', message)
      return this.#fail(wanted, 'ErrImageNeverPull', message, BACKOFF_MIN_MS)
    }
    const tries = this.#failed.get(pod.metadata.uid)?.get(reference)
    const leftMs = tries ? tries.untilMs - this.#parts.env.clock.monotonicMs() : 0
    if (tries && leftMs > 0 && !(mayUsePresent && usable)) {
      this.#record(wanted, 'Normal', 'BackOff', `Back-off pulling image "${reference}"`)
      return this.#fail(wanted, 'ImagePullBackOff', `Back-off pulling image "${reference}": ${tries.problem}`, leftMs)
    }
    this.#set(wanted, { type: 'pulling' })
    const fallback = mayUsePresent ? usable : undefined
    if (claimError) this.#failPull(wanted, claimError, fallback)
    else void this.#pullFor(wanted, claim, fallback, signal)
  }

  /** Logins of the pod's pull secrets that fit the image. @throws PullSecretError; RuntimeError `InvalidImageName`. */
  #claimOf(wanted: Wanted): Claim {
    const { namespace = '' } = wanted.pod.metadata
    const names = [...new Set((wanted.pod.spec.imagePullSecrets ?? []).map(({ name = '' }) => name))].filter((name) => name !== '')
    const secrets = names.map((name) => ({ name, secret: this.#parts.secret(namespace, name) }))
    const missing = secrets.filter(({ secret }) => !secret).map(({ name }) => name)
    if (missing.length > 0)
      this.#parts.events.record(
        wanted.pod,
        'Warning',
        'FailedToRetrieveImagePullSecret',
        `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`,
      )
    const found = secrets.flatMap(({ secret }) => secret ?? [])
    return {
      logins: loginsFor(wanted.reference, loginsIn(found)),
      secrets: found
        .filter((secret) => loginsFor(wanted.reference, loginsIn([secret])).length > 0)
        .map(({ metadata }) => `${namespace}/${metadata.name}/${metadata.uid}`),
    }
  }

  async #pullFor(wanted: Wanted, claim: Claim, fallback: ImageState | undefined, signal: AbortSignal): Promise<void> {
    const { pod, reference } = wanted
    const { env, queue, records } = this.#parts
    const startedMs = env.clock.monotonicMs()
    this.#record(wanted, 'Normal', 'Pulling', `Pulling image "${reference}"`)
    try {
      const pull = queue.pull(reference, claim.logins, signal).then(async (pulled) => {
        await records.add(pulled.image.id, claim)
        return pulled
      })
      pull.catch(() => {}) // it goes on when nobody waits any more
      const { image, tookMs } = await (fallback
        ? within(env.clock, REFRESH_LIMIT_MS, `pulling image "${reference}"`, signal, () => pull)
        : pull)
      const [took, all] = [goDuration(tookMs), goDuration(env.clock.monotonicMs() - startedMs)]
      this.#record(
        wanted,
        'Normal',
        'Pulled',
        `Successfully pulled image "${reference}" in ${took} (${all} including waiting). Image size: ${image.sizeBytes} bytes.`,
      )
      this.#failed.get(pod.metadata.uid)?.delete(reference)
      this.#ready(wanted, image)
    } catch (error) {
      if (signal.aborted) return
      this.#failPull(wanted, error, fallback)
    }
    this.#parts.wake(pod.metadata.uid)
  }

  #failPull(wanted: Wanted, error: unknown, fallback: ImageState | undefined): void {
    const { pod, reference } = wanted
    const reason = error instanceof RuntimeError && OWN_REASONS.has(error.reason) ? error.reason : 'ErrImagePull'
    const words = messageOf(error)
    const message = reason === 'ErrImagePull' ? words : unavailableMessage(reason, reference, words)
    this.#record(wanted, 'Warning', 'Failed', `Failed to pull image "${reference}": ${message}`)
    if (fallback) return this.#ready(wanted, fallback)
    this.#record(wanted, 'Warning', 'Failed', `Error: ${reason}`)
    this.#backOff(pod.metadata.uid, reference, `${reason}: ${message}`)
    this.#set(wanted, { type: 'failed', reason, message, retryAtMs: this.#parts.env.clock.monotonicMs() + FAILURE_SHOWN_MS })
  }

  #backOff(podUid: string, reference: string, problem: string): void {
    const tries = this.#failed.get(podUid) ?? new Map<string, Tries>()
    const before = tries.get(reference)
    const delayMs = before ? Math.min(before.delayMs * 2, BACKOFF_MAX_MS) : BACKOFF_MIN_MS
    tries.set(reference, { delayMs, untilMs: this.#parts.env.clock.monotonicMs() + delayMs, problem })
    this.#failed.set(podUid, tries)
  }

  #fail(wanted: Wanted, reason: string, message: string, retryInMs: number): void {
    this.#record(wanted, 'Warning', 'Failed', `Error: ${reason}`)
    this.#set(wanted, { type: 'failed', reason, message, retryAtMs: this.#parts.env.clock.monotonicMs() + retryInMs })
  }

  #ready(wanted: Wanted, image: ImageState): void {
    this.#parts.used?.(image.id)
    this.#set(wanted, { type: 'ready', imageId: image.id })
  }

  #record({ pod, container }: Wanted, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#parts.events.record(pod, type, reason, message, { name: container.name })
  }

  #set({ pod, container, attempt, reference }: Wanted, news: ImageNews): void {
    const progress = this.#progress.get(pod.metadata.uid) ?? new Map<string, ImageProgress>()
    progress.set(container.name, { attempt, reference, ...news })
    this.#progress.set(pod.metadata.uid, progress)
  }
}

interface Wanted {
  readonly pod: Pod
  readonly container: Container
  readonly attempt: number
  readonly reference: string
  readonly mayUsePresent: boolean
}
type ImageNews = ImageProgress extends infer Progress
  ? Progress extends ImageProgress
    ? Omit<Progress, 'attempt' | 'reference'>
    : never
  : never

const NOTHING: ReadonlyMap<string, ImageProgress> = new Map()

/** Failures that a runtime tells apart; all others are `ErrImagePull`. */
const OWN_REASONS: ReadonlySet<string> = new Set(['RegistryUnavailable', 'SignatureValidationFailed', 'InvalidImageName'])

/** @see Source: kubelet images evalCRIPullErr. */
function unavailableMessage(reason: string, reference: string, words: string): string {
  if (reason === 'RegistryUnavailable') return `image pull failed for ${reference} because the registry is unavailable: ${words}`
  if (reason === 'SignatureValidationFailed') return `image pull failed for ${reference} because the signature validation failed: ${words}`
  return words
}

/** @see Source: core/v1 Container imagePullPolicy: "Defaults to Always if :latest tag is specified, or IfNotPresent otherwise". */
function pullPolicy({ image, imagePullPolicy }: Container): 'Always' | 'IfNotPresent' | 'Never' {
  if (imagePullPolicy) return imagePullPolicy
  const named = image.split('@')[0]!
  const tag = /:([^/]+)$/.exec(named)?.[1]
  return image.includes('@') || (tag !== undefined && tag !== 'latest') ? 'IfNotPresent' : 'Always'
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
