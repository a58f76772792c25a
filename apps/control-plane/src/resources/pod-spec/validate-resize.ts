import { forbiddenField, invalidValue } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Container, Pod, PodSpec, ResourceList } from '@bramble/api/types/pod'
import { isSame } from '../differences.ts'
import { qualityOfService } from './quality-of-service.ts'

type Resources = NonNullable<Container['resources']>
type Kind = 'containers' | 'initContainers'

/** What of an update of `pods/resize` counts: resources of containers and when a change of them restarts. */
export const withResources = (proposed: Pod, previous: Pod): Pod => ({
  ...previous,
  spec: {
    ...previous.spec,
    containers: resized(proposed.spec.containers, previous.spec.containers),
    ...(previous.spec.initContainers && {
      initContainers: resized(proposed.spec.initContainers ?? [], previous.spec.initContainers),
    }),
  },
})

/** In the order of the proposal, so that validation sees what was added, lost or moved. */
const resized = (proposed: readonly Container[], previous: readonly Container[]): Container[] =>
  proposed.map((container) => {
    const before = previous.find(({ name }) => name === container.name)
    if (!before) return container
    const { resources: _, resizePolicy: _policy, ...rest } = before
    return {
      ...rest,
      ...(container.resources && { resources: container.resources }),
      ...(container.resizePolicy && { resizePolicy: container.resizePolicy }),
    }
  })

/** Source: Kubernetes pkg/apis/core/validation ValidatePodResize, besides what holds for every pod spec. */
export function validateResize({ spec, status }: Pod, { spec: before }: Pod): readonly FieldError[] {
  if (hasOwnResources(spec) || hasOwnResources(before)) return [forbiddenField('', 'pods with pod-level resources cannot be resized')]
  const errors: FieldError[] = []
  if (qualityOfService(spec) !== qualityOfService(before))
    errors.push(invalidValue('spec', status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing'))
  const moved = [...validateOrder(spec, before, 'containers'), ...validateOrder(spec, before, 'initContainers')]
  if (moved.length > 0) return [...errors, ...moved]
  return [
    ...errors,
    ...each(before, 'initContainers', (index, old) =>
      old.restartPolicy === 'Always' ? validateKept(spec, old, 'initContainers', index) : [],
    ),
    ...each(before, 'containers', (index, old) => validateKept(spec, old, 'containers', index)),
    ...each(before, 'containers', (index, old) =>
      isSame(withoutSizes(spec.containers[index]!), withoutSizes(old)) ? [] : [only('only cpu and memory resources are mutable')],
    ),
    ...each(before, 'initContainers', (index, old) => validateInit(spec.initContainers![index]!, old)),
  ]
}

const only = (message: string): FieldError => forbiddenField('spec', message)
const hasOwnResources = (spec: PodSpec & { resources?: Resources }): boolean =>
  Object.keys({ ...spec.resources?.requests, ...spec.resources?.limits }).length > 0

const each = (spec: PodSpec, kind: Kind, validate: (index: number, container: Container) => readonly FieldError[]): readonly FieldError[] =>
  (spec[kind] ?? []).flatMap((container, index) => validate(index, container))

function validateOrder(spec: PodSpec, before: PodSpec, kind: Kind): readonly FieldError[] {
  const [now, old] = [spec[kind] ?? [], before[kind] ?? []]
  if (now.length !== old.length) return [forbiddenField(`spec.${kind}`, `${kind} may not be added or removed on resize`)]
  return old.flatMap(({ name }, index) =>
    now[index]!.name === name ? [] : [forbiddenField(`spec.${kind}[${index}].name`, `${kind} may not be renamed or reordered on resize`)],
  )
}

/** A request or a limit can be changed and added, never taken away. */
function validateKept(spec: PodSpec, { resources }: Container, kind: Kind, index: number): readonly FieldError[] {
  const now = spec[kind]![index]!.resources
  const isLost = (old: ResourceList = {}, list: ResourceList = {}): boolean => Object.keys(old).some((name) => !(name in list))
  return (['requests', 'limits'] as const)
    .filter((list) => isLost(resources?.[list], now?.[list]))
    .map((list) => forbiddenField(`spec.${kind}[${index}].resources.${list}`, `resource ${list} cannot be removed`))
}

function validateInit(container: Container, old: Container): readonly FieldError[] {
  if (old.restartPolicy !== 'Always') return isSame(container, old) ? [] : [only('resources for non-sidecar init containers are immutable')]
  return isSame(withoutSizes(container), withoutSizes(old))
    ? []
    : [only('only cpu and memory resources for sidecar containers are mutable')]
}

function withoutSizes({ resources, ...rest }: Container): object {
  const others = (list: ResourceList = {}): ResourceList =>
    Object.fromEntries(Object.entries(list).filter(([name]) => name !== 'cpu' && name !== 'memory'))
  return { ...rest, limits: others(resources?.limits), requests: others(resources?.requests) }
}
