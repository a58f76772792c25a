import { mkdir, watch } from 'node:fs/promises'
import type { Clock } from '@bramble/reconcile/env'

const AGAIN_MS = 1_000

/**
 * Ids of containers as they end, within milliseconds: their watcher writes a file named after the container into this folder.
 * Podman removes it again soon. Ends when `signal` aborts; does not keep the process alive.
 */
export async function* containerExits(directory: string, clock: Clock, signal: AbortSignal): AsyncIterable<string> {
  while (!signal.aborted) {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const changes = watch(directory, { signal, persistent: false })
      for await (const { filename } of changes) if (filename !== null && CONTAINER_ID.test(filename)) yield filename
    } catch {
      // aborted, or the folder went away with Podman's whole state: watch the new one
    }
    await clock.sleep(AGAIN_MS, signal)
  }
}

const CONTAINER_ID = /^[0-9a-f]{64}$/
