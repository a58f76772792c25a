import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startDetached } from '../../host/exec.ts'
import { killNow } from './oci-commands.ts'

/** How late it may learn that the container has ended. */
const LOOK_SECONDS = 30

/**
 * Keeps the input of containers open. Podman's watcher closes it as soon as anybody who was attached leaves, whether they wrote to it
 * or not. So before the first is attached, a process of the lightest kind takes hold of it as well; it outlives the agent and ends with
 * the container.
 */
export class StdinHolders {
  readonly #directory: string

  /** @param directory For files that live as long as a container. */
  constructor(directory: string) {
    this.#directory = directory
  }

  /** @param pid Process of the container. */
  async hold(containerId: string, pid: number): Promise<void> {
    if ((await this.#holder(containerId)) !== undefined) return
    const args = [`--pid=${pid}`, `--sleep-interval=${LOOK_SECONDS}`, '-f', '/dev/null']
    const holder = startDetached('tail', args, { outputPath: `/proc/${pid}/fd/0` }) // it says nothing
    await writeFile(this.#mark(containerId), String(holder.pid), { mode: 0o600 })
  }

  /** The next end of the input reaches the container. */
  async release(containerId: string): Promise<void> {
    const holder = await this.#holder(containerId)
    if (holder !== undefined) killNow(holder)
    await this.forget(containerId)
  }

  async forget(containerId: string): Promise<void> {
    await rm(this.#mark(containerId), { force: true })
  }

  async #holder(containerId: string): Promise<number | undefined> {
    const pid = Number(await readFile(this.#mark(containerId), 'utf8').catch(() => ''))
    const name = pid > 1 ? await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '') : ''
    return name === 'tail\n' ? pid : undefined
  }

  #mark(containerId: string): string {
    return join(this.#directory, `stdin-${containerId}`)
  }
}
