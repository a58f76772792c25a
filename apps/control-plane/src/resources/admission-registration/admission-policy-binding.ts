import { duplicate, forbiddenField, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { AdmissionPolicyBinding, ParamRef } from '@bramble/api/types/admission-registration'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn, selectorText } from '../columns.ts'
import { pathSegment } from '../name-rules.ts'
import { check, dnsSubdomain, oneOf } from '../rules.ts'
import { validateSelector } from '../selector.ts'
import { applyMatchDefaults, NOT_EVALUATED, validateMatch } from './validate-policy.ts'

type Sort = 'Validating' | 'Mutating'

const policyBindings = (sort: Sort): ResourceDefinition<AdmissionPolicyBinding> => ({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: `${sort}AdmissionPolicyBinding`,
  plural: `${sort.toLowerCase()}admissionpolicybindings`,
  categories: ['api-extensions'],
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: `io.k8s.api.admissionregistration.v1.${sort}AdmissionPolicyBinding` },
  columns: [
    nameColumn,
    { name: 'PolicyName', type: 'string', value: ({ spec }) => spec.policyName ?? '' },
    { name: 'ParamRef', type: 'string', value: paramText },
    ageColumn,
  ],
  applyDefaults: ({ spec }) => {
    if (spec.matchResources) applyMatchDefaults(spec.matchResources)
  },
  validate: ({ spec: { policyName, paramRef, matchResources, validationActions = [] } }) => [
    ...(policyName ? check('spec.policyName', policyName, dnsSubdomain) : [required('spec.policyName')]),
    ...(paramRef ? validateParam(paramRef) : []),
    ...(matchResources ? validateMatch(matchResources, 'spec.matchResources') : []),
    ...(sort === 'Validating' ? validateActions(validationActions) : []),
  ],
  warnings: () => [NOT_EVALUATED],
})

export const validatingAdmissionPolicyBindings = policyBindings('Validating')
export const mutatingAdmissionPolicyBindings = policyBindings('Mutating')

// Source: Kubernetes pkg/apis/admissionregistration/validation validateValidatingAdmissionPolicyBindingSpec.

const EXCLUSIVE = 'name and selector are mutually exclusive'

function validateParam({ name, selector, parameterNotFoundAction }: ParamRef): readonly FieldError[] {
  const path = 'spec.paramRef'
  return [
    ...(name ? check(`${path}.name`, name, pathSegment) : []),
    ...(name && selector ? [forbiddenField(`${path}.name`, EXCLUSIVE)] : []),
    ...validateSelector(selector, `${path}.selector`),
    ...(name && selector ? [forbiddenField(`${path}.selector`, EXCLUSIVE)] : []),
    ...(name || selector ? [] : [required(path, 'one of name or selector must be specified')]),
    ...oneOf(`${path}.parameterNotFoundAction`, parameterNotFoundAction, ['Allow', 'Deny']),
  ]
}

const ACTIONS = ['Audit', 'Deny', 'Warn']
const DENY_AND_WARN =
  'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)'

const validateActions = (actions: readonly string[]): readonly FieldError[] => [
  ...actions.flatMap((action, index) => [
    ...(ACTIONS.includes(action) ? [] : [notSupported(`spec.validationActions[${index}]`, action, ACTIONS)]),
    ...(actions.indexOf(action) < index ? [duplicate(`spec.validationActions[${index}]`, action)] : []),
  ]),
  ...(actions.includes('Deny') && actions.includes('Warn') ? [invalidValue('spec.validationActions', actions, DENY_AND_WARN)] : []),
  ...(actions.length === 0 ? [required('spec.validationActions', 'at least one validation action is required')] : []),
]

function paramText({ spec: { paramRef } }: AdmissionPolicyBinding): string {
  if (paramRef?.name) return paramRef.namespace ? `${paramRef.namespace}/${paramRef.name}` : paramRef.name
  return paramRef?.selector ? selectorText(paramRef.selector) : '<unset>'
}
