import { type FieldError, forbiddenField, invalidValue, required } from '@bramble/api/field-error'
import { conditionOf } from '@bramble/api/conditions'
import type { ApiService } from '@bramble/api/types/custom-resource-definition'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { check, dnsLabel, dnsSubdomain, within } from './rules.ts'

export const apiServices: ResourceDefinition<ApiService> = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  categories: ['api-extensions'],
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService' },
  columns: [
    nameColumn,
    { name: 'Service', type: 'string', value: ({ spec: { service } }) => (service ? `${service.namespace}/${service.name}` : 'Local') },
    { name: 'Available', type: 'string', value: available },
    ageColumn,
  ],
  subresources: { status: true },
  applyDefaults: ({ spec }) => {
    if (spec.service) spec.service.port ??= 443
  },
  validate,
}

function available({ status }: ApiService): string {
  const condition = conditionOf(status?.conditions, 'Available')
  if (!condition) return 'Unknown'
  return condition.status === 'True' || !condition.reason ? condition.status : `${condition.status} (${condition.reason})`
}

/** Source: kube-aggregator pkg/apis/apiregistration/validation ValidateAPIService. */
function validate({ metadata, spec }: ApiService): readonly FieldError[] {
  const { group = '', version = '', service, caBundle, insecureSkipTLSVerify = false } = spec
  const name = `${version}.${group}`
  return [
    ...(metadata.name && metadata.name !== name
      ? [invalidValue('metadata.name', metadata.name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(name)}`)]
      : []),
    ...(group === '' && version !== 'v1'
      ? [required('spec.group', 'only v1 may have an empty group and it better be legacy kube')]
      : group === ''
        ? []
        : check('spec.group', group, dnsSubdomain)),
    ...check('spec.version', version, dnsLabel),
    ...priority('spec.groupPriorityMinimum', spec.groupPriorityMinimum, 20_000),
    ...priority('spec.versionPriority', spec.versionPriority, 1000),
    ...(service ? validateService(service) : []),
    ...(service === undefined && caBundle
      ? [invalidValue('spec.caBundle', `${Buffer.byteLength(caBundle, 'base64')} bytes`, 'local APIServices may not have a caBundle')]
      : []),
    ...(service === undefined && insecureSkipTLSVerify
      ? [invalidValue('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify')]
      : []),
    ...(insecureSkipTLSVerify && caBundle ? [forbiddenField('spec.insecureSkipTLSVerify', 'may not be true if caBundle is present')] : []),
  ]
}

const priority = (path: string, value: number | undefined, max: number): readonly FieldError[] =>
  value !== undefined && value > 0 && value <= max ? [] : [invalidValue(path, value ?? 0, `must be positive and less than ${max}`)]

const validateService = ({ name, namespace, port }: NonNullable<ApiService['spec']['service']>): readonly FieldError[] => [
  ...(namespace ? [] : [required('spec.service.namespace')]),
  ...(name ? [] : [required('spec.service.name')]),
  ...(port === undefined ? [] : check('spec.service.port', port, within(1, 65535))),
]
