/** Makes bytes unreadable for whoever has only the file. `transport/device-seal.ts`. */
export interface Seal {
  seal(plain: Uint8Array): Uint8Array
  /** @throws Error when they were sealed with another key, or are damaged. */
  unseal(sealed: Uint8Array): Uint8Array
}
