import { mkdir, rename, watch, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readIfPresent } from '../../host/files.ts'
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
      const last = previousAddress(address)
      if (await this.#isFree(address)) await this.#setLast(last)
      void this.#given(last, over.signal).then(resolve, () => {}) // else the turn ends with the pod
      return await plug()
    } finally {
      over.abort()
      resolve()
    }
  }

  async #isFree(address: string): Promise<boolean> {
    await mkdir(this.#folder, { recursive: true })
    return (await readIfPresent(join(this.#folder, address))) === undefined
  }

  /** In one step: host-local may read it at any moment. */
  async #setLast(address: string): Promise<void> {
    const draft = `${this.#folder}.last`
    await writeFile(draft, address)
    await rename(draft, join(this.#folder, LAST))
  }

  /** Resolves when host-local has written down an address that it gave; this is the last that it does. */
  async #given(last: string, signal: AbortSignal): Promise<void> {
    for await (const { filename } of watch(this.#folder, { signal })) {
      if (filename !== LAST) continue
      const now = (await readIfPresent(join(this.#folder, LAST))) ?? ''
      if (now !== '' && now !== last) return
    }
  }
}

const LAST = 'last_reserved_ip.0'
