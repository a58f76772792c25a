import type { JsonObject, KubeObject } from '@bramble/api/object'
import { badRequest } from '@bramble/api/status-error'
import { placeIn } from '../../api/create.ts'
import { decodeObject } from '../../api/decode.ts'
import type { UserInfo } from '../../api/requests.ts'
import type { ResourceDefinition } from '../../api/resource.ts'
import { type AccessReview, answerAccess, answerLocalAccess, answerSelfAccess, answerSelfRules } from '../../auth/access-reviews.ts'
import {
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
  tokenReviews,
} from '../../resources/reviews.ts'
import type { ApiDeps, Exchange } from './exchange.ts'
import { write } from './write.ts'

interface Review extends KubeObject {
  readonly spec?: unknown
}
type Answer = (review: Review, user: UserInfo, deps: ApiDeps) => JsonObject | Promise<JsonObject>

/** Questions: kinds that are only ever created, and answered in the same breath. */
const ANSWERS: ReadonlyMap<ResourceDefinition, Answer> = new Map<ResourceDefinition, Answer>([
  [selfSubjectReviews, (_, user) => ({ userInfo: userBody(user) })],
  [selfSubjectAccessReviews, (review, user, { authorizer }) => answerSelfAccess(authorizer, review as AccessReview, user)],
  [subjectAccessReviews, (review, _, { authorizer }) => answerAccess(authorizer, review as AccessReview)],
  [localSubjectAccessReviews, (review, _, { authorizer }) => answerLocalAccess(authorizer, review as AccessReview)],
  [selfSubjectRulesReviews, (review, user, { authorizer }) => answerSelfRules(authorizer, review as AccessReview, user)],
  [tokenReviews, (review, _, deps) => answerToken(review, deps)],
])

/** Answers a review; undefined when the exchange is about something else. */
export function answerReview(exchange: Exchange): Promise<Response> | undefined {
  const { c, deps, resource, namespace } = exchange
  const answer = ANSWERS.get(resource)
  if (!answer) return undefined
  const act = async ({ value }: { readonly value: Parameters<typeof decodeObject>[1] }, context: Parameters<typeof decodeObject>[2]) => {
    const asked = decodeObject(resource, value, context) as Review
    placeIn(resource, asked, namespace)
    return { ...asked, status: await answer(asked, c.get('user'), deps) } as KubeObject
  }
  return write(exchange, 'CreateOptions', resource, act, 201)
}

/** Whose token it is. Source: Kubernetes pkg/registry/authentication/tokenreview storage.go. */
async function answerToken({ spec }: Review, { tokens }: ApiDeps): Promise<JsonObject> {
  const { token = '', audiences = [] } = (spec ?? {}) as { readonly token?: string; readonly audiences?: readonly string[] }
  if (token === '') throw badRequest('token is required for TokenReview in authentication')
  const verified = await tokens.verify(token, audiences.length > 0 ? audiences : undefined)
  if (!verified) return { user: {}, error: 'invalid bearer token' }
  return { authenticated: true, user: userBody(verified.user), audiences: verified.audiences }
}

/** Source: authentication/v1 UserInfo. */
const userBody = ({ name, uid, groups, extra }: UserInfo): JsonObject => ({
  username: name,
  ...(uid && { uid }),
  ...(groups.length > 0 && { groups }),
  ...(extra && { extra }),
})
