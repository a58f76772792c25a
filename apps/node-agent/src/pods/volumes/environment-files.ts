import { constants } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Container } from '@bramble/api/types/pod'
import { isWithin } from './mounts/mount-table.ts'
import { openBelow, pathOf } from './safe-open.ts'
import type { PreparedVolume } from './volume-type.ts'

/** @see Source: core/v1 FileKeySelector: the file is at most 64 KiB. */
const BYTES_MAX = 64 << 10

/** Text of the files that a container's variables refer to, by `<volume>/<path>`; those that cannot be read are left out. */
export async function environmentFiles(
  volumes: ReadonlyMap<string, PreparedVolume>,
  { env = [] }: Container,
): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  for (const { valueFrom } of env) {
    if (!valueFrom?.fileKeyRef) continue
    const { volumeName, path } = valueFrom.fileKeyRef
    const volume = volumes.get(volumeName)
    const text = volume && !volume.isDevice && !volume.mayHang ? await readBelow(volume.path, path).catch(() => undefined) : undefined
    if (text !== undefined) files.set(`${volumeName}/${path}`, text)
  }
  return files
}

async function readBelow(volume: string, path: string): Promise<string> {
  const root = await realpath(volume)
  const real = await realpath(join(root, path))
  if (!isWithin(real, root)) throw new Error(`${path} leads out of the volume`)
  const found = await openBelow(root, relative(root, real).split('/'))
  try {
    if (!(await found.stat()).isFile()) throw new Error(`${path} is no file`)
    const file = await open(pathOf(found), constants.O_RDONLY)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(BYTES_MAX), 0, BYTES_MAX, 0)
      return buffer.toString('utf8', 0, bytesRead)
    } finally {
      await file.close()
    }
  } finally {
    await found.close()
  }
}
