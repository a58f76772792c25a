import { forbiddenField, invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { conditionOf } from '@bramble/api/conditions'
import type { FlowResourceRule, FlowRules, FlowSchema, FlowSubject } from '@bramble/api/types/flow-control'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { isSame } from '../differences.ts'
import { check, dnsLabel, dnsSubdomain } from '../rules.ts'
import { MANDATORY_FLOW_SCHEMAS, NOT_QUEUED } from './mandatory.ts'

const PRECEDENCE = 1000
const PRECEDENCE_MAX = 10_000

export const flowSchemas: ResourceDefinition<FlowSchema> = {
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.flowcontrol.v1.FlowSchema' },
  columns: [
    nameColumn,
    { name: 'PriorityLevel', type: 'string', value: ({ spec }) => spec.priorityLevelConfiguration?.name ?? '' },
    { name: 'MatchingPrecedence', type: 'string', value: ({ spec }) => spec.matchingPrecedence ?? 0 },
    { name: 'DistinguisherMethod', type: 'string', value: ({ spec }) => spec.distinguisherMethod?.type ?? '<none>' },
    ageColumn,
    { name: 'MissingPL', type: 'string', value: ({ status }) => conditionOf(status?.conditions, 'Dangling')?.status ?? '?' },
  ],
  subresources: { status: true },
  applyDefaults: (draft) => {
    draft.spec.matchingPrecedence ||= PRECEDENCE
  },
  validate: ({ metadata: { name = '' }, spec }) => {
    const fixed = Object.hasOwn(MANDATORY_FLOW_SCHEMAS, name) ? MANDATORY_FLOW_SCHEMAS[name] : undefined
    return [
      ...validateSpec(spec, name),
      ...(fixed === undefined || isSame(spec, fixed) ? [] : [invalidValue('spec', spec, `spec of '${name}' must equal the fixed value`)]),
    ]
  },
  warnings: ({ metadata }, previous) => (previous || Object.hasOwn(MANDATORY_FLOW_SCHEMAS, metadata.name) ? [] : [NOT_QUEUED]),
}

// Source: Kubernetes pkg/apis/flowcontrol/validation.

const METHODS = ['ByNamespace', 'ByUser']

function validateSpec(spec: FlowSchema['spec'], schemaName: string): readonly FieldError[] {
  const { matchingPrecedence: precedence = 0, distinguisherMethod, priorityLevelConfiguration: level, rules = [] } = spec
  const wrong = (fault: string): FieldError => invalidValue('spec.matchingPrecedence', precedence, fault)
  return [
    ...(precedence <= 0 ? [wrong('must be a positive value')] : []),
    ...(precedence > PRECEDENCE_MAX ? [wrong(`must not be greater than ${PRECEDENCE_MAX}`)] : []),
    ...(precedence === 1 && schemaName !== 'exempt' ? [wrong("only the schema named 'exempt' may have matchingPrecedence 1")] : []),
    ...(distinguisherMethod && !METHODS.includes(distinguisherMethod.type ?? '')
      ? [notSupported('spec.distinguisherMethod.type', distinguisherMethod, METHODS)]
      : []),
    ...(level?.name
      ? check('spec.priorityLevelConfiguration.name', level.name, dnsSubdomain)
      : [required('spec.priorityLevelConfiguration.name', 'must reference a priority level')]),
    ...rules.flatMap((rule, index) => validateRules(rule, `spec.rules[${index}]`)),
  ]
}

const validateRules = ({ subjects = [], resourceRules = [], nonResourceRules = [] }: FlowRules, path: string): readonly FieldError[] => [
  ...subjects.flatMap((subject, index) => validateSubject(subject, `${path}.subjects[${index}]`)),
  ...(subjects.length === 0 ? [required(`${path}.subjects`, 'subjects must contain at least one value')] : []),
  ...(resourceRules.length + nonResourceRules.length === 0
    ? [required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty')]
    : []),
  ...resourceRules.flatMap((rule, index) => validateResourceRule(rule, `${path}.resourceRules[${index}]`)),
  ...nonResourceRules.flatMap(({ verbs, nonResourceURLs }, index) => [
    ...validateVerbs(verbs, `${path}.nonResourceRules[${index}].verbs`),
    ...validatePaths(nonResourceURLs, `${path}.nonResourceRules[${index}].nonResourceURLs`),
  ]),
]

/** The kind of a subject and the field that it needs. */
const SUBJECTS = { Group: 'group', ServiceAccount: 'serviceAccount', User: 'user' } as const

function validateSubject(subject: FlowSubject, path: string): readonly FieldError[] {
  const { kind = '' } = subject
  if (!Object.hasOwn(SUBJECTS, kind)) return [notSupported(`${path}.kind`, kind, Object.keys(SUBJECTS))]
  const wanted = SUBJECTS[kind as keyof typeof SUBJECTS]
  const others = Object.entries(SUBJECTS).filter(([, field]) => field !== wanted && subject[field] !== undefined)
  return [
    ...(subject[wanted]
      ? validateNames(subject, wanted, path)
      : [required(`${path}.${wanted}`, `${wanted} is required when subject kind is '${kind}'`)]),
    ...others.map(([other, field]) => forbiddenField(`${path}.${field}`, `${field} is forbidden when subject kind is not '${other}'`)),
  ]
}

function validateNames(subject: FlowSubject, field: 'group' | 'serviceAccount' | 'user', path: string): readonly FieldError[] {
  const { name, namespace }: { readonly name?: string; readonly namespace?: string } = subject[field] ?? {}
  const at = `${path}.${field}`
  if (field !== 'serviceAccount') return name ? [] : [required(`${at}.name`)]
  return [
    ...(name ? (name === '*' ? [] : check(`${at}.name`, name, dnsSubdomain)) : [required(`${at}.name`)]),
    ...(namespace
      ? check(`${at}.namespace`, namespace, dnsLabel)
      : [required(`${at}.namespace`, 'must specify namespace for service account')]),
  ]
}

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch']

function validateVerbs(verbs: readonly string[] = [], path: string): readonly FieldError[] {
  if (verbs.length === 0) return [required(path, 'verbs must contain at least one value')]
  if (verbs.includes('*')) return aloneOnly(verbs, path, 'verbs')
  return verbs.every((verb) => VERBS.includes(verb)) ? [] : [notSupported(path, verbs, VERBS)]
}

const aloneOnly = (values: readonly string[], path: string, what: string): readonly FieldError[] =>
  values.length > 1 && values.includes('*') ? [invalidValue(path, values, `if '*' is present, must not specify other ${what}`)] : []

function validateResourceRule({ verbs, apiGroups = [], resources = [], namespaces = [], clusterScope }: FlowResourceRule, path: string) {
  const scopeFaults =
    namespaces.length === 0 && !clusterScope
      ? [required(`${path}.namespaces`, 'resource rules that are not cluster scoped must supply at least one namespace')]
      : namespaces.includes('*')
        ? aloneOnly(namespaces, `${path}.namespaces`, 'namespaces')
        : namespaces.flatMap((namespace, index) =>
            dnsLabel(namespace).map((fault) =>
              invalidValue(`${path}.namespaces[${index}]`, namespace, `each member of this list must be '*' or a DNS-1123 label; ${fault}`),
            ),
          )
  return [
    ...validateVerbs(verbs, `${path}.verbs`),
    ...(apiGroups.length === 0 ? [required(`${path}.apiGroups`, 'resource rules must supply at least one api group')] : []),
    ...aloneOnly(apiGroups, `${path}.apiGroups`, 'api groups'),
    ...(resources.length === 0 ? [required(`${path}.resources`, 'resource rules must supply at least one resource')] : []),
    ...aloneOnly(resources, `${path}.resources`, 'resources'),
    ...scopeFaults,
  ]
}

function validatePaths(paths: readonly string[] = [], path: string): readonly FieldError[] {
  if (paths.length === 0) return [required(path, 'nonResourceURLs must contain at least one value')]
  if (paths.includes('*')) return aloneOnly(paths, path, 'non-resource URLs')
  return paths.flatMap((one, index) => {
    const fault = pathFault(one)
    return fault === undefined ? [] : [invalidValue(`${path}[${index}]`, one, fault)]
  })
}

function pathFault(path: string): string | undefined {
  if (path === '') return 'must not be empty'
  if (!path.startsWith('/')) return 'must start with slash'
  if (path.includes(' ')) return 'must not contain white-space'
  if (path.includes('//')) return 'must not contain double slash'
  return /^[^*]*(\/\*)?$/.test(path) ? undefined : 'wildcard can only do suffix matching'
}
