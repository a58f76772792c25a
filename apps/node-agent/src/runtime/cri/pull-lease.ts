import { createHash } from 'node:crypto'
import type { Clock } from '@bramble/reconcile/env'
import { CODE, type CriClient, CriError } from './cri-client.ts'
import { Leases } from './grpc/leases_pb.js'

const KEPT_MS = 24 * 60 * 60_000
const NAMESPACE = { 'containerd-namespace': 'k8s.io' }

/**
 * Keeps what containerd fetches of an image while it is fetched, also after a pull that failed: else it sweeps up layers that were
 * complete. Other runtimes know no leases; then `pull` is called without.
 *
 * @param pull Gets the headers that put its call under the lease. When it succeeds the lease ends, else a day later.
 * @see Source: containerd leases, `FromContext`; docs/garbage-collection.md.
 */
export async function underLease<T>(
  client: CriClient,
  clock: Clock,
  image: string,
  pull: (headers: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  const id = `bramble-pull-${createHash('sha256').update(image).digest('hex').slice(0, 16)}`
  const labels = { 'containerd.io/gc.expire': new Date(clock.nowMs() + KEPT_MS).toISOString() }
  try {
    await client.call(Leases.method.create, { id, labels }, { headers: NAMESPACE })
  } catch (error) {
    if (!(error instanceof CriError)) throw error
    if (error.code !== CODE.alreadyExists) return pull({})
  }
  const result = await pull({ 'containerd-lease': id })
  await client.call(Leases.method.delete, { id }, { headers: NAMESPACE }).catch(() => {}) // it ends by itself
  return result
}
