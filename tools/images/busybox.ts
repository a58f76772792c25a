import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { TarEntry } from './tar.ts'

const PLACES = ['/bin/busybox', '/usr/bin/busybox']
const PROGRAM_HEADER_INTERPRETER = 3

/** The files of a small system: Debian's static busybox under every name it answers to. @throws Error when it is not installed. */
export async function busyboxFiles(): Promise<readonly TarEntry[]> {
  const { path, data } = await findStatic()
  const { stdout } = await promisify(execFile)(path, ['--list'])
  const applets = stdout
    .split('\n')
    .filter((name) => name !== '' && name !== 'busybox')
    .sort()
  const text = (path: string, words: string): TarEntry => ({ path, type: 'file', mode: 0o644, data: Buffer.from(words) })
  const folder = (path: string, mode: number = 0o755): TarEntry => ({ path, type: 'folder', mode })
  return [
    folder('bin'),
    folder('dev'),
    folder('etc'),
    folder('proc'),
    folder('root', 0o700),
    folder('sys'),
    folder('tmp', 0o1777),
    folder('var'),
    text('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n'),
    text('etc/group', 'root:x:0:\nnogroup:x:65534:\n'),
    { path: 'bin/busybox', type: 'file', mode: 0o755, data },
    ...applets.map((name): TarEntry => ({ path: `bin/${name}`, type: 'link', target: 'busybox' })),
  ]
}

async function findStatic(): Promise<{ readonly path: string; readonly data: Buffer }> {
  for (const path of PLACES) {
    const data = await readFile(path).catch(() => undefined)
    if (data && isStatic(data)) return { path, data }
  }
  throw new Error('a static busybox is needed to build images: apt-get install busybox-static')
}

/** Whether a 64-bit little-endian ELF program names no dynamic loader. @see Source: ELF-64 Object File Format, "Program Headers". */
export function isStatic(program: Buffer): boolean {
  if (program.length < 64 || program.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return false
  const [offset, entryBytes, count] = [Number(program.readBigUInt64LE(32)), program.readUInt16LE(54), program.readUInt16LE(56)]
  return Array.from({ length: count }, (_, index) => program.readUInt32LE(offset + index * entryBytes)).every(
    (type) => type !== PROGRAM_HEADER_INTERPRETER,
  )
}
