import { open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The whole file or the old one, whatever is cut when: write beside, sync, rename, sync the folder. */
export async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  const beside = `${path}.new`
  await unlink(beside).catch(() => {}) // left by a cut; its mode may be another
  const file = await open(beside, 'wx', mode)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(beside, path)
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
