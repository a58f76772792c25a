import type { Env } from '@bramble/reconcile/env'
import type { Backend } from './backend.ts'
import { MemoryBackend } from './memory.ts'
import { SqliteBackend } from './sqlite.ts'

/** Which engine keeps the objects. */
export type BackendConfig =
  | { readonly engine: 'memory' }
  /** `path` of the file; its folder is made. */
  | { readonly engine: 'sqlite'; readonly path: string; readonly bytesMax?: number }

/** Every engine there is. Nothing is read or locked before `load`. */
export function openBackend(config: BackendConfig, env: Env): Backend {
  switch (config.engine) {
    case 'memory':
      return new MemoryBackend()
    case 'sqlite':
      return new SqliteBackend({ path: config.path, ...(config.bytesMax !== undefined && { bytesMax: config.bytesMax }), env })
  }
}
