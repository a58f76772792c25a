import { forbidden, StatusError } from '@bramble/api/status-error'
import type { UserInfo } from '../api/requests.ts'

/** What somebody wants to do. Source: authorization/v1 ResourceAttributes and NonResourceAttributes. */
export type Attributes =
  | {
      readonly type: 'resource'
      readonly verb: string
      readonly group: string
      readonly plural: string
      readonly subresource?: string
      readonly namespace?: string
      readonly name?: string
    }
  | { readonly type: 'path'; readonly verb: string; readonly path: string }

/** A right to resources; `*` stands for everything. Source: rbac/v1 PolicyRule. */
export interface ResourceRule {
  readonly verbs: readonly string[]
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
}
/** A right to paths; a trailing `*` stands for any rest. */
export interface PathRule {
  readonly verbs: readonly string[]
  readonly nonResourceURLs: readonly string[]
}
export interface Rights {
  readonly resources: readonly ResourceRule[]
  readonly paths: readonly PathRule[]
}

const HEALTH = ['/healthz', '/livez', '/readyz', '/version', '/version/']
const DISCOVERY = ['/', '/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*']

/** Source: kube-apiserver's default roles system:public-info-viewer, system:discovery, system:basic-user and cluster-admin. */
const RIGHTS: Readonly<Record<string, Rights>> = {
  'system:masters': {
    resources: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
    paths: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  },
  'system:authenticated': {
    resources: [
      { verbs: ['create'], apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'] },
      { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
    ],
    paths: [{ verbs: ['get'], nonResourceURLs: [...HEALTH, ...DISCOVERY, '/healthz/*', '/livez/*', '/readyz/*'] }],
  },
  'system:unauthenticated': {
    resources: [],
    paths: [{ verbs: ['get'], nonResourceURLs: HEALTH }],
  },
}

/** Whether a user may. Pure; what no right grants is refused. */
export function authorize(user: UserInfo, attributes: Attributes): boolean {
  const { resources, paths } = rightsOf(user)
  if (attributes.type === 'path')
    return paths.some(
      (rule) => covers(rule.verbs, attributes.verb) && rule.nonResourceURLs.some((pattern) => pathMatches(pattern, attributes.path)),
    )
  const resource = attributes.subresource === undefined ? attributes.plural : `${attributes.plural}/${attributes.subresource}`
  return resources.some(
    (rule) => covers(rule.verbs, attributes.verb) && covers(rule.apiGroups, attributes.group) && covers(rule.resources, resource),
  )
}

/** Everything a user may do, in any namespace. */
export function rightsOf(user: UserInfo): Rights {
  const granted = user.groups.filter((group) => Object.hasOwn(RIGHTS, group)).map((group) => RIGHTS[group]!)
  return { resources: granted.flatMap(({ resources }) => resources), paths: granted.flatMap(({ paths }) => paths) }
}

const covers = (granted: readonly string[], wanted: string): boolean => granted.includes('*') || granted.includes(wanted)

const pathMatches = (pattern: string, path: string): boolean =>
  pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern

/** 403 in kube-apiserver's words. Source: k8s.io/apiserver handlers/responsewriters forbiddenMessage. */
export function forbiddenError(user: UserInfo, attributes: Attributes): StatusError {
  const who = `User ${JSON.stringify(user.name)} cannot ${attributes.verb}`
  if (attributes.type === 'path') return new StatusError(403, 'Forbidden', `forbidden: ${who} path ${JSON.stringify(attributes.path)}`, {})
  const { group, plural, subresource, namespace, name = '' } = attributes
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`
  return forbidden({ group, plural }, name, `${who} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(group)} ${where}`)
}
