import { watch } from 'node:fs'
import { dirname } from 'node:path'
import { badRequest, notFound } from '@bramble/api/status-error'
import type { Clock } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import { type LogOptions, readLogFile } from './log-file.ts'

/** Which log, and how much of it. Source: core/v1 PodLogOptions. */
export interface PodLogsRequest extends LogOptions {
  readonly namespace: string
  readonly pod: string
  readonly podUid: string
  readonly container: string
  readonly follow: boolean
  /** Of the attempt before the current one. */
  readonly previous: boolean
}

/** @param stream Of PodLogOptions: `Stdout`, `Stderr`; everything else means both. */
export const oneStream = (stream: string): Pick<LogOptions, 'stream'> =>
  stream === 'Stdout' ? { stream: 'stdout' } : stream === 'Stderr' ? { stream: 'stderr' } : {}

/** `openPodLogs(request, signal)`. @throws StatusError, as the API answers it, at once. */
export type OpenPodLogs = (request: PodLogsRequest, signal: AbortSignal) => AsyncIterable<Uint8Array>

/** What the pods of this node are up to, as far as logs need it. */
export interface LogLookup {
  /** undefined: no such pod here. */
  containers(podUid: string): readonly ContainerLogs[] | undefined
  /** Notified when a container of the pod may have started or ended. */
  change(podUid: string): Signal
}

export interface ContainerLogs {
  readonly name: string
  /** Attempts that have a log, newest first. */
  readonly attempts: readonly { readonly logPath: string; readonly running: boolean }[]
  /** Why it does not run, e.g. `ContainerCreating`. */
  readonly waitingReason?: string
}

/** Looks again after this time even when no change was told. */
const LOOK_AGAIN_MS = 10_000

export const podLogs =
  (lookup: LogLookup, clock: Clock): OpenPodLogs =>
  (request, signal) => {
    const { logPath, running } = findAttempt(findContainer(lookup, request), request)
    return request.follow && running ? followed(logPath, lookup, clock, request, signal) : readLogFile(logPath, request, signal)
  }

function findAttempt({ attempts, waitingReason }: ContainerLogs, request: PodLogsRequest): ContainerLogs['attempts'][number] {
  const of = `container "${request.container}" in pod "${request.pod}"`
  const attempt = attempts[request.previous ? 1 : 0] ?? (request.previous && waitingReason === 'CrashLoopBackOff' ? attempts[0] : undefined)
  if (attempt) return attempt
  if (request.previous) throw badRequest(`previous terminated ${of} not found`)
  throw badRequest(`${of} is waiting to start: ${waitingText(waitingReason)}`)
}

/** Source: kubelet, validateContainerLogStatus. */
function waitingText(reason = 'ContainerCreating'): string {
  if (reason === 'ErrImagePull') return "image can't be pulled"
  return reason === 'ImagePullBackOff' ? 'trying and failing to pull image' : reason
}

async function* followed(
  logPath: string,
  lookup: LogLookup,
  clock: Clock,
  request: PodLogsRequest,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const written = new Signal()
  const stop = new AbortController()
  watchFolder(dirname(logPath), written, AbortSignal.any([signal, stop.signal]))
  try {
    yield* readLogFile(logPath, request, signal, {
      ended: () =>
        !lookup.containers(request.podUid)?.some(({ attempts }) => attempts.some((each) => each.logPath === logPath && each.running)),
      change: (until) =>
        firstOf(until, [
          (each) => written.wait(each),
          (each) => lookup.change(request.podUid).wait(each),
          (each) => clock.sleep(LOOK_AGAIN_MS, each),
        ]),
    })
  } finally {
    stop.abort()
  }
}

/** Without a folder there is nothing to see: the clock has to do. */
function watchFolder(folder: string, change: Signal, signal: AbortSignal): void {
  try {
    watch(folder, { signal }, () => change.notify()).on('error', () => change.notify())
  } catch {
    return
  }
}

function findContainer(lookup: LogLookup, { pod, podUid, container }: PodLogsRequest): ContainerLogs {
  const containers = lookup.containers(podUid)
  if (!containers) throw notFound({ group: '', plural: 'pods' }, pod)
  const found = containers.find(({ name }) => name === container)
  if (!found) throw badRequest(`container ${container} is not valid for pod ${pod}`)
  return found
}

/** Waits for the first, and lets go of the others. */
async function firstOf(signal: AbortSignal, waits: readonly ((signal: AbortSignal) => Promise<void>)[]): Promise<void> {
  const done = new AbortController()
  try {
    await Promise.race(waits.map((wait) => wait(AbortSignal.any([signal, done.signal]))))
  } finally {
    done.abort()
  }
}
