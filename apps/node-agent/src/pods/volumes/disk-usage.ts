import { lstat, opendir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { ifPresent } from './if-present.ts'

export interface Usage {
  readonly usedBytes: number
  readonly inodes: number
}

const BLOCK_BYTES = 512

/** What a folder and all in it occupy on its file system; a file with several names counts once. Links are not followed. */
export async function diskUsage(folder: string, signal?: AbortSignal): Promise<Usage> {
  const seen = new Set<number>()
  const root = await ifPresent(lstat(folder))
  return root ? usageBelow(folder, root.dev, seen, signal) : { usedBytes: 0, inodes: 0 }
}

/** What a file system of its own holds. */
export async function fileSystemUsage(folder: string): Promise<Usage> {
  const { blocks, bfree, bsize, files, ffree } = await statfs(folder)
  return { usedBytes: (blocks - bfree) * bsize, inodes: files - ffree }
}

async function usageBelow(path: string, device: number, seen: Set<number>, signal?: AbortSignal): Promise<Usage> {
  signal?.throwIfAborted()
  const info = await ifPresent(lstat(path))
  if (!info || info.dev !== device || (info.nlink > 1 && !info.isDirectory() && seen.has(info.ino))) return { usedBytes: 0, inodes: 0 }
  if (info.nlink > 1 && !info.isDirectory()) seen.add(info.ino)
  let usedBytes = info.blocks * BLOCK_BYTES
  let inodes = 1
  if (info.isDirectory())
    for await (const { name } of await opendir(path)) {
      const below = await usageBelow(join(path, name), device, seen, signal)
      usedBytes += below.usedBytes
      inodes += below.inodes
    }
  return { usedBytes, inodes }
}
