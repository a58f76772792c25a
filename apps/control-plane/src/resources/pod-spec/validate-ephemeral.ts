import { duplicate, forbiddenField, notFoundField } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { EphemeralContainer, Pod, PodSpec } from '@bramble/api/types/pod'
import { isSame } from '../differences.ts'
import { validateContainer } from './validate-containers.ts'

/** A container that is there to look cannot carry what others rely on. */
const NOT_FOR_LOOKING = [
  'ports',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
]
const CANNOT = 'cannot be set for an Ephemeral Container'

/** Source: Kubernetes pkg/apis/core/validation validateEphemeralContainers. */
export function validateEphemeralContainers(spec: PodSpec, path: string): readonly FieldError[] {
  const all = spec.ephemeralContainers ?? []
  const others = new Set([...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name))
  return all.flatMap((container, index) => {
    const at = `${path}[${index}]`
    const { name, targetContainerName: target } = container
    const isTaken = others.has(name) || all.findIndex((other) => other.name === name) < index
    return [
      ...validateContainer(container, spec, at, 'pod'),
      ...(isTaken ? [duplicate(`${at}.name`, name)] : []),
      ...validateAllowed(container, at),
      ...(target && !others.has(target) ? [notFoundField(`${at}.targetContainerName`, target)] : []),
      ...(container.volumeMounts ?? []).flatMap((mount, mountIndex) =>
        (['subPath', 'subPathExpr'] as const)
          .filter((field) => mount[field])
          .map((field) => forbiddenField(`${at}.volumeMounts[${mountIndex}].${field}`, CANNOT)),
      ),
    ]
  })
}

const validateAllowed = (container: EphemeralContainer, path: string): readonly FieldError[] =>
  NOT_FOR_LOOKING.filter((field) => !isSame(undefined, container[field as keyof EphemeralContainer])).map((field) =>
    forbiddenField(`${path}.${field}`, CANNOT),
  )

/**
 * What of an update of `pods/ephemeralcontainers` counts: containers are added, none is changed or taken away.
 * @see Source: Kubernetes pkg/apis/core/validation ValidatePodEphemeralContainersUpdate.
 */
export const withEphemeralContainers = (proposed: Pod, previous: Pod): Pod => ({
  ...previous,
  spec: { ...previous.spec, ephemeralContainers: proposed.spec.ephemeralContainers ?? [] },
})

export function validateEphemeralUpdate({ spec }: Pod, { spec: before }: Pod): readonly FieldError[] {
  return (before.ephemeralContainers ?? []).flatMap((old) => {
    const kept = spec.ephemeralContainers?.find(({ name }) => name === old.name)
    const fault = kept === undefined ? 'removed' : isSame(old, kept) ? undefined : 'changed'
    const name = JSON.stringify(old.name)
    return fault === undefined
      ? []
      : [forbiddenField('spec.ephemeralContainers', `existing ephemeral containers ${name} may not be ${fault}\n`)]
  })
}
