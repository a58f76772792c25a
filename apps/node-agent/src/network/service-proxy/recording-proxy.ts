import type { ServiceProxy } from './service-proxy.ts'
import type { ServiceTable } from './service-table.ts'

/** Remembers what it was told; for tests and the simulation. */
export class RecordingProxy implements ServiceProxy {
  #table: ServiceTable | undefined

  /** What the kernel would do now; undefined before the first sync and after `remove`. */
  get table(): ServiceTable | undefined {
    return this.#table
  }

  async sync(table: ServiceTable): Promise<{ readonly chainsWritten: number }> {
    const before = new Map(this.#table?.forwards.map((forward) => [forward.id, JSON.stringify(forward)]))
    const chainsWritten = table.forwards.filter((forward) => before.get(forward.id) !== JSON.stringify(forward)).length
    this.#table = table
    return { chainsWritten }
  }

  /** Nobody else writes here. */
  async *disturbances(): AsyncIterable<void> {}

  async remove(): Promise<void> {
    this.#table = undefined
  }
}
