import type { Container, EphemeralContainer, Pod } from '@bramble/api/types/pod'

/** Every container that a pod asks for, of each sort in its order. */
export const containersOf = ({ spec }: Pod): readonly (Container | EphemeralContainer)[] => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
  ...(spec.ephemeralContainers ?? []),
]

export const containerNamed = (pod: Pod, name: string): Container | EphemeralContainer | undefined =>
  containersOf(pod).find((container) => container.name === name)

/** Where in a pod's spec a container stands, as Events point to it: `spec.initContainers{migrate}`. */
export function fieldPathOf({ spec }: Pod, name: string): string {
  const has = (containers: readonly Container[] | undefined): boolean => containers?.some((container) => container.name === name) ?? false
  const list = has(spec.initContainers) ? 'initContainers' : has(spec.ephemeralContainers) ? 'ephemeralContainers' : 'containers'
  return `spec.${list}{${name}}`
}
