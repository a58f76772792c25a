import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { must, type Ran, run } from '@bramble/provisioning/run'

/** A system to run first-boot scripts in: this machine's own files, with every change kept apart and thrown away. Needs root. */
export class RootTree {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Undefined where a container may mount nothing. */
  static async make(): Promise<RootTree | undefined> {
    const folder = await mkdtemp(join(tmpdir(), 'bramble-tree-'))
    const tree = new RootTree(folder)
    const mounted = await run('mount', ['-t', 'tmpfs', 'tmpfs', folder])
    if (mounted.exitCode === 0) {
      for (const name of ['upper', 'work', 'root']) await mkdir(join(folder, name))
      const options = `lowerdir=/,upperdir=${folder}/upper,workdir=${folder}/work`
      const overlay = await run('mount', ['-t', 'overlay', 'overlay', '-o', options, join(folder, 'root')])
      const proc = await run('mount', ['-t', 'proc', 'proc', join(folder, 'root/proc')])
      if (overlay.exitCode === 0 && proc.exitCode === 0) return tree
    }
    await tree.remove()
    return undefined
  }

  path(name: string): string {
    return join(this.#folder, 'root', name)
  }

  async write(name: string, text: string, mode = 0o644): Promise<void> {
    await mkdir(dirname(this.path(name)), { recursive: true })
    await writeFile(this.path(name), text)
    await chmod(this.path(name), mode)
  }

  /** Undefined when it is not there. */
  read(name: string): Promise<string | undefined> {
    return readFile(this.path(name), 'utf8').catch(() => undefined)
  }

  /** As `ls` shows it: 600 root:root. */
  async rights(name: string): Promise<string> {
    const { mode } = await stat(this.path(name))
    return `${(mode & 0o777).toString(8)} ${await must('stat', ['-c', '%u', this.path(name)])}`
  }

  /** Runs a program inside. */
  inside(file: string, ...args: readonly string[]): Promise<Ran> {
    return run('chroot', [this.path(''), file, ...args])
  }

  async remove(): Promise<void> {
    for (const name of ['root/proc', 'root', '']) await run('umount', [join(this.#folder, name)])
    await rm(this.#folder, { recursive: true, force: true })
  }
}
