import type { Container } from '@bramble/api/types/pod'
import type { ContainerResources, ContainerState } from '../../runtime/runtime.ts'

/** Annotation on containers: the resources they were created with, for an agent that takes them over. */
export const RESOURCES_ANNOTATION = 'bramble.dev/resources'

export type ResizableResource = 'cpu' | 'memory'

/** What containers were given last, by container id. */
export type Given = ReadonlyMap<string, ContainerResources>

/**
 * What a container was given last, as far as is known; `wanted` where nothing is. An agent that takes a resized one over finds what
 * it was created with: giving it the same again does no harm.
 */
export function givenTo(given: Given, state: ContainerState, wanted: ContainerResources): ContainerResources {
  const known = given.get(state.id)
  if (known) return known
  const noted = state.annotations[RESOURCES_ANNOTATION]
  try {
    return noted === undefined ? wanted : (JSON.parse(noted) as ContainerResources)
  } catch {
    return wanted
  }
}

/** Resources of which a container has something else than it shall. */
export const differences = (has: ContainerResources, wanted: ContainerResources): readonly ResizableResource[] => [
  ...(has.memoryLimitBytes !== wanted.memoryLimitBytes ? (['memory'] as const) : []),
  ...(has.cpuRequestMillis !== wanted.cpuRequestMillis || has.cpuLimitMillis !== wanted.cpuLimitMillis ? (['cpu'] as const) : []),
]

/** Whether a container must be started anew for these to change. Source: core/v1 ContainerResizePolicy. */
export const mustRestart = ({ resizePolicy = [] }: Container, resources: readonly ResizableResource[]): boolean =>
  resizePolicy.some(
    ({ resourceName, restartPolicy }) => restartPolicy === 'RestartContainer' && resources.some((name) => name === resourceName),
  )

/** What one resource is made of. */
export const partOf = (all: ContainerResources, resource: ResizableResource): ContainerResources =>
  resource === 'memory'
    ? { ...(all.memoryLimitBytes !== undefined && { memoryLimitBytes: all.memoryLimitBytes }) }
    : {
        ...(all.cpuRequestMillis !== undefined && { cpuRequestMillis: all.cpuRequestMillis }),
        ...(all.cpuLimitMillis !== undefined && { cpuLimitMillis: all.cpuLimitMillis }),
      }

/** `before`, with one resource as in `wanted`. */
export const withPart = (before: ContainerResources, wanted: ContainerResources, resource: ResizableResource): ContainerResources => ({
  ...partOf(before, resource === 'cpu' ? 'memory' : 'cpu'),
  ...partOf(wanted, resource),
})
