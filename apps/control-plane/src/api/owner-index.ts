import type { KubeObject } from '@bramble/api/object'
import type { StoreReads } from '../store/store-types.ts'

/** Which objects name which owner. Current at every instant: it changes together with what the store shows. */
export class OwnerIndex {
  readonly #keys = new Map<string, Set<string>>()

  constructor(store: StoreReads) {
    for (const { key, value } of store.list('/').entries) this.#add(key, value)
    store.onChange(({ type, key, entry, previous }) => {
      if (previous) this.#remove(key, previous.value)
      if (type === 'put') this.#add(key, entry.value)
    })
  }

  /** Store keys of what an object with this uid owns, in order. */
  ownedBy(uid: string): readonly string[] {
    return [...(this.#keys.get(uid) ?? [])].sort()
  }

  #add(key: string, { metadata }: KubeObject): void {
    for (const { uid } of metadata.ownerReferences ?? []) {
      const keys = this.#keys.get(uid) ?? new Set()
      this.#keys.set(uid, keys.add(key))
    }
  }

  #remove(key: string, { metadata }: KubeObject): void {
    for (const { uid } of metadata.ownerReferences ?? []) {
      const keys = this.#keys.get(uid)
      keys?.delete(key)
      if (keys?.size === 0) this.#keys.delete(uid)
    }
  }
}
