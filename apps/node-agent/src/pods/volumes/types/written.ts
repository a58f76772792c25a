import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeAtomicFolder } from '../atomic-folder.ts'
import { volumePayload } from '../payload.ts'
import type { VolumeType } from '../volume-type.ts'

/** Volumes whose files the node writes, from what it was assigned. They follow their source while the pod runs, and never reach the disk. */
const written = (field: string): VolumeType => ({
  field,
  async prepare({ pod, volume, source, facts, runFolder }) {
    const content = volumePayload(volume, { pod, source, facts, name: volume.name })
    await mkdir(dirname(runFolder), { recursive: true, mode: 0o750 })
    await writeAtomicFolder(runFolder, content, pod.spec.securityContext?.fsGroup)
    return { path: runFolder, readOnly: true }
  },
})

export const configMap = written('configMap')
export const secret = written('secret')
export const downwardApi = written('downwardAPI')
export const projected = written('projected')
