import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { HookMarks } from './hook-marks.ts'

/** An empty file for each, in a folder that is gone after a reboot. */
export class DiskHookMarks implements HookMarks {
  readonly #folder: string

  /** @param folder On a tmpfs, e.g. `/run/bramble/hooks`. */
  constructor(folder: string) {
    this.#folder = folder
  }

  async load(): Promise<ReadonlySet<string>> {
    return new Set(await readdir(this.#folder).catch(() => []))
  }

  async add(containerId: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    await writeFile(join(this.#folder, containerId), '', { mode: 0o600 })
  }

  async remove(containerId: string): Promise<void> {
    await rm(join(this.#folder, containerId), { force: true })
  }
}
