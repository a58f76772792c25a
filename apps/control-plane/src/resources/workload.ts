import { forbiddenField, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { matchesRequirements, requirementsOf } from '@bramble/api/labels'
import type { LabelRequirement, LabelSelector } from '@bramble/api/labels'
import type { KubeObject } from '@bramble/api/object'
import type { PodSpec } from '@bramble/api/types/pod'
import type { IntOrString, PodTemplateSpec } from '@bramble/api/types/workload'
import { validateLabels } from '../api/metadata.ts'
import { isSame } from './differences.ts'
import { validatePodSpec } from './pod-spec/validate.ts'
import { nameWarnings, podWarnings } from './pod-spec/warnings.ts'
import { check, notNegative, percent, qualifiedName } from './rules.ts'
import { isEmptySelector, validateSelector } from './selector.ts'

// What Deployments, ReplicaSets and DaemonSets check alike. Source: Kubernetes pkg/apis/apps/validation.

/** Subresources of what keeps a number of equal pods. */
export const scaledWorkload = {
  status: true,
  scale: { specReplicas: '.spec.replicas', statusReplicas: '.status.replicas', labelSelector: '.spec.selector' },
} as const

interface Workload {
  readonly spec: { readonly selector?: LabelSelector; readonly template: PodTemplateSpec }
}

/**
 * Selector and template of a workload whose pods run for ever.
 * @param emptyName How the refusal of an empty selector calls the kind.
 */
export function validateWorkload(
  kind: string,
  { spec }: Workload,
  previous: Workload | undefined,
  emptyName = kind.toLowerCase(),
): readonly FieldError[] {
  return [
    ...validateWorkloadSelector(spec.selector, emptyName),
    ...validateTemplate(kind, spec.template, spec.selector),
    ...immutable('spec.selector', spec.selector, previous, previous?.spec.selector),
  ]
}

function validateWorkloadSelector(selector: LabelSelector | undefined, emptyName: string): readonly FieldError[] {
  if (selector === undefined) return [required('spec.selector')]
  const errors = validateSelector(selector, 'spec.selector')
  return isEmptySelector(selector)
    ? [...errors, invalidValue('spec.selector', selector, `empty selector is invalid for ${emptyName}`)]
    : errors
}

function validateTemplate(kind: string, template: PodTemplateSpec, selector: LabelSelector | undefined): readonly FieldError[] {
  const path = 'spec.template'
  return [
    ...(selector === undefined ? [] : validateMatch(template, requirementsOf(selector), path)),
    ...validatePodTemplate(template, path),
    ...validateEndless(kind, template.spec, `${path}.spec`),
  ]
}

/** A workload whose selector does not select its own pods would make pods for ever. No requirements are no selector. */
export const validateMatch = (
  { metadata }: PodTemplateSpec,
  requirements: readonly LabelRequirement[],
  path: string,
): readonly FieldError[] =>
  requirements.length > 0 && !matchesRequirements(metadata?.labels, requirements)
    ? [invalidValue(`${path}.metadata.labels`, metadata?.labels ?? {}, '`selector` does not match template `labels`')]
    : []

/** Source: Kubernetes pkg/apis/core/validation ValidatePodTemplateSpec. */
export const validatePodTemplate = (template: PodTemplateSpec, path: string): readonly FieldError[] => [
  ...validateTemplateMetadata(template, path),
  ...validatePodSpec(template.spec, `${path}.spec`, 'template'),
]

/** Labels and annotations of a template; Kubernetes leaves `metadata` out of their paths. */
export const validateTemplateMetadata = ({ metadata }: PodTemplateSpec, path: string): readonly FieldError[] => [
  ...validateLabels(metadata?.labels, `${path}.labels`),
  ...Object.keys(metadata?.annotations ?? {}).flatMap((key) => check(`${path}.annotations`, key.toLowerCase(), qualifiedName)),
]

/** Pods of a workload that runs for ever. @param kind Whose pods they are. */
export function validateEndless(kind: string, { restartPolicy, activeDeadlineSeconds }: PodSpec, path: string): readonly FieldError[] {
  const errors: FieldError[] = []
  if (restartPolicy === 'OnFailure' || restartPolicy === 'Never')
    errors.push(notSupported(`${path}.restartPolicy`, restartPolicy, ['Always']))
  if (activeDeadlineSeconds !== undefined)
    errors.push(forbiddenField(`${path}.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`))
  return errors
}

/** What is unusual in the template of a workload; told again only when the spec changes. */
export function templateWarnings(
  object: KubeObject & { spec: { template?: PodTemplateSpec } },
  previous: { spec: object } | undefined,
): readonly string[] {
  if (previous && isSame(previous.spec, object.spec)) return []
  return [...(previous ? [] : nameWarnings(object)), ...(object.spec.template ? podWarnings(object.spec.template, 'spec.template.') : [])]
}

/** @param previous The object before, if this is an update. */
export const immutable = (path: string, value: unknown, previous: unknown, before: unknown): readonly FieldError[] =>
  previous === undefined || isSame(before, value) ? [] : [invalidValue(path, value, 'field is immutable')]

export const notNegativeFields = <Spec>(spec: Spec, ...fields: readonly (keyof Spec & string)[]): readonly FieldError[] =>
  fields.flatMap((field) => (typeof spec[field] === 'number' ? check(`spec.${field}`, spec[field] as number, notNegative) : []))

/** A count, or a share of all such as `25%`. */
export const validateShare = (path: string, value: IntOrString): readonly FieldError[] =>
  typeof value === 'number' ? check(path, value, notNegative) : check(path, value, percent)

export const atMostAll = (path: string, value: IntOrString): readonly FieldError[] =>
  typeof value === 'string' && shareValue(value) > 100 ? [invalidValue(path, value, 'must not be greater than 100%')] : []

/** The number in a count or a percentage: what counts is whether it is 0. */
export const shareValue = (value: IntOrString): number => (typeof value === 'number' ? value : Number.parseInt(value, 10) || 0)
