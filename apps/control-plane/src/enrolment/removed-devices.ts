import { isReason } from '@bramble/api/status-error'
import { REMOVED_DEVICES } from '@bramble/api/types/node-identity'
import { TOKEN_NAMESPACE } from '@bramble/link/join-token'
import type { ApiClient } from '../api/client.ts'
import { configMaps } from '../resources/config-map.ts'

const KEY = `${TOKEN_NAMESPACE}/${REMOVED_DEVICES}`

/** Devices whose nodes an operator removed: their certificates are good, and worth nothing. */
export class RemovedDevices {
  readonly #client: ApiClient

  constructor(client: ApiClient) {
    this.#client = client
  }

  has(device: string): boolean {
    const { data } = this.#client.get(configMaps, KEY) ?? {}
    return data !== undefined && Object.hasOwn(data, device)
  }

  /** It has joined again, with a new token. */
  async forget(device: string): Promise<void> {
    if (!this.has(device)) return
    try {
      await this.#client.patch(configMaps, KEY, { data: { [device]: null } })
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
    }
  }
}
