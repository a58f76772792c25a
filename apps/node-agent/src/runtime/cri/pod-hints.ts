import type { Clock, Log } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import { absent, type CriClient } from './cri-client.ts'
import { ContainerState, RuntimeService } from './grpc/api_pb.js'
import { happenings } from './hints.ts'
import type { CriObserver } from './observer.ts'

export interface PodHintsParts {
  readonly client: CriClient
  readonly clock: Clock
  readonly log: Log
  readonly observer: CriObserver
}

const END_AGAIN_MS = 10
const END_AGAIN_MS_MAX = 10_000

/** Which pods to look at again, each once however much happens to it meanwhile. Ends when `signal` aborts. */
export async function* podHints(parts: PodHintsParts, signal: AbortSignal): AsyncIterable<{ readonly podUid: string }> {
  const done = new AbortController()
  const hinted = new Set<string>()
  const change = new Signal()
  const hint = (podUid: string): void => {
    hinted.add(podUid)
    change.notify()
  }
  const followed = follow(parts, hint, AbortSignal.any([signal, done.signal]))
  try {
    while (!signal.aborted) {
      for (const podUid of hinted) {
        hinted.delete(podUid)
        yield { podUid }
      }
      if (hinted.size === 0) await change.wait(signal)
    }
  } finally {
    done.abort()
    await followed
  }
}

async function follow(parts: PodHintsParts, hint: (podUid: string) => void, signal: AbortSignal): Promise<void> {
  const { client, clock, log, observer } = parts
  for await (const happening of happenings(client, clock, log, signal)) {
    if (happening.type === 'anything') {
      for (const podUid of observer.podUids()) hint(podUid)
      continue
    }
    const podUid = observer.podOf(happening.id)
    if (happening.type === 'oom') observer.noteOom(happening.id)
    else observer.noteExit(happening.id)
    if (podUid === undefined) continue // not ours
    if (happening.type === 'oom') hint(podUid)
    else void untilEnded(parts, happening.id, signal).then(() => hint(podUid))
  }
}

/** containerd tells of an end some milliseconds before its CRI knows of it: waits until it does, for some 20 s. Never rejects. */
async function untilEnded({ client, clock }: PodHintsParts, containerId: string, signal: AbortSignal): Promise<void> {
  for (let againMs = END_AGAIN_MS; againMs <= END_AGAIN_MS_MAX && !signal.aborted; againMs *= 2) {
    try {
      const found = await absent(client.call(RuntimeService.method.containerStatus, { containerId }))
      if (found === undefined || found.status?.state === ContainerState.CONTAINER_EXITED) return
    } catch {
      // the runtime is away: the next try tells
    }
    await clock.sleep(againMs, signal)
  }
}
