import { mkdir } from 'node:fs/promises'
import { mountAt } from '../mounts/mount-table.ts'
import type { VolumeType } from '../volume-type.ts'

/** `mount.nfs` tries for two minutes by itself. */
const MOUNT_MS = 130_000

/**
 * A folder of an NFS server. Once it is mounted nothing here looks into it: a server that is gone would keep whoever asks waiting.
 * @see Source: kubelet volume/nfs SetUpAt.
 */
export const nfs: VolumeType = {
  field: 'nfs',
  async prepare({ pod, volume, persistent, readOnly, runFolder }, { mounter, slowWork }) {
    const { server = '', path = '', readOnly: ofSource = false } = persistent?.spec.nfs ?? volume.nfs!
    const isReadOnly = readOnly || ofSource
    const ready = { path: runFolder, readOnly: isReadOnly, mayHang: true }
    if (mountAt(await mounter.list(), runFolder)) return ready
    const source = `${server.includes(':') && !server.startsWith('[') ? `[${server}]` : server}:${path}`
    const options = [...new Set([...(persistent?.spec.mountOptions ?? []), ...(isReadOnly ? ['ro'] : [])])].sort()
    await slowWork.get(
      `${pod.metadata.uid}/${volume.name}`,
      `${source} is still being mounted: does the server answer?`,
      async (signal) => {
        await mkdir(runFolder, { recursive: true, mode: 0o750 })
        await mounter.mount({ type: 'nfs', source, target: runFolder, options, timeoutMs: MOUNT_MS }, signal)
      },
    )
    return ready
  },
}
