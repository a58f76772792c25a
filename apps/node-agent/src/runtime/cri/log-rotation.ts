import { rename, stat } from 'node:fs/promises'
import type { Clock, Log } from '@bramble/reconcile/env'
import { isMissing } from '../../host/files.ts'
import { absent, type CriClient } from './cri-client.ts'
import { RuntimeService } from './grpc/api_pb.js'
import type { CriObserver } from './observer.ts'

/** As often as kubelet looks. */
const LOOK_MS = 10_000

export interface LogRotation {
  readonly client: CriClient
  readonly observer: CriObserver
  readonly clock: Clock
  readonly log: Log
  /** A log that is larger is put aside. */
  readonly bytesMax: number
}

/**
 * Keeps logs of running containers below a size until `signal` aborts: the full one becomes `….log.old` in place of the one before,
 * the runtime opens a new one. A CRI runtime leaves that to whom it serves. Never rejects.
 */
export async function rotateLogs(rotation: LogRotation, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await rotation.clock.sleep(LOOK_MS, signal)
    if (signal.aborted) return
    for (const [containerId, path] of rotation.observer.runningLogs())
      await rotateOne(rotation, containerId, path).catch((error: unknown) =>
        rotation.log.warn('a log could not be rotated', { path, error }),
      )
  }
}

/** @returns whether it was full. */
export async function rotateOne(
  { client, bytesMax }: Pick<LogRotation, 'client' | 'bytesMax'>,
  containerId: string,
  path: string,
): Promise<boolean> {
  try {
    if ((await stat(path)).size <= bytesMax) return false
    await rename(path, `${path}.old`)
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
  await absent(client.call(RuntimeService.method.reopenContainerLog, { containerId }))
  return true
}
