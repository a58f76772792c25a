import { forbidden, StatusError } from '@bramble/api/status-error'
import type { UserInfo } from '../api/requests.ts'

/** What somebody wants to do. Source: authorization/v1 ResourceAttributes and NonResourceAttributes. */
export type Attributes = ResourceAttributes | PathAttributes

export interface ResourceAttributes {
  readonly type: 'resource'
  readonly verb: string
  readonly group: string
  readonly plural: string
  readonly subresource?: string
  readonly namespace?: string
  /** Absent for what concerns no object in particular. */
  readonly name?: string
}
export interface PathAttributes {
  readonly type: 'path'
  readonly verb: string
  readonly path: string
}

/**
 * 403 in kube-apiserver's words.
 * @param reason What the authorizer adds, e.g. that a bound role does not exist.
 * @see Source: k8s.io/apiserver handlers/responsewriters forbiddenMessage.
 */
export function forbiddenError(user: UserInfo, attributes: Attributes, reason = ''): StatusError {
  const who = `User ${JSON.stringify(user.name)} cannot ${attributes.verb}`
  const why = reason === '' ? '' : `: ${reason}`
  if (attributes.type === 'path')
    return new StatusError(403, 'Forbidden', `forbidden: ${who} path ${JSON.stringify(attributes.path)}${why}`, {})
  const { group, plural, subresource, namespace = '', name = '' } = attributes
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`
  const what = `${who} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(group)} ${where}${why}`
  return forbidden({ group, plural }, name, what)
}
