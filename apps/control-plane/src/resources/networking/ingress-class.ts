import { forbiddenField, notSupported, required, tooLong } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { IngressClass } from '@bramble/api/types/networking'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { domainPrefixedPath, referencedName } from '../name-rules.ts'
import { check, dnsLabel, dnsSubdomain } from '../rules.ts'
import { immutable } from '../workload.ts'

export const ingressClasses: ResourceDefinition<IngressClass> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.networking.v1.IngressClass' },
  columns: [
    nameColumn,
    { name: 'Controller', type: 'string', value: ({ spec }) => spec.controller ?? '' },
    { name: 'Parameters', type: 'string', value: parametersText },
    ageColumn,
  ],
  applyDefaults: ({ spec: { parameters } }) => {
    if (parameters) parameters.scope ??= 'Cluster'
  },
  validate: ({ spec }, previous) => [
    ...immutable('spec.controller', spec.controller, previous, previous?.spec.controller),
    ...validateController(spec.controller),
    ...(spec.parameters ? validateParameters(spec.parameters) : []),
  ],
}

const CONTROLLER_BYTES_MAX = 250

// Source: Kubernetes pkg/apis/networking/validation ValidateIngressClass.
const validateController = (controller: string | undefined): readonly FieldError[] => [
  ...(controller && controller.length > CONTROLLER_BYTES_MAX ? [tooLong('spec.controller', CONTROLLER_BYTES_MAX)] : []),
  ...domainPrefixedPath('spec.controller', controller),
]

type Parameters = NonNullable<IngressClass['spec']['parameters']>

function validateParameters({ apiGroup, kind, name, scope, namespace }: Parameters): readonly FieldError[] {
  const path = 'spec.parameters'
  return [
    ...(apiGroup === undefined ? [] : check(`${path}.apiGroup`, apiGroup, dnsSubdomain)),
    ...referencedName(`${path}.kind`, kind),
    ...referencedName(`${path}.name`, name),
    ...(scope === 'Cluster' || scope === 'Namespace' ? [] : [notSupported(`${path}.scope`, scope, ['Cluster', 'Namespace'])]),
    ...(scope === 'Namespace'
      ? namespace === undefined
        ? [required(`${path}.namespace`, "`parameters.scope` is set to 'Namespace'")]
        : check(`${path}.namespace`, namespace, dnsLabel)
      : []),
    ...(scope === 'Cluster' && namespace !== undefined
      ? [forbiddenField(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'")]
      : []),
  ]
}

function parametersText({ spec: { parameters } }: IngressClass): string {
  if (!parameters) return '<none>'
  const { apiGroup, kind = '', name = '' } = parameters
  return `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`
}
