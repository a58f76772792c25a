import { type FieldError, invalidValue, required } from '@bramble/api/field-error'
import type { CustomResourceDefinition } from '@bramble/api/types/custom-resource-definition'

const ANNOTATION = 'api-approved.kubernetes.io'

export interface Approval {
  readonly status: 'True' | 'False'
  readonly reason: 'ApprovedAnnotation' | 'UnapprovedAnnotation' | 'MissingAnnotation' | 'InvalidAnnotation'
  readonly message: string
}

/**
 * Whether a definition may use a group of the Kubernetes community; undefined when its group is another.
 * @see Source: apiextensions-apiserver pkg/apihelpers GetAPIApprovalState.
 */
export function approvalOf({ metadata, spec }: CustomResourceDefinition): Approval | undefined {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(spec.group ?? '')) return undefined
  const annotation = metadata.annotations?.[ANNOTATION]
  const see = `protected groups must have approval annotation "${ANNOTATION}"`
  if (!annotation)
    return { status: 'False', reason: 'MissingAnnotation', message: `${see}, see https://github.com/kubernetes/enhancements/pull/1111` }
  if (annotation.startsWith('unapproved'))
    return { status: 'False', reason: 'UnapprovedAnnotation', message: `not approved: ${JSON.stringify(annotation)}` }
  if (URL.canParse(annotation) && new URL(annotation).host !== '')
    return { status: 'True', reason: 'ApprovedAnnotation', message: `approved in ${annotation}` }
  return {
    status: 'False',
    reason: 'InvalidAnnotation',
    message: `${see} with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`,
  }
}

/** A definition that is there without approval may stay so. */
export function validateApproval(crd: CustomResourceDefinition, previous: CustomResourceDefinition | undefined): readonly FieldError[] {
  const approval = approvalOf(crd)
  if (!approval || (previous && approvalOf(previous)?.reason === approval.reason)) return []
  const path = `metadata.annotations[${ANNOTATION}]`
  if (approval.reason === 'MissingAnnotation') return [required(path, approval.message)]
  return approval.reason === 'InvalidAnnotation' ? [invalidValue(path, crd.metadata.annotations?.[ANNOTATION], approval.message)] : []
}
