import { invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { quantityText } from '@bramble/api/quantity-text'
import type { ResourceList } from '@bramble/api/types/pod'
import type { ResourceQuota, ScopeRequirement } from '@bramble/api/types/quota'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { isStandardQuota, quotaResourceName, resourceAmount } from './resource-names.ts'

type Spec = ResourceQuota['spec']

export const resourceQuotas: ResourceDefinition<ResourceQuota> = {
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  shortNames: ['quota'],
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.ResourceQuota' },
  columns: [
    nameColumn,
    { name: 'Request', type: 'string', value: ({ status }) => usageText(status, (name) => !isLimit(name)) },
    { name: 'Limit', type: 'string', value: ({ status }) => usageText(status, isLimit) },
    ageColumn,
  ],
  subresources: { status: true },
  validate: ({ spec, status }, previous) => [
    ...validateAmounts(spec.hard, 'spec.hard'),
    ...validateScopes(spec),
    ...validateScopeSelector(spec),
    ...validateAmounts(status?.hard, 'status.hard'),
    ...validateAmounts(status?.used, 'status.used'),
    ...(previous && !isSameSet(previous.spec.scopes, spec.scopes)
      ? [invalidValue('spec.scopes', spec.scopes ?? [], 'field is immutable')]
      : []),
  ],
  warnings: (_, previous) =>
    previous ? [] : ['nothing in this cluster counts or enforces a ResourceQuota yet: it is stored, and its namespace is not bounded'],
}

const isLimit = (name: string): boolean => name.startsWith('limits.')

/** `pods: 3/10, requests.cpu: 1/4`: what is used of what there is. Source: Kubernetes printers.go printResourceQuota. */
function usageText(status: ResourceQuota['status'], isWanted: (name: string) => boolean): string {
  const { hard = {}, used = {} } = status ?? {}
  return Object.keys(hard)
    .filter(isWanted)
    .sort()
    .map((name) => `${name}: ${quantityText(used[name])}/${quantityText(hard[name])}`)
    .join(', ')
}

const validateAmounts = (list: ResourceList = {}, path: string): readonly FieldError[] =>
  Object.entries(list).flatMap(([name, amount]) => [
    ...quotaResourceName(name, `${path}[${name}]`),
    ...resourceAmount(name, amount, `${path}[${name}]`),
  ])

const POD_RESOURCES: readonly string[] = ['pods', 'cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory']
/** Which resources a scope narrows. Source: Kubernetes pkg/apis/core/helper IsResourceQuotaScopeValidForResource. */
const SCOPES: ReadonlyMap<string, readonly string[]> = new Map([
  ['Terminating', POD_RESOURCES],
  ['NotTerminating', POD_RESOURCES],
  ['BestEffort', ['pods']],
  ['NotBestEffort', POD_RESOURCES],
  ['PriorityClass', POD_RESOURCES],
  ['CrossNamespacePodAffinity', POD_RESOURCES],
  ['VolumeAttributesClass', ['persistentvolumeclaims', 'requests.storage']],
])
const OPPOSITES = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const

const misfits = (scope: string, { hard = {} }: Spec): readonly string[] =>
  Object.keys(hard)
    .sort()
    .filter((name) => isStandardQuota(name) && !(SCOPES.get(scope)?.includes(name) ?? true))

/** Source: Kubernetes pkg/apis/core/validation validateResourceQuotaScopes. */
function validateScopes(spec: Spec): readonly FieldError[] {
  const { scopes = [] } = spec
  const refuse = (why: string): FieldError => invalidValue('spec.scopes', scopes, why)
  return [
    ...scopes.flatMap((scope) => [
      ...(SCOPES.has(scope) ? [] : [refuse('unsupported scope')]),
      ...misfits(scope, spec).map(() => refuse('unsupported scope applied to resource')),
    ]),
    ...OPPOSITES.filter((pair) => pair.every((scope) => scopes.includes(scope))).map(() => refuse('conflicting scopes')),
  ]
}

const ONLY_EXISTS: ReadonlySet<string> = new Set([
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'CrossNamespacePodAffinity',
])

/** Source: Kubernetes pkg/apis/core/validation validateScopedResourceSelectorRequirement. */
function validateScopeSelector(spec: Spec): readonly FieldError[] {
  const path = 'spec.scopeSelector.matchExpressions'
  const all = spec.scopeSelector?.matchExpressions ?? []
  return [
    ...all.flatMap((requirement) => {
      const { scopeName = '', operator } = requirement
      return [
        ...(SCOPES.has(scopeName) ? [] : [invalidValue(`${path}.scopeName`, scopeName, 'unsupported scope')]),
        ...misfits(scopeName, spec).map(() => invalidValue(path, spec.scopeSelector, 'unsupported scope applied to resource')),
        ...(ONLY_EXISTS.has(scopeName) && operator !== 'Exists' ? [invalidValue(`${path}.operator`, operator ?? '', MUST_EXIST)] : []),
        ...validateOperator(requirement, path),
      ]
    }),
    ...OPPOSITES.filter((pair) => pair.every((scope) => all.some(({ scopeName }) => scopeName === scope))).map(() =>
      invalidValue(path, spec.scopes ?? [], 'conflicting scopes'),
    ),
  ]
}

const MUST_EXIST =
  "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"

function validateOperator({ operator, values = [] }: ScopeRequirement, path: string): readonly FieldError[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0
        ? []
        : [required(`${path}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector")]
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0
        ? []
        : [invalidValue(`${path}.values`, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector")]
    default:
      return [invalidValue(`${path}.operator`, operator ?? '', 'not a valid selector operator')]
  }
}

const isSameSet = (a: readonly string[] = [], b: readonly string[] = []): boolean =>
  a.every((one) => b.includes(one)) && b.every((one) => a.includes(one))
