import type { Container, Pod } from '@bramble/api/types/pod'
import type { Env } from '@bramble/reconcile/env'
import { type ImageService, type ImageState, RuntimeError } from '../runtime/runtime.ts'
import type { PodEvents } from './events.ts'
import type { ImageProgress } from './pod-view.ts'
import { BACKOFF_MAX_MS, BACKOFF_MIN_MS } from './restart-policy.ts'
import { within } from './within.ts'

const PULL_LIMIT_MS = 30 * 60_000
/** How long a registry may keep something waiting that ran here before. */
const REFRESH_LIMIT_MS = 15_000
/** How long the failure itself shows before the waiting does. */
const FAILURE_SHOWN_MS = 2_000

export interface ImagePullsParts {
  readonly images: ImageService
  readonly env: Env
  readonly events: PodEvents
  /** More would only be slower on a small board. */
  readonly parallelMax: number
  /** A pod has something new to look at. */
  readonly wake: (podUid: string) => void
}

interface Tries {
  readonly delayMs: number
  readonly untilMs: number
  readonly message: string
}

/**
 * Gets images for containers: policy, a bounded number of pulls at a time, one for all that want the same, back-off per pod and image.
 * @see Source: kubelet images EnsureImageExists.
 */
export class ImagePulls {
  readonly #parts: ImagePullsParts
  readonly #progress = new Map<string, Map<string, ImageProgress>>()
  readonly #failed = new Map<string, Map<string, Tries>>()
  readonly #running = new Map<string, Promise<ImageState>>()
  readonly #queue: (() => void)[] = []
  #slots: number

  constructor(parts: ImagePullsParts) {
    this.#parts = parts
    this.#slots = parts.parallelMax
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
   * @param mayUsePresent With policy Always: start with what is here when the registry cannot be asked.
   */
  async get(pod: Pod, container: Container, attempt: number, mayUsePresent: boolean, signal: AbortSignal): Promise<void> {
    const reference = container.image
    const wanted = { pod, container, attempt, reference }
    let present: ImageState | undefined
    try {
      present = await this.#parts.images.imageStatus(reference)
    } catch (error) {
      const isInvalid = error instanceof RuntimeError && error.reason === 'InvalidImageName'
      const message = `Failed to ${isInvalid ? 'apply default image tag' : 'inspect image'} "${reference}": ${messageOf(error)}`
      this.#parts.events.record(pod, 'Warning', 'InspectFailed', message, container)
      return this.#fail(wanted, isInvalid ? 'InvalidImageName' : 'ImageInspectError', message, BACKOFF_MIN_MS)
    }
    const policy = pullPolicy(container)
    if (present && policy !== 'Always') {
      this.#parts.events.record(pod, 'Normal', 'Pulled', `Container image "${reference}" already present on machine`, container)
      return this.#set(wanted, { type: 'ready', imageId: present.id })
    }
    if (policy === 'Never') {
      this.#parts.events.record(
        pod,
        'Warning',
        'ErrImageNeverPull',
        `Container image "${reference}" is not present with pull policy of Never`,
        container,
      )
      return this.#fail(
        wanted,
        'ErrImageNeverPull',
        `Container image "${reference}" is not present with pull policy of Never`,
        BACKOFF_MIN_MS,
      )
    }
    const tries = this.#failed.get(pod.metadata.uid)?.get(reference)
    const leftMs = tries ? tries.untilMs - this.#parts.env.clock.monotonicMs() : 0
    if (tries && leftMs > 0 && !(mayUsePresent && present)) {
      this.#parts.events.record(pod, 'Normal', 'BackOff', `Back-off pulling image "${reference}"`, container)
      return this.#fail(wanted, 'ImagePullBackOff', `Back-off pulling image "${reference}": ErrImagePull: ${tries.message}`, leftMs)
    }
    this.#set(wanted, { type: 'pulling' })
    void this.#pullFor(wanted, mayUsePresent ? present : undefined, signal)
  }

  async #pullFor(wanted: Wanted, fallback: ImageState | undefined, signal: AbortSignal): Promise<void> {
    const { pod, container, reference } = wanted
    const { clock } = this.#parts.env
    const startedMs = clock.monotonicMs()
    try {
      const image = await within(clock, fallback ? REFRESH_LIMIT_MS : PULL_LIMIT_MS, `pulling image "${reference}"`, signal, (until) =>
        this.#shared(wanted, fallback ? signal : until),
      )
      const took = `${((clock.monotonicMs() - startedMs) / 1000).toFixed(3)}s`
      this.#parts.events.record(
        pod,
        'Normal',
        'Pulled',
        `Successfully pulled image "${reference}" in ${took} (${took} including waiting). Image size: ${image.sizeBytes} bytes.`,
        container,
      )
      this.#failed.get(pod.metadata.uid)?.delete(reference)
      this.#set(wanted, { type: 'ready', imageId: image.id })
    } catch (error) {
      if (signal.aborted) return
      const message = messageOf(error)
      this.#parts.events.record(pod, 'Warning', 'Failed', `Failed to pull image "${reference}": ${message}`, container)
      if (fallback) this.#set(wanted, { type: 'ready', imageId: fallback.id })
      else {
        this.#parts.events.record(pod, 'Warning', 'Failed', 'Error: ErrImagePull', container)
        this.#backOff(pod.metadata.uid, reference, message)
        this.#fail(wanted, 'ErrImagePull', message, FAILURE_SHOWN_MS)
      }
    }
    this.#parts.wake(pod.metadata.uid)
  }

  /** One pull for all that want the same image now. */
  #shared(wanted: Wanted, signal: AbortSignal): Promise<ImageState> {
    const { reference } = wanted
    const running = this.#running.get(reference)
    if (running) return running
    const pull = this.#pull(wanted, signal).finally(() => this.#running.delete(reference))
    this.#running.set(reference, pull)
    return pull
  }

  async #pull({ pod, container, reference }: Wanted, signal: AbortSignal): Promise<ImageState> {
    if (this.#slots === 0) await new Promise<void>((resolve) => this.#queue.push(resolve))
    else this.#slots--
    try {
      signal.throwIfAborted()
      this.#parts.events.record(pod, 'Normal', 'Pulling', `Pulling image "${reference}"`, container)
      return await this.#parts.images.pullImage(reference, [], signal)
    } finally {
      const next = this.#queue.shift()
      if (next) next()
      else this.#slots++
    }
  }

  #backOff(podUid: string, reference: string, message: string): void {
    const tries = this.#failed.get(podUid) ?? new Map<string, Tries>()
    const before = tries.get(reference)
    const delayMs = before ? Math.min(before.delayMs * 2, BACKOFF_MAX_MS) : BACKOFF_MIN_MS
    tries.set(reference, { delayMs, untilMs: this.#parts.env.clock.monotonicMs() + delayMs, message })
    this.#failed.set(podUid, tries)
  }

  #fail(wanted: Wanted, reason: string, message: string, retryInMs: number): void {
    if (reason !== 'ErrImagePull') this.#parts.events.record(wanted.pod, 'Warning', 'Failed', `Error: ${reason}`, wanted.container)
    this.#set(wanted, { type: 'failed', reason, message, retryAtMs: this.#parts.env.clock.monotonicMs() + retryInMs })
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
}
type ImageNews = ImageProgress extends infer Progress
  ? Progress extends ImageProgress
    ? Omit<Progress, 'attempt' | 'reference'>
    : never
  : never

const NOTHING: ReadonlyMap<string, ImageProgress> = new Map()

/** @see Source: core/v1 Container imagePullPolicy: "Defaults to Always if :latest tag is specified, or IfNotPresent otherwise". */
function pullPolicy({ image, imagePullPolicy }: Container): 'Always' | 'IfNotPresent' | 'Never' {
  if (imagePullPolicy) return imagePullPolicy
  const named = image.split('@')[0]!
  const tag = /:([^/]+)$/.exec(named)?.[1]
  return image.includes('@') || (tag !== undefined && tag !== 'latest') ? 'IfNotPresent' : 'Always'
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
