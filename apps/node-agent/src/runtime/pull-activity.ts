import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'

/** Programs that fetch images, as the kernel names them. */
const ENGINES: ReadonlySet<string> = new Set(['podman', 'containerd', 'crio'])
/** Files that they fetch layers into and unpack them from. */
const LAYER_FILE = /\/(container_images_)?storage\d+\/|\/io\.containerd\.content\.v1\.content\/(ingest|blobs)\//

/**
 * Where container engines are in the layers that they fetch and unpack just now: the text differs from the last one when bytes have
 * moved since. Engines do not tell of a registry that went silent, so their open files are looked at; nothing is asked of them.
 *
 * @returns undefined where no engine runs, so that nobody can tell.
 * @see Source: proc(5), /proc/pid/fdinfo; containers/image storage destination; containerd content store.
 */
export async function pullActivity(procFolder: string = '/proc'): Promise<string | undefined> {
  const engines: string[] = []
  for (const pid of await readdir(procFolder)) {
    if (!/^\d+$/.test(pid)) continue
    const name = await readFile(join(procFolder, pid, 'comm'), 'utf8').catch(() => '') // it has ended
    if (ENGINES.has(name.trim())) engines.push(pid)
  }
  if (engines.length === 0) return undefined
  return (await Promise.all(engines.map((pid) => positions(join(procFolder, pid))))).flat().sort().join('\n')
}

async function positions(folder: string): Promise<readonly string[]> {
  const found: string[] = []
  for (const descriptor of await readdir(join(folder, 'fd')).catch(() => [])) {
    const file = await readlink(join(folder, 'fd', descriptor)).catch(() => '')
    if (!LAYER_FILE.test(file)) continue
    const info = await readFile(join(folder, 'fdinfo', descriptor), 'utf8').catch(() => '')
    found.push(`${file} ${/^pos:\s*(\d+)/m.exec(info)?.[1] ?? ''}`)
  }
  return found
}
