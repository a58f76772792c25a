import { mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { runCommand } from '../../host/exec.ts'
import { readIfPresent } from '../../host/files.ts'

/** Paths of mounts at or below `folder`, innermost last. */
export async function mountsBelow(folder: string): Promise<readonly string[]> {
  const lines = ((await readIfPresent('/proc/self/mountinfo')) ?? '').split('\n')
  return lines
    .map((line) => unescaped(line.split(' ')[4] ?? ''))
    .filter((path) => path === folder || path.startsWith(`${folder}/`))
    .sort()
}

/** Unmounts everything there; nothing mounted = success. */
export async function unmountBelow(folder: string): Promise<void> {
  const mounts = await mountsBelow(folder)
  if (mounts.length > 0) await runCommand('umount', ['--lazy', ...[...mounts].reverse()])
}

/** Makes `copy` show what is at `source`, mounts below it included, all of it read-only. Anew when it is there already. */
export async function mountReadOnly(source: string, copy: string): Promise<void> {
  await unmountBelow(copy)
  if ((await stat(source)).isDirectory()) await mkdir(copy, { recursive: true })
  else {
    await mkdir(dirname(copy), { recursive: true })
    await writeFile(copy, '')
  }
  await runCommand('mount', ['--rbind', '--make-rprivate', source, copy])
  for (const path of await mountsBelow(copy)) await runCommand('mount', ['-o', 'remount,bind,ro', path])
}

/** @see Source: proc(5), "/proc/pid/mountinfo": octal for what would end a field. */
const unescaped = (path: string): string => path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
