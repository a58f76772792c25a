import { mkdir, open, stat } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { isMissing } from '../../host/files.ts'
import { VolumeError } from '../pod-files.ts'

/**
 * Makes or checks what a hostPath volume wants to find. A path without a type that is missing becomes a folder.
 *
 * @throws VolumeError when it is something else.
 * @see Source: core/v1 HostPathVolumeSource; Kubernetes "hostPath volume types".
 */
export async function checkHostPath(volume: string, path: string, type: string = ''): Promise<void> {
  const found = await statIfPresent(path)
  if (!found && (type === '' || type === 'DirectoryOrCreate')) await mkdir(path, { recursive: true, mode: 0o755 })
  else if (!found && type === 'FileOrCreate') await (await open(path, 'a', 0o644)).close()
  else if (type !== '') {
    const check = CHECKS[type]
    if (!check) throw new VolumeError(volume, `hostPath type "${type}" is unknown`)
    if (!found || !check.is(found)) throw new VolumeError(volume, `hostPath type check failed: ${path} is not a ${check.name}`)
  }
}

const CHECKS: Readonly<Record<string, { readonly name: string; readonly is: (info: Stats) => boolean }>> = {
  DirectoryOrCreate: { name: 'directory', is: (info) => info.isDirectory() },
  Directory: { name: 'directory', is: (info) => info.isDirectory() },
  FileOrCreate: { name: 'file', is: (info) => info.isFile() },
  File: { name: 'file', is: (info) => info.isFile() },
  Socket: { name: 'socket file', is: (info) => info.isSocket() },
  CharDevice: { name: 'character device', is: (info) => info.isCharacterDevice() },
  BlockDevice: { name: 'block device', is: (info) => info.isBlockDevice() },
}

async function statIfPresent(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
