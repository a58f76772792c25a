/** Which postStart hooks are done, so that an agent that takes containers over does not run them again. Lost with the containers at a reboot. */
export interface HookMarks {
  /** Ids of containers. Never throws: what cannot be read is run again. */
  load(): Promise<ReadonlySet<string>>
  /** @throws when it cannot be kept: the hook may run again then. */
  add(containerId: string): Promise<void>
  /** Absent = success. */
  remove(containerId: string): Promise<void>
}

/** For nodes whose agent and containers live and die in one process. */
export class MemoryHookMarks implements HookMarks {
  readonly #ids = new Set<string>()

  async load(): Promise<ReadonlySet<string>> {
    return new Set(this.#ids)
  }
  async add(containerId: string): Promise<void> {
    this.#ids.add(containerId)
  }
  async remove(containerId: string): Promise<void> {
    this.#ids.delete(containerId)
  }
}
