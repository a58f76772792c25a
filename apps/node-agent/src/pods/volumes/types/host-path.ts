import type { Stats } from 'node:fs'
import { mkdir, open, stat } from 'node:fs/promises'
import { ifPresent } from '../if-present.ts'
import type { VolumeType } from '../volume-type.ts'

/** Something of the node as it is. Neither its owner nor what is in it is touched. */
export const hostPath: VolumeType = {
  field: 'hostPath',
  async prepare({ volume, persistent, readOnly }) {
    const { path = '', type } = persistent?.spec.hostPath ?? volume.hostPath!
    await checkHostPath(path, type)
    return { path, readOnly }
  },
}

/**
 * Makes or checks what a hostPath volume wants to find. A path without a type that is missing becomes a folder.
 *
 * @throws Error when it is something else.
 * @see Source: core/v1 HostPathVolumeSource; Kubernetes "hostPath volume types"; kubelet volume/hostpath checkTypeInternal.
 */
export async function checkHostPath(path: string, type: string = ''): Promise<void> {
  if (path.split('/').includes('..')) throw new Error(`invalid HostPath \`${path}\`: must not contain '..'`)
  const check = CHECKS[type]
  if (!check && type !== '') throw new Error(`${type} is an invalid volume type`)
  const found = await ifPresent(stat(path))
  if (!found && (type === '' || type === 'DirectoryOrCreate')) await mkdir(path, { recursive: true, mode: 0o755 })
  else if (!found && type === 'FileOrCreate') await (await open(path, 'a', 0o644)).close()
  else if (check && !(found && check.is(found))) throw new Error(`hostPath type check failed: ${path} is not a ${check.name}`)
}

const folder = { name: 'directory', is: (info: Stats) => info.isDirectory() }
const file = { name: 'file', is: (info: Stats) => info.isFile() }
const CHECKS: Readonly<Record<string, { readonly name: string; readonly is: (info: Stats) => boolean }>> = {
  DirectoryOrCreate: folder,
  Directory: folder,
  FileOrCreate: file,
  File: file,
  Socket: { name: 'socket file', is: (info) => info.isSocket() },
  CharDevice: { name: 'character device', is: (info) => info.isCharacterDevice() },
  BlockDevice: { name: 'block device', is: (info) => info.isBlockDevice() },
}
