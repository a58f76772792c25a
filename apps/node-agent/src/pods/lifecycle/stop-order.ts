import type { Pod } from '@bramble/api/types/pod'
import { isSidecar } from '../restart-policy.ts'

/**
 * Containers that must have ended before one gets its SIGTERM when the whole pod stops: sidecars go after the containers proper, the
 * last one first. All share one grace period; whoever's turn has not come when it is over does not wait any longer.
 * @see Source: kubelet newTerminationOrdering.
 */
export function stopsAfter({ spec }: Pod, name: string): readonly string[] {
  const inits = spec.initContainers ?? []
  const index = inits.findIndex((init) => init.name === name)
  if (index < 0 || !isSidecar(inits[index]!)) return []
  const later = inits.slice(index + 1).filter(isSidecar)
  return [...spec.containers, ...later].map((container) => container.name)
}
