import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile, lstat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { imageArchive } from '../../tools/images/image-archive.ts'
import type { Arch } from './machine.ts'

const exec = promisify(execFile)

export const WORDS_IMAGE = 'localhost/words:latest'
const TRIPLET = { arm64: 'aarch64-linux-gnu', x64: 'x86_64-linux-gnu' } as const
const LOADER = { arm64: 'lib/ld-linux-aarch64.so.1', x64: 'lib64/ld-linux-x86-64.so.2' } as const

/**
 * An archive of a container image for a machine of another kind: a shell, `sleep` and their library out of a Debian tree.
 *
 * @param base Archive of the tree that the image under test was made from.
 */
export async function wordsArchive(arch: Arch, base: string, target: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-words-'))
  try {
    const libraries = `./usr/lib/${TRIPLET[arch]}`
    await exec('tar', [
      '-x',
      '-f',
      base,
      '-C',
      folder,
      '--wildcards',
      './usr/bin/dash',
      './usr/bin/sleep',
      `${libraries}/libc.so.6`,
      `${libraries}/ld-*`,
    ])
    const from = (path: string): Promise<Buffer> => readFile(join(folder, path))
    const file = (path: string, data: Buffer) => ({ path, type: 'file', mode: 0o755, data }) as const
    const archive = imageArchive(
      WORDS_IMAGE,
      [
        file('bin/sh', await from('usr/bin/dash')),
        file('bin/sleep', await from('usr/bin/sleep')),
        file('lib/libc.so.6', await from(`usr/lib/${TRIPLET[arch]}/libc.so.6`)),
        file(LOADER[arch], await loader(join(folder, 'usr/lib', TRIPLET[arch]))),
      ],
      { env: { PATH: '/bin', LD_LIBRARY_PATH: '/lib' }, labels: {} },
      arch === 'x64' ? 'amd64' : arch,
    )
    await writeFile(target, archive.bytes)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function loader(folder: string): Promise<Buffer> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if (name.startsWith('ld-') && !(await lstat(path)).isSymbolicLink()) return readFile(path)
  }
  throw new Error(`no dynamic loader in ${folder}`)
}
