import { atomicWrite, readIfPresent } from '../../host/files.ts'

/** Addresses of pods by uid. Newest last. */
const POD_MAX = 512

/**
 * Which pod had which address, over a power cut. The saved assignment of a node that boots without a network leads Services to
 * the addresses of before; pods that come up again ask for them again. Nothing depends on it: a lost line costs a new address.
 */
export class AddressMemory {
  readonly #path: string
  #addresses: Promise<Map<string, string>> | undefined
  #saving: Promise<void> | undefined
  #isChanged = false

  constructor(path: string) {
    this.#path = path
  }

  async of(podUid: string): Promise<string | undefined> {
    return (await this.#load()).get(podUid)
  }

  /** Written behind the caller's back, several at once; a failed write is tried again with the next one. */
  async note(podUid: string, address: string): Promise<void> {
    const addresses = await this.#load()
    if (addresses.get(podUid) === address) return
    addresses.delete(podUid)
    addresses.set(podUid, address)
    for (const uid of [...addresses.keys()].slice(0, Math.max(0, addresses.size - POD_MAX))) addresses.delete(uid)
    this.#isChanged = true
    this.#saving ??= this.#save(addresses).finally(() => {
      this.#saving = undefined
    })
  }

  /** Resolves when everything that was noted has been written, or could not be. */
  async settled(): Promise<void> {
    await this.#saving
  }

  async #save(addresses: ReadonlyMap<string, string>): Promise<void> {
    while (this.#isChanged) {
      this.#isChanged = false
      await atomicWrite(this.#path, JSON.stringify(Object.fromEntries(addresses)), 0o600).catch(() => {})
    }
  }

  #load(): Promise<Map<string, string>> {
    this.#addresses ??= readIfPresent(this.#path).then((text) => new Map(text === undefined ? [] : entriesOf(text)))
    return this.#addresses
  }
}

/** What a damaged file says is not worth an error. */
function entriesOf(text: string): [string, string][] {
  try {
    return Object.entries(JSON.parse(text) as Record<string, string>).filter(([, address]) => /^\d+(\.\d+){3}$/.test(address))
  } catch {
    return []
  }
}
