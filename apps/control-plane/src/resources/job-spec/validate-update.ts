import { invalidValue } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { mutableCopy } from '@bramble/api/object'
import type { Job, JobSpec } from '@bramble/api/types/batch'
import type { Affinity, Container, PodSpec } from '@bramble/api/types/pod'
import type { PodTemplateSpec } from '@bramble/api/types/workload'
import { isSame } from '../differences.ts'
import { immutable } from '../workload.ts'

const FIXED = ['completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const

/** Source: Kubernetes pkg/apis/batch/validation ValidateJobSpecUpdate, besides what holds for every Job. */
export function validateJobUpdate({ spec }: Job, previous: Job): readonly FieldError[] {
  const before = previous.spec
  const fixed = (field: keyof JobSpec): readonly FieldError[] => immutable(`spec.${field}`, spec[field], previous, before[field])
  return [
    ...validateCompletions(spec, previous),
    ...fixed('selector'),
    ...validateTemplate(spec.template, previous),
    ...FIXED.flatMap(fixed),
  ]
}

/** An indexed Job may grow and shrink, as long as it runs as many at once as it has to do. */
function validateCompletions(spec: JobSpec, previous: Job): readonly FieldError[] {
  const { completions, parallelism } = spec
  if (spec.completionMode !== 'Indexed') return immutable('spec.completions', completions, previous, previous.spec.completions)
  return completions === undefined || completions === previous.spec.completions || completions === parallelism
    ? []
    : [invalidValue('spec.completions', completions, 'can only be modified in tandem with spec.parallelism')]
}

/** A suspended Job that never ran may still be told where and with how much its pods shall run. */
function validateTemplate(template: PodTemplateSpec, previous: Job): readonly FieldError[] {
  const before = previous.spec.template
  const isSuspended = previous.spec.suspend === true
  const neverRan = isSuspended && previous.status?.startTime === undefined
  const placed = neverRan ? withPlacement(before, template) : before
  const sized = isSuspended ? { ...placed, spec: withSizes(placed.spec, template.spec) } : placed
  return isSame(sized, template) ? [] : immutable('spec.template', template, previous, sized)
}

/** `before` with what decides where pods run as it is in `now`. */
function withPlacement(before: PodTemplateSpec, now: PodTemplateSpec): PodTemplateSpec {
  const { schedulingGates, nodeSelector, tolerations } = now.spec as PodSpec & { schedulingGates?: unknown }
  const affinity = withNodeAffinity(before.spec.affinity, now.spec.affinity)
  const { labels, annotations } = now.metadata ?? {}
  return {
    metadata: { ...before.metadata, labels, annotations },
    spec: { ...before.spec, affinity, nodeSelector, tolerations, ...{ schedulingGates } },
  }
}

const withNodeAffinity = (before: Affinity | undefined, now: Affinity | undefined): Affinity | undefined =>
  before || now ? { ...before, nodeAffinity: now?.nodeAffinity } : undefined

function withSizes(before: PodSpec, now: PodSpec): PodSpec {
  const sized = (old: readonly Container[] | undefined, list: readonly Container[] | undefined): Container[] | undefined =>
    old?.map((container, index) =>
      list?.length === old.length && list[index]!.name === container.name
        ? { ...mutableCopy(container), resources: list[index]!.resources }
        : container,
    )
  return {
    ...before,
    containers: sized(before.containers, now.containers)!,
    initContainers: sized(before.initContainers, now.initContainers),
  }
}
