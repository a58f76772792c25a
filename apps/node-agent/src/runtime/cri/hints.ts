import { fromBinary } from '@bufbuild/protobuf'
import type { Clock, Log } from '@bramble/reconcile/env'
import { CODE, type CriClient, CriError } from './cri-client.ts'
import { ContainerEventType, RuntimeService } from './grpc/api_pb.js'
import { type Envelope, Events, TaskExitSchema, TaskOOMSchema } from './grpc/events_pb.js'

/** Something happened to a container or a sandbox; or so much may have that everything is to be looked at. */
export type Happening = { readonly type: 'exit' | 'oom'; readonly id: string } | { readonly type: 'anything' }

const AGAIN_MS = 1_000
/** Where the runtime tells nothing by itself, and between tries where it does not answer. */
const POLL_MS = 10_000

export type EventSource = (client: CriClient, signal: AbortSignal) => AsyncIterable<Happening>

/** Happenings until `signal` aborts. A connection that is lost is opened again; what was missed meanwhile is `anything`. */
export async function* happenings(
  client: CriClient,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
  sources: readonly EventSource[] = [containerdEvents, criEvents],
): AsyncIterable<Happening> {
  let left = sources
  let failures = 0
  while (!signal.aborted) {
    const [source] = left
    if (source) {
      try {
        for await (const happening of source(client, signal)) {
          failures = 0
          yield happening
        }
      } catch (error) {
        if (error instanceof CriError && error.code === CODE.unimplemented) {
          left = left.slice(1)
          if (left.length === 0) log.warn('the container runtime tells of no events; looking every 10 s', { error })
          continue
        }
        if (!signal.aborted && failures === 0) log.warn('events of the container runtime are lost; trying again', { error })
      }
      failures++
    }
    await clock.sleep(source ? Math.min(POLL_MS, AGAIN_MS * 2 ** (failures - 1)) : POLL_MS, signal)
    if (!signal.aborted) yield { type: 'anything' }
  }
}

/** @see Source: containerd api/services/events/v1; filters are joined by "or". */
async function* containerdEvents(client: CriClient, signal: AbortSignal): AsyncIterable<Happening> {
  const filters = ['/tasks/exit', '/tasks/oom'].map((topic) => `namespace==k8s.io,topic=="${topic}"`)
  for await (const envelope of client.stream(Events.method.subscribe, { filters }, signal)) {
    const happening = happeningOf(envelope)
    if (happening) yield happening
  }
}

/** undefined for the end of a command beside a container's own process. */
export function happeningOf({ topic, event }: Pick<Envelope, 'topic' | 'event'>): Happening | undefined {
  if (!event) return undefined
  if (topic === '/tasks/oom') return { type: 'oom', id: fromBinary(TaskOOMSchema, event.value).containerId }
  const { containerId, id } = fromBinary(TaskExitSchema, event.value)
  return id === containerId ? { type: 'exit', id } : undefined
}

/** CRI's own, which CRI-O and containerd from 1.7 have. */
async function* criEvents(client: CriClient, signal: AbortSignal): AsyncIterable<Happening> {
  for await (const { containerEventType, containerId } of client.stream(RuntimeService.method.getContainerEvents, {}, signal))
    if (containerEventType === ContainerEventType.CONTAINER_STOPPED_EVENT) yield { type: 'exit', id: containerId }
}
