import { readdir, readFile, readlink } from 'node:fs/promises'

/**
 * What a process of a laboratory host is called outside.
 *
 * @param inside Its id as the host's own programs see it, such as that of a container's first process.
 * @param neighbour Any process of the host, as seen from outside.
 */
export async function outsidePid(inside: number, neighbour: number): Promise<number> {
  const netns = await readlink(`/proc/${neighbour}/ns/net`)
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const status = await readFile(`/proc/${entry}/status`, 'utf8').catch(() => '')
    const ids = /^NSpid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/).map(Number) ?? []
    if (ids[1] !== inside) continue
    const parent = /^PPid:\s+(\d+)$/m.exec(status)?.[1]
    if ((await readlink(`/proc/${parent}/ns/net`).catch(() => '')) === netns) return Number(entry)
  }
  throw new Error(`no process ${inside} on that host`)
}
