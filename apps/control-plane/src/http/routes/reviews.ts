import { required } from '@bramble/api/field-error'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import { invalid } from '@bramble/api/status-error'
import { decodeObject } from '../../api/decode.ts'
import type { UserInfo } from '../../api/requests.ts'
import type { ResourceDefinition } from '../../api/resource.ts'
import { selfSubjectAccessReviews, selfSubjectReviews, selfSubjectRulesReviews, subjectAccessReviews } from '../../resources/reviews.ts'
import { type Attributes, authorize, rightsOf } from '../../auth/authorize.ts'
import type { Exchange } from './exchange.ts'
import { write } from './write.ts'

/** Questions about rights: kinds that are only ever created, and answered in the same breath. */
interface Review extends KubeObject {
  spec?: {
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
    readonly groups?: readonly string[]
  }
}

const ANSWERS: ReadonlyMap<ResourceDefinition, (review: Review, user: UserInfo) => JsonObject> = new Map([
  [selfSubjectReviews, (_, { name, groups }) => ({ userInfo: { username: name, groups } })],
  [selfSubjectAccessReviews, (asked, user) => ({ allowed: authorize(user, attributesOf(asked)) })],
  [
    subjectAccessReviews,
    (asked) => ({ allowed: authorize({ name: asked.spec?.user ?? '', groups: asked.spec?.groups ?? [] }, attributesOf(asked)) }),
  ],
  [
    selfSubjectRulesReviews,
    (_, user) => {
      const { resources, paths } = rightsOf(user)
      return { resourceRules: resources, nonResourceRules: paths, incomplete: false } as unknown as JsonObject
    },
  ],
])

/** Answers a review; undefined when the exchange is about something else. */
export function answerReview(exchange: Exchange): Promise<Response> | undefined {
  const { c, resource } = exchange
  const answer = ANSWERS.get(resource)
  if (!answer) return undefined
  return write(
    exchange,
    'CreateOptions',
    resource,
    async ({ value }, context) => {
      const asked = decodeObject(resource, value, context) as Review
      return { ...asked, status: answer(asked, c.get('user')) } as KubeObject
    },
    201,
  )
}

/** @throws StatusError 422 when it asks about nothing. */
function attributesOf({ kind, spec }: Review): Attributes {
  const { resourceAttributes: asked, nonResourceAttributes: path } = spec ?? {}
  if (path) return { type: 'path', verb: path.verb ?? '', path: path.path ?? '' }
  if (!asked)
    throw invalid('authorization.k8s.io', kind!, '', [
      required('spec.resourceAttributes', 'exactly one of nonResourceAttributes or resourceAttributes must be specified'),
    ])
  const { verb = '', group = '', resource: plural = '', subresource, namespace, name } = asked
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
