import { type FieldError, forbiddenField, notSupported } from '@bramble/api/field-error'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import { apiVersionOf } from '@bramble/api/object'
import { expired, statusBody, type StatusError } from '@bramble/api/status-error'
import type { Revision } from '../store/backend/backend.ts'
import { prefixOf } from '../store/keys.ts'
import { Expired, type StoreEvent } from '../store/store-types.ts'
import { invalidListOptions, parseRevision, tooLargeRevision } from './list-position.ts'
import type { Machine } from './machine.ts'
import type { WatchEvent, WatchRequest } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { selector } from './selection.ts'
import { fromStored, storageOf } from './versions.ts'

const BOOKMARK_MS = 60_000

type Matches = (object: KubeObject) => boolean

/**
 * See `Resources.watch`. What is wrong with the request is thrown at once, before anything is sent.
 * @throws StatusError 400, 422
 */
export function watchObjects(
  machine: Machine,
  resource: ResourceDefinition,
  request: WatchRequest,
  signal: AbortSignal,
): AsyncIterable<WatchEvent> {
  checkInitialEvents(request)
  const since = parseRevision(request.resourceVersion)
  const matches = selector(resource, request)
  return run(machine, resource, request, { since, matches }, signal)
}

interface Start {
  /** Undefined: from what is there now. */
  readonly since: Revision | undefined
  readonly matches: Matches
}

async function* run(
  machine: Machine,
  resource: ResourceDefinition,
  request: WatchRequest,
  { since, matches }: Start,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent> {
  const { store, progress } = machine
  await store.barrier()
  if (since !== undefined && since > store.revision) return yield errorEvent(tooLargeRevision(since, store.revision))

  const prefix = prefixOf(storageOf(resource), request.namespace)
  const wantsState = request.sendInitialEvents ?? !since
  const follower = progress.follow(prefix)
  try {
    let revision = since || store.revision
    if (wantsState) {
      const listing = store.list(prefix)
      revision = listing.revision
      for (const { value } of listing.entries) {
        const object = fromStored(resource, value)
        if (matches(object)) yield { type: 'ADDED', object }
      }
      if (request.sendInitialEvents) yield bookmark(resource, revision, { 'k8s.io/initial-events-end': 'true' })
    }
    const after = revision
    const open = (ending: AbortSignal): AsyncIterable<StoreEvent> => store.watch(prefix, after, ending)
    for await (const event of withTicks(open, machine, request.allowBookmarks ? BOOKMARK_MS : Infinity, signal)) {
      if (event === 'tick') {
        // Everything under the prefix has been seen, so everything up to now has.
        if (follower.newest <= revision) yield bookmark(resource, store.revision)
        continue
      }
      revision = event.revision
      const change = changeOf(resource, event, matches)
      if (change) yield change
    }
  } catch (error) {
    if (!(error instanceof Expired)) throw error
    yield errorEvent(expired(`too old resource version: ${since ?? 0} (${store.revision})`))
  } finally {
    follower.stop()
  }
}

/** What one change means to those who see only what matches. */
function changeOf(resource: ResourceDefinition, { type, entry, previous }: StoreEvent, matches: Matches): WatchEvent | undefined {
  const object = fromStored(resource, entry.value)
  const before = previous && fromStored(resource, previous.value)
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

const errorEvent = (error: StatusError): WatchEvent => ({ type: 'ERROR', object: statusBody(error) })

/** The events, and a tick each `tickMs`. However it is left, what `open` opened ends with it. */
async function* withTicks<T>(
  open: (ending: AbortSignal) => AsyncIterable<T>,
  { env }: Machine,
  tickMs: number,
  signal: AbortSignal,
): AsyncGenerator<T | 'tick'> {
  const stop = new AbortController()
  const ending = AbortSignal.any([signal, stop.signal])
  const sleep = (): Promise<'tick'> => (tickMs === Infinity ? NEVER : env.clock.sleep(tickMs, ending).then(() => 'tick'))
  const iterator = open(ending)[Symbol.asyncIterator]()
  try {
    let next = iterator.next()
    let tick = sleep()
    for (;;) {
      const first = await Promise.race([next, tick])
      if (first === 'tick') {
        if (signal.aborted) return
        yield 'tick'
        tick = sleep()
        continue
      }
      if (first.done) return
      yield first.value
      next = iterator.next()
    }
  } finally {
    stop.abort()
    await iterator.return?.()
  }
}

const NEVER: Promise<never> = new Promise(() => {})

/** Source: apimachinery pkg/apis/meta/internalversion/validation, validateWatchOptions. */
function checkInitialEvents({ sendInitialEvents, resourceVersionMatch, allowBookmarks }: WatchRequest): void {
  const errors: FieldError[] = []
  if (sendInitialEvents === undefined) {
    if (resourceVersionMatch)
      errors.push(
        forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'),
      )
  } else {
    if (resourceVersionMatch === undefined || resourceVersionMatch === '')
      errors.push(forbiddenField('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'))
    else if (resourceVersionMatch !== 'NotOlderThan')
      errors.push(notSupported('resourceVersionMatch', resourceVersionMatch, ['NotOlderThan']))
    if (sendInitialEvents && !allowBookmarks)
      errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden unless allowWatchBookmarks is set to true'))
  }
  if (errors.length > 0) throw invalidListOptions(errors)
}
