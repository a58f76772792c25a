import { realpath } from 'node:fs/promises'
import { isWithin, type MountEntry, mountAt } from './mount-table.ts'
import type { Mounter, MountRequest } from './mounter.ts'

/** A mount table without a kernel: nothing is seen anywhere else, but everything is remembered as the kernel would. For tests. */
export class MemoryMounter implements Mounter {
  readonly requests: MountRequest[] = []
  /** Sources whose mounting never ends, as when a server is gone. */
  readonly silent = new Set<string>()
  /** Sources that cannot be mounted, and why. */
  readonly broken = new Map<string, string>()
  #mounts: readonly MountEntry[] = []
  #ids = 100

  async list(): Promise<readonly MountEntry[]> {
    return this.#mounts
  }

  async mount(request: MountRequest, signal?: AbortSignal): Promise<void> {
    const { type, source, target } = request
    this.requests.push(request)
    if (this.silent.has(source))
      await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))
    const why = this.broken.get(source)
    if (why !== undefined) throw new Error(why)
    this.#add(type, source, target)
  }

  /** Its source is then where the file is, also when it came as an open one. */
  async bind(source: string, target: string): Promise<void> {
    this.#add('ext4', await realpath(source), target)
  }

  /** What is seen at a path. */
  sourceAt(target: string): string | undefined {
    return mountAt(this.#mounts, target)?.source
  }

  async unmount(target: string): Promise<void> {
    const latest = mountAt(this.#mounts, target)
    if (this.#mounts.some((mount) => mount !== latest && mount.target !== target && isWithin(mount.target, target)))
      throw new Error(`umount: ${target}: target is busy`)
    this.#mounts = this.#mounts.filter((mount) => mount !== latest)
  }

  async answers(path: string): Promise<boolean> {
    const found = mountAt(this.#mounts, path)
    return found === undefined || !this.silent.has(found.source)
  }

  #add(fsType: string, source: string, target: string): void {
    this.#mounts = [...this.#mounts, { id: this.#ids++, parentId: 1, root: '/', target, fsType, source }]
  }
}
