import { type FieldError, invalidValue } from '@bramble/api/field-error'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import { badRequest, invalid } from '@bramble/api/status-error'
import type { PolicyRule } from '@bramble/api/types/rbac'
import type { UserInfo } from '../api/requests.ts'
import type { Attributes } from './attributes.ts'
import type { Authorizer } from './authorizer.ts'

/** A question about rights. Source: authorization/v1 SubjectAccessReview and its relatives. */
export interface AccessReview extends KubeObject {
  readonly spec?: {
    readonly resourceAttributes?: {
      readonly verb?: string
      readonly group?: string
      readonly resource?: string
      readonly subresource?: string
      readonly namespace?: string
      readonly name?: string
    }
    readonly nonResourceAttributes?: { readonly verb?: string; readonly path?: string }
    readonly user?: string
    readonly uid?: string
    readonly groups?: readonly string[]
    readonly extra?: Readonly<Record<string, readonly string[]>>
    /** Of a SelfSubjectRulesReview. */
    readonly namespace?: string
  }
}

/** Whether the one who asks may. @throws StatusError 422 for a question that is none. */
export const answerSelfAccess = (authorizer: Authorizer, review: AccessReview, user: UserInfo): JsonObject => {
  refuse(review, [...metadataErrors(review), ...attributesErrors(review)])
  return verdict(authorizer, user, review)
}

/** Whether another may. @throws StatusError 422 */
export function answerAccess(authorizer: Authorizer, review: AccessReview): JsonObject {
  refuse(review, [...metadataErrors(review), ...attributesErrors(review), ...subjectErrors(review)])
  return verdict(authorizer, subjectOf(review), review)
}

/** Whether another may in the namespace that the question was put in. @throws StatusError 422 */
export function answerLocalAccess(authorizer: Authorizer, review: AccessReview): JsonObject {
  const { resourceAttributes, nonResourceAttributes } = review.spec ?? {}
  const namespace = review.metadata.namespace ?? ''
  const errors = [...attributesErrors(review), ...subjectErrors(review), ...metadataErrors(review)]
  if (resourceAttributes && (resourceAttributes.namespace ?? '') !== namespace)
    errors.push(invalidValue('spec.resourceAttributes.namespace', resourceAttributes.namespace ?? '', 'must match metadata.namespace'))
  if (nonResourceAttributes)
    errors.push(invalidValue('spec.nonResourceAttributes', inOrder(nonResourceAttributes), 'disallowed on this kind of request'))
  refuse(review, errors)
  return verdict(authorizer, subjectOf(review), review)
}

/** All rules of the one who asks. @throws StatusError 400 */
export function answerSelfRules(authorizer: Authorizer, { spec }: AccessReview, user: UserInfo): JsonObject {
  if (!spec?.namespace) throw badRequest('no namespace on request')
  const { rules, error } = authorizer.rulesFor(user, spec.namespace)
  const everywhere = authorizer.rulesFor(user, '').rules // paths are in no namespace, so bindings in one do not open them
  return {
    resourceRules: rules.filter(({ resources = [] }) => resources.length > 0).map(resourceRule),
    nonResourceRules: everywhere
      .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs: nonResourceURLs! })),
    incomplete: false,
    ...(error !== undefined && { evaluationError: error }),
  }
}

const resourceRule = ({ verbs, apiGroups = [], resources = [], resourceNames = [] }: PolicyRule): JsonObject => ({
  verbs,
  ...(apiGroups.length > 0 && { apiGroups }),
  resources,
  ...(resourceNames.length > 0 && { resourceNames }),
})

function verdict(authorizer: Authorizer, user: UserInfo, review: AccessReview): JsonObject {
  const { allowed, reason } = authorizer.authorize(user, attributesOf(review))
  return { allowed, ...(reason !== '' && { reason }) }
}

const subjectOf = ({ spec: { user = '', uid, groups = [], extra } = {} }: AccessReview): UserInfo => ({
  name: user,
  ...(uid && { uid }),
  groups,
  ...(extra && { extra }),
})

function attributesOf({ spec }: AccessReview): Attributes {
  const { resourceAttributes: asked, nonResourceAttributes: path } = spec ?? {}
  if (path) return { type: 'path', verb: path.verb ?? '', path: path.path ?? '' }
  const { verb = '', group = '', resource: plural = '', subresource, namespace, name } = asked ?? {}
  return {
    type: 'resource',
    verb,
    group,
    plural,
    ...(subresource && { subresource }),
    ...(namespace && { namespace }),
    ...(name && { name }),
  }
}

// Source of the refusals: Kubernetes pkg/apis/authorization/validation.

function refuse({ kind }: AccessReview, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid('authorization.k8s.io', kind!, '', errors)
}

function attributesErrors({ spec: { resourceAttributes, nonResourceAttributes } = {} }: AccessReview): FieldError[] {
  if (resourceAttributes && nonResourceAttributes)
    return [
      invalidValue(
        'spec.nonResourceAttributes',
        inOrder(nonResourceAttributes),
        'cannot be specified in combination with resourceAttributes',
      ),
    ]
  if (resourceAttributes || nonResourceAttributes) return []
  const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
  return [invalidValue('spec.resourceAttributes', undefined, why)]
}

/** As Go prints it. */
const inOrder = ({ path, verb }: { readonly verb?: string; readonly path?: string }): object => ({ path, verb })

const subjectErrors = ({ spec: { user = '', groups = [] } = {} }: AccessReview): FieldError[] =>
  user === '' && groups.length === 0 ? [invalidValue('spec.user', user, 'at least one of user or group must be specified')] : []

function metadataErrors({ kind, metadata }: AccessReview): FieldError[] {
  const { managedFields: _, ...rest } = metadata
  if (kind !== 'LocalSubjectAccessReview') return Object.keys(rest).length > 0 ? [invalidValue('metadata', rest, 'must be empty')] : []
  const { namespace: _namespace, ...more } = rest
  return Object.keys(more).length > 0 ? [invalidValue('metadata', rest, 'must be empty except for namespace')] : []
}
