import { mkdir, watch, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isMissing, readIfPresent } from '../../host/files.ts'
import { previousAddress } from './convert.ts'

/**
 * Lets a runtime that runs host-local by itself give pods the addresses they had before: host-local gives out the next free address
 * after the last one, so the last one is set to the one before. One pod at a time, until its address is taken.
 * @see Source: containernetworking/plugins, host-local, `IPAllocator.GetIter` and `disk.Store`.
 */
export class AddressTurns {
  readonly #folder: string
  #turn: Promise<void> = Promise.resolve()

  /** @param folder Of host-local: its `dataDir` and below it the network's name. */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** Runs `plug`, in which the pod shall get `address`; whether it does is not promised. */
  async take<T>(address: string, plug: () => Promise<T>): Promise<T> {
    const before = this.#turn
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turn = promise
    await before
    const over = new AbortController()
    try {
      await mkdir(this.#folder, { recursive: true })
      if ((await readIfPresent(join(this.#folder, address))) === undefined)
        await writeFile(join(this.#folder, 'last_reserved_ip.0'), previousAddress(address))
      void this.#appears(address, over.signal).then(resolve)
      return await plug()
    } finally {
      over.abort()
      resolve()
    }
  }

  async #appears(name: string, signal: AbortSignal): Promise<void> {
    try {
      for await (const { filename } of watch(this.#folder, { signal })) if (filename === name) return
    } catch (error) {
      if (!signal.aborted && !isMissing(error)) throw error
    }
  }
}
