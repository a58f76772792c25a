import { invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { MutatingAdmissionPolicy, PolicyMutation } from '@bramble/api/types/admission-registration'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { oneOf } from '../rules.ts'
import { applyPolicyDefaults, NOT_EVALUATED, paramKindText, validatePolicy } from './validate-policy.ts'
import { REINVOCATION_POLICIES } from './validate-rules.ts'

export const mutatingAdmissionPolicies: ResourceDefinition<MutatingAdmissionPolicy> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingAdmissionPolicy',
  plural: 'mutatingadmissionpolicies',
  categories: ['api-extensions'],
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicy' },
  columns: [
    nameColumn,
    { name: 'Mutations', type: 'integer', value: ({ spec }) => (spec.mutations ?? []).length },
    { name: 'ParamKind', type: 'string', value: paramKindText },
    ageColumn,
  ],
  applyDefaults: ({ spec }) => applyPolicyDefaults(spec),
  validate: ({ spec }) => [
    ...validatePolicy(spec),
    ...((spec.mutations ?? []).length === 0 ? [required('spec.mutations', 'mutations must contain at least one item')] : []),
    ...(spec.mutations ?? []).flatMap((mutation, index) => validateMutation(mutation, `spec.mutations[${index}]`)),
    ...oneOf('spec.reinvocationPolicy', spec.reinvocationPolicy, REINVOCATION_POLICIES),
  ],
  warnings: () => [NOT_EVALUATED],
}

/** The patch type and the field that it needs. */
const PATCHES = { ApplyConfiguration: 'applyConfiguration', JSONPatch: 'jsonPatch' } as const

function validateMutation(mutation: PolicyMutation, path: string): readonly FieldError[] {
  const { patchType } = mutation
  if (!patchType) return [required(`${path}.patchType`)]
  if (!isPatchType(patchType)) return [notSupported(`${path}.patchType`, patchType, Object.keys(PATCHES))]
  const wanted = PATCHES[patchType]
  return Object.values(PATCHES).flatMap((field) => {
    const given = mutation[field]
    if (field !== wanted)
      return given ? [invalidValue(`${path}.${field}`, given, `must not be specified when patchType is ${patchType}`)] : []
    if (!given) return [required(`${path}.${field}`, `must be specified when patchType is ${patchType}`)]
    return given.expression?.trim() ? [] : [required(`${path}.${field}.expression`, 'expression is not specified')]
  })
}

const isPatchType = (text: string): text is keyof typeof PATCHES => Object.hasOwn(PATCHES, text)
