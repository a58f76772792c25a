import { mkdir, realpath } from 'node:fs/promises'
import { release } from 'node:os'
import { mountAt } from './mount-table.ts'
import type { Mounter } from './mounter.ts'

/** What is in memory shall not be written to a card after all; kernels from 6.4 on can be told. */
const [major = 0, minor = 0] = release().split('.').map(Number)
export const NEVER_SWAPPED: readonly string[] = major > 6 || (major === 6 && minor >= 4) ? ['noswap'] : []

/** Makes a folder a file system in memory, which root alone looks into. One that is mounted already is left as it is. */
export async function mountInMemory(folder: string, mounter: Mounter): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o750 })
  const target = await realpath(folder)
  if (mountAt(await mounter.list(), target)) return
  await mounter.mount({ type: 'tmpfs', source: 'tmpfs', target, options: ['mode=0750', 'nosuid', 'nodev', ...NEVER_SWAPPED] })
}
