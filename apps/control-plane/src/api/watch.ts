import type { JsonObject, KubeObject } from '@bramble/api/object'
import { apiVersionOf } from '@bramble/api/object'
import { expired, statusBody, type StatusError } from '@bramble/api/status-error'
import type { Entry, Revision } from '../store/backend/backend.ts'
import { prefixOf } from '../store/keys.ts'
import { Expired, type StoreEvent, type StoreReader } from '../store/store-types.ts'
import { parseRevision, tooLargeRevision } from './list-position.ts'
import type { Machine } from './machine.ts'
import { Recent } from './recent.ts'
import type { WatchEvent, Watching, WatchRequest } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { selector } from './selection.ts'
import { fromStored, storageOf } from './versions.ts'
import { checkWatchOptions } from './watch-options.ts'

// Source: apiserver pkg/storage/cacher/cache_watcher.go.
const BOOKMARK_MS = 60_000
const BOOKMARK_BEFORE_END_MS = 2_000
const CONVERTED_MAX = 64

type Matches = (object: KubeObject) => boolean

/**
 * See `Resources.watch`. What is wrong with the request is thrown at once, before anything is sent.
 * @throws StatusError 400, 422
 */
export function watchObjects(machine: Machine, resource: ResourceDefinition, request: WatchRequest, signal: AbortSignal): Watching {
  checkWatchOptions(request)
  const since = parseRevision(request.resourceVersion)
  return new ObjectWatch(machine, resource, request, { since, matches: selector(resource, request) }, signal)
}

interface Start {
  /** Undefined: from what is there now. */
  readonly since: Revision | undefined
  readonly matches: Matches
}

/**
 * One watch. It keeps no events: those that are not asked for yet are in the store's history, and when they are forgotten there
 * the watch says so and ends.
 */
class ObjectWatch implements Watching, AsyncIterator<WatchEvent> {
  readonly #machine: Machine
  readonly #resource: ResourceDefinition
  readonly #request: WatchRequest
  readonly #start: Start
  readonly #signal: AbortSignal
  #reader: StoreReader | undefined
  #initial: readonly Entry[] = []
  #initialAt = 0
  /** Said as soon as everything before it has been. */
  #bookmark: WatchEvent | undefined
  #bookmarkIsDue = false
  /** The last thing to say. */
  #failure: StatusError | undefined
  #ended = false
  readonly #wake = (): void => this.#resume()
  #resume: () => void = () => {}

  constructor(machine: Machine, resource: ResourceDefinition, request: WatchRequest, start: Start, signal: AbortSignal) {
    this.#machine = machine
    this.#resource = resource
    this.#request = request
    this.#start = start
    this.#signal = signal
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<WatchEvent>> {
    if (!this.#reader && !this.#ended) await this.#open()
    for (;;) {
      const value = this.poll()
      if (value) return { value, done: false }
      if (this.#ended) return { value: undefined, done: true }
      await new Promise<void>((resolve) => {
        this.#resume = resolve
      })
    }
  }

  async return(): Promise<IteratorResult<WatchEvent>> {
    this.#end()
    return { value: undefined, done: true }
  }

  poll(): WatchEvent | undefined {
    if (this.#ended) return undefined
    try {
      const event = this.#nextInitial() ?? this.#nextBookmark() ?? this.#nextChange() ?? this.#nextDueBookmark()
      if (event) return event
      if (this.#failure) return this.#fail(this.#failure)
      if (this.#reader?.ended) this.#end()
      return undefined
    } catch (error) {
      if (error instanceof Expired) return this.#fail(this.#tooOld())
      this.#end()
      throw error
    }
  }

  async #open(): Promise<void> {
    const { store } = this.#machine
    const { since } = this.#start
    await store.barrier()
    if (this.#signal.aborted) return this.#end()
    this.#signal.addEventListener('abort', () => this.#end(), { once: true })
    if (since !== undefined && since > store.revision) {
      this.#failure = tooLargeRevision(since, store.revision)
      return
    }
    try {
      this.#follow(since)
    } catch (error) {
      if (!(error instanceof Expired)) throw error
      this.#failure = this.#tooOld()
    }
  }

  #follow(since: Revision | undefined): void {
    const { store } = this.#machine
    const { namespace, sendInitialEvents, allowBookmarks } = this.#request
    const prefix = prefixOf(storageOf(this.#resource), namespace)
    let after = since || store.revision
    if (sendInitialEvents ?? !since) {
      const { entries, revision } = store.list(prefix)
      after = revision
      this.#initial = entries
      if (sendInitialEvents && allowBookmarks) this.#bookmark = bookmark(this.#resource, revision, INITIAL_EVENTS_END)
    }
    this.#reader = store.reader(prefix, after, this.#wake)
    if (allowBookmarks) void this.#remindOfBookmarks()
  }

  async #remindOfBookmarks(): Promise<void> {
    const { clock } = this.#machine.env
    const lastMs = clock.monotonicMs() + (this.#request.timeoutMs ?? Number.POSITIVE_INFINITY) - BOOKMARK_BEFORE_END_MS
    for (;;) {
      const leftMs = lastMs - clock.monotonicMs()
      await clock.sleep(leftMs > 0 ? Math.min(BOOKMARK_MS, leftMs) : BOOKMARK_MS, this.#signal)
      if (this.#ended) return
      this.#bookmarkIsDue = true
      this.#resume()
    }
  }

  #nextInitial(): WatchEvent | undefined {
    while (this.#initialAt < this.#initial.length) {
      const object = seenAs(this.#resource, this.#initial[this.#initialAt++]!.value)
      if (this.#start.matches(object)) return { type: 'ADDED', object }
    }
    this.#initial = []
    return undefined
  }

  #nextBookmark(): WatchEvent | undefined {
    const event = this.#bookmark
    this.#bookmark = undefined
    return event
  }

  #nextChange(): WatchEvent | undefined {
    for (let event = this.#reader?.read(); event; event = this.#reader?.read()) {
      const change = changeOf(this.#resource, event, this.#start.matches)
      if (change) return change
    }
    return undefined
  }

  /** Everything up to now has been read, so the newest revision has been reached, however long the kind was quiet. */
  #nextDueBookmark(): WatchEvent | undefined {
    if (!this.#bookmarkIsDue) return undefined
    this.#bookmarkIsDue = false
    return bookmark(this.#resource, this.#machine.store.revision)
  }

  #fail(error: StatusError): WatchEvent {
    this.#end()
    return { type: 'ERROR', object: statusBody(error) }
  }

  #end(): void {
    this.#ended = true
    this.#initial = []
    this.#reader?.close()
    this.#resume()
  }

  #tooOld(): StatusError {
    return expired(`too old resource version: ${this.#start.since ?? 0} (${this.#machine.store.revision})`)
  }
}

const converted = new WeakMap<ResourceDefinition, Recent<KubeObject>>()

/** An object in the version that is watched. All who watch that version see the same copy, so that it is made and encoded once. */
function seenAs(resource: ResourceDefinition, object: KubeObject): KubeObject {
  if (!resource.storage) return object
  const recent = converted.get(resource) ?? new Recent(CONVERTED_MAX)
  converted.set(resource, recent)
  return recent.get(object, '', () => fromStored(resource, object))
}

/** What one change means to those who see only what matches. */
function changeOf(resource: ResourceDefinition, { type, entry, previous }: StoreEvent, matches: Matches): WatchEvent | undefined {
  const object = seenAs(resource, entry.value)
  const before = previous && seenAs(resource, previous.value)
  const was = before !== undefined && matches(before)
  if (type === 'delete') return was ? { type: 'DELETED', object } : undefined
  if (matches(object)) return { type: was ? 'MODIFIED' : 'ADDED', object }
  return was ? { type: 'DELETED', object: withRevision(before, object.metadata.resourceVersion) } : undefined
}

/** The last state that matched, at the revision at which it ceased to. */
const withRevision = (object: KubeObject, resourceVersion: string): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion },
})

const INITIAL_EVENTS_END = { 'k8s.io/initial-events-end': 'true' }

function bookmark(
  { group, version, kind }: ResourceDefinition,
  revision: Revision,
  annotations?: Readonly<Record<string, string>>,
): WatchEvent {
  const object: JsonObject = {
    kind,
    apiVersion: apiVersionOf(group, version),
    metadata: { resourceVersion: String(revision), creationTimestamp: null, ...(annotations && { annotations }) },
  }
  return { type: 'BOOKMARK', object }
}
