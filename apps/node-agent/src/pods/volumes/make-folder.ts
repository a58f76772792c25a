import { chmod, chown, mkdir, rename, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ifPresent } from './if-present.ts'

/**
 * A folder that is there with its permissions, or not at all. One that is there already is left as it is: it belongs to whoever uses it.
 * @returns whether it was made.
 */
export async function makeFolder(path: string, mode: number, group?: number): Promise<boolean> {
  const found = await ifPresent(stat(path))
  if (found?.isDirectory()) return false
  if (found) throw new Error(`${path} is no folder`)
  const draft = join(dirname(path), `.new-${basename(path)}`)
  await mkdir(draft, { recursive: true })
  if (group !== undefined) await chown(draft, -1, group)
  await chmod(draft, mode)
  await rename(draft, path)
  return true
}
