import { isConditionTrue } from '@bramble/api/conditions'
import { type FieldError, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type {
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceNames,
} from '@bramble/api/types/custom-resource-definition'
import { nameProblems } from '../../api/names.ts'
import { validateVersion } from './validate-version.ts'

/**
 * The specification of a custom kind.
 * @see Source: apiextensions-apiserver pkg/apis/apiextensions/validation validateCustomResourceDefinitionSpec.
 */
export const validateSpec = (spec: CustomResourceDefinitionSpec): readonly FieldError[] => [
  ...validateGroup(spec.group),
  ...oneOf('spec.scope', spec.scope, ['Cluster', 'Namespaced']),
  ...(spec.preserveUnknownFields
    ? [
        invalidValue(
          'spec.preserveUnknownFields',
          true,
          'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
        ),
      ]
    : []),
  ...validateVersions(spec),
  ...validateNames(spec.names ?? {}),
  ...validateConversion(spec.conversion),
]

function validateGroup(group = ''): readonly FieldError[] {
  if (group === '') return [required('spec.group')]
  const problems = nameProblems('subdomain', group)
  if (problems.length > 0) return [invalidValue('spec.group', group, problems.join(','))]
  return group.includes('.') ? [] : [invalidValue('spec.group', group, 'should be a domain with at least one dot')]
}

const oneOf = (path: string, value: string | undefined, supported: readonly string[]): readonly FieldError[] => {
  if (!value) return [required(path)]
  return supported.includes(value) ? [] : [notSupported(path, value, supported)]
}

function validateVersions({ versions = [], group }: CustomResourceDefinitionSpec): readonly FieldError[] {
  const path = 'spec.versions'
  const names = versions.map(({ name }) => name)
  return [
    ...versions.flatMap((version, index) => validateVersion(version, group, `${path}[${index}]`)),
    ...(new Set(names).size < names.length ? [invalidValue(path, names, 'must contain unique version names')] : []),
    ...(versions.filter(({ storage }) => storage).length === 1
      ? []
      : [invalidValue(path, names, 'must have exactly one version marked as storage version')]),
  ]
}

/** Source: ValidateCustomResourceDefinitionNames. */
function validateNames(names: Partial<CustomResourceNames>): readonly FieldError[] {
  const path = 'spec.names'
  const { plural, singular, kind, listKind, shortNames = [], categories = [] } = names
  const label = (at: string, value: string | undefined): readonly FieldError[] => {
    const problems = value ? nameProblems('label1035', value) : []
    return problems.length === 0 ? [] : [invalidValue(`${path}.${at}`, value, problems.join(','))]
  }
  const kindLabel = (at: string, value: string | undefined): readonly FieldError[] => {
    const problems = value ? nameProblems('label1035', value.toLowerCase()) : []
    return problems.length === 0
      ? []
      : [invalidValue(`${path}.${at}`, value, `may have mixed case, but should otherwise match: ${problems.join(',')}`)]
  }
  return [
    ...Object.entries({ plural, singular, kind, listKind }).flatMap(([at, value]) => (value ? [] : [required(`${path}.${at}`)])),
    ...label('plural', plural),
    ...label('singular', singular),
    ...kindLabel('kind', kind),
    ...kindLabel('listKind', listKind),
    ...shortNames.flatMap((name, index) => label(`shortNames[${index}]`, name)),
    ...(kind && kind === listKind ? [invalidValue(`${path}.listKind`, listKind, 'kind and listKind may not be the same')] : []),
    ...categories.flatMap((name, index) => label(`categories[${index}]`, name)),
  ]
}

function validateConversion({ strategy, webhook }: CustomResourceConversion = { strategy: 'None' }): readonly FieldError[] {
  const path = 'spec.conversion'
  if (strategy === 'Webhook')
    return [
      invalidValue(`${path}.strategy`, strategy, 'conversion webhooks are not supported: use None, which changes the apiVersion only'),
    ]
  return [
    ...(strategy
      ? strategy === 'None'
        ? []
        : [notSupported(`${path}.strategy`, strategy, ['None', 'Webhook'])]
      : [required(`${path}.strategy`)]),
    ...(webhook === undefined
      ? []
      : [
          {
            type: 'FieldValueForbidden' as const,
            path: `${path}.webhookClientConfig`,
            message: 'Forbidden: should not be set when strategy is not set to Webhook',
          },
        ]),
  ]
}

/** Source: ValidateCustomResourceDefinitionSpecUpdate: what names objects in the store, and what clients rely on, stays. */
export function validateSpecUpdate({ spec }: CustomResourceDefinition, previous: CustomResourceDefinition): readonly FieldError[] {
  const before = previous.spec
  const fixed = (path: string, value: string, was: string): readonly FieldError[] =>
    value === was ? [] : [invalidValue(path, value, 'field is immutable')]
  const isEstablished = isConditionTrue(previous.status?.conditions, 'Established')
  return [
    ...(isEstablished
      ? [...fixed('spec.scope', spec.scope, before.scope), ...fixed('spec.names.kind', spec.names.kind, before.names.kind)]
      : []),
    ...fixed('spec.group', spec.group, before.group),
    ...fixed('spec.names.plural', spec.names.plural, before.names.plural),
  ]
}
