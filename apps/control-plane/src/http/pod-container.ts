import { badRequest } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'

/**
 * Which container of the pod is meant: the one that was named, or the only one.
 *
 * @throws StatusError 400 when there is none of that name, or none was named and there are several.
 * @see Source: Kubernetes pkg/registry/core/pod strategy.go validateContainer.
 */
export function containerOf(asked: string, { metadata, spec }: Pod): string {
  const named = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])].map(({ name }) => name)
  if (asked !== '') {
    if (!named.includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${metadata.name}`)
    return asked
  }
  if (spec.containers.length === 1) return spec.containers[0]!.name
  throw badRequest(`a container name must be specified for pod ${metadata.name}, choose one of: [${named.join(' ')}]`)
}
