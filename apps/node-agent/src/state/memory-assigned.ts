import type { Assigned } from '@bramble/link/assignment'
import type { AssignedStore } from './assigned.ts'

/** An assignment kept in memory, for agents without a disk: hollow nodes and the simulation. It outlives the agent that saved it. */
export class MemoryAssigned implements AssignedStore {
  #saved: Assigned | undefined

  async load(): Promise<Assigned | undefined> {
    return this.#saved
  }

  async save(assigned: Assigned): Promise<void> {
    this.#saved = assigned
  }
}
