import { duplicate, invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { PolicyValidation, ValidatingAdmissionPolicy } from '@bramble/api/types/admission-registration'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { check, qualifiedName } from '../rules.ts'
import { applyPolicyDefaults, NOT_EVALUATED, paramKindText, validatePolicy } from './validate-policy.ts'
import { supported } from './validate-rules.ts'

export const validatingAdmissionPolicies: ResourceDefinition<ValidatingAdmissionPolicy> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  categories: ['api-extensions'],
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy' },
  columns: [
    nameColumn,
    { name: 'Validations', type: 'integer', value: ({ spec }) => (spec.validations ?? []).length },
    { name: 'ParamKind', type: 'string', value: paramKindText },
    ageColumn,
  ],
  subresources: { status: true },
  applyDefaults: (draft) => {
    applyPolicyDefaults(draft.spec)
  },
  validate: ({ metadata, spec }) => [...validatePolicy(spec), ...validateChecks(spec, metadata.name)],
  warnings: () => [NOT_EVALUATED],
}

const ANNOTATIONS_MAX = 20
const AT_LEAST_ONE = 'validations or auditAnnotations must contain at least one item'

function validateChecks(
  { validations = [], auditAnnotations = [] }: ValidatingAdmissionPolicy['spec'],
  policyName: string | undefined,
): readonly FieldError[] {
  if (validations.length + auditAnnotations.length === 0)
    return [required('spec.validations', AT_LEAST_ONE), required('spec.auditAnnotations', AT_LEAST_ONE)]
  const keys = auditAnnotations.map(({ key = '' }) => key)
  return [
    ...validations.flatMap((validation, index) => validateValidation(validation, `spec.validations[${index}]`)),
    ...(keys.length > ANNOTATIONS_MAX
      ? [invalidValue('spec.auditAnnotations', auditAnnotations, `must not have more than ${ANNOTATIONS_MAX} auditAnnotations`)]
      : []),
    ...auditAnnotations.flatMap(({ key = '', valueExpression }, index) => {
      const path = `spec.auditAnnotations[${index}]`
      return [
        ...(policyName
          ? check(`${path}.key`, `${policyName}/${key}`, qualifiedName)
          : [invalidValue(`${path}.key`, key, 'requires metadata.name be non-empty')]),
        ...validateValueExpression(valueExpression, `${path}.valueExpression`),
        ...(keys.indexOf(key) < index ? [duplicate(`${path}.key`, key)] : []),
      ]
    }),
  ]
}

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge']

function validateValidation({ expression = '', message = '', messageExpression = '', reason }: PolicyValidation, path: string) {
  return [
    ...(expression.trim() === '' ? [required(`${path}.expression`, 'expression is not specified')] : []),
    ...(messageExpression !== '' && messageExpression.trim() === ''
      ? [invalidValue(`${path}.messageExpression`, messageExpression, 'must be non-empty if specified')]
      : []),
    ...(message !== '' && message.trim() === ''
      ? [invalidValue(`${path}.message`, message, 'message must be non-empty if specified')]
      : []),
    ...(/[\n\r]/.test(message.trim()) ? [invalidValue(`${path}.message`, message, 'message must not contain line breaks')] : []),
    ...supported(`${path}.reason`, reason, REASONS),
  ]
}

const EXPRESSION_BYTES_MAX = 5 * 1024

function validateValueExpression(expression = '', path: string): readonly FieldError[] {
  const trimmed = expression.trim()
  if (trimmed === '') return [required(path, 'valueExpression is not specified')]
  return Buffer.byteLength(trimmed) > EXPRESSION_BYTES_MAX
    ? [required(path, `must not exceed ${EXPRESSION_BYTES_MAX} bytes in length`)]
    : []
}
