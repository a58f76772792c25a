import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Log } from '@bramble/reconcile/env'
import { pauseArchive } from '../../../../../tools/images/pause.ts'
import { RuntimeError } from '../runtime.ts'
import { type CriImages, ownArchitecture } from './images.ts'

/** The image that a runtime says it lacks for a sandbox; undefined when its words are about something else. */
export const missingSandboxImage = (message: string): string | undefined => /sandbox image "([^"]+)"/.exec(message)?.[1]

/**
 * Puts a pause image of our own where the runtime's is missing, so that a node without internet can run pods and its /etc stays as it
 * is. @throws RuntimeError `CreatePodSandboxError` with what to do instead.
 */
export async function providePauseImage(name: string, images: CriImages, log: Log, signal: AbortSignal): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-pause-'))
  try {
    const path = join(folder, 'pause.tar')
    await writeFile(path, pauseArchive(name, ownArchitecture()).bytes)
    await images.loadImages(path, signal)
    log.info('the image that every pod is made of was missing; put our own in its place', { image: name })
  } catch (error) {
    signal.throwIfAborted()
    throw new RuntimeError('CreatePodSandboxError', `sandbox image ${name} is missing: ${(error as Error).message}`, { cause: error })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
