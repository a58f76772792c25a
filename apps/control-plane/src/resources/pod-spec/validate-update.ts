import { forbiddenField, invalidValue } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Container, PodSpec, Toleration } from '@bramble/api/types/pod'
import { differences, isSame } from '../differences.ts'

/**
 * A pod's spec hardly ever changes: a controller makes another pod instead.
 * @see Source: Kubernetes pkg/apis/core/validation ValidatePodUpdate.
 */
export function validatePodUpdate(spec: PodSpec, previous: PodSpec): readonly FieldError[] {
  if (spec.containers.length !== previous.containers.length)
    return [forbiddenField('spec.containers', 'pod updates may not add or remove containers')]
  if ((spec.initContainers ?? []).length !== (previous.initContainers ?? []).length)
    return [forbiddenField('spec.initContainers', 'pod updates may not add or remove containers')]
  return [
    ...validateDeadline(spec.activeDeadlineSeconds, previous.activeDeadlineSeconds),
    ...validateTolerations(spec.tolerations ?? [], previous.tolerations ?? []),
    ...validateRest(spec, previous),
  ]
}

const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',')

function validateRest(spec: PodSpec, previous: PodSpec): readonly FieldError[] {
  const mended = (previous.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1
  const comparable: PodSpec = {
    ...spec,
    containers: withImages(spec.containers, previous.containers),
    ...(spec.initContainers && { initContainers: withImages(spec.initContainers, previous.initContainers ?? []) }),
    activeDeadlineSeconds: previous.activeDeadlineSeconds,
    tolerations: previous.tolerations,
    ...(mended && { terminationGracePeriodSeconds: previous.terminationGracePeriodSeconds }),
  }
  const changed = differences(previous, comparable, 'spec')
  return changed.length === 0
    ? []
    : [forbiddenField('spec', `pod updates may not change fields other than ${UPDATABLE}\nchanged: ${changed.join(', ')}`)]
}

const withImages = (containers: readonly Container[], previous: readonly Container[]): Container[] =>
  containers.map((container, index) => ({ ...container, image: previous[index]!.image }))

function validateDeadline(seconds: number | undefined, previous: number | undefined): readonly FieldError[] {
  const path = 'spec.activeDeadlineSeconds'
  if (previous === undefined || seconds === previous) return []
  if (seconds === undefined) return [invalidValue(path, undefined, 'must not update from a positive integer to nil value')]
  return seconds > previous ? [invalidValue(path, seconds, 'must be less than or equal to previous value')] : []
}

/** Tolerations may be added, and given another time. */
function validateTolerations(tolerations: readonly Toleration[], previous: readonly Toleration[]): readonly FieldError[] {
  const kept = previous.every((old) =>
    tolerations.some((one) => isSame({ ...one, tolerationSeconds: undefined }, { ...old, tolerationSeconds: undefined })),
  )
  return kept ? [] : [forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')]
}
