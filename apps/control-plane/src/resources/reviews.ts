import type { ResourceDefinition } from '../api/resource.ts'

const review = (group: string, kind: string, scope: ResourceDefinition['scope'] = 'Cluster'): ResourceDefinition => ({
  group,
  version: 'v1',
  kind,
  plural: `${kind.toLowerCase()}s`,
  scope,
  durability: 'volatile',
  verbs: ['create'],
  columns: [],
  schema: { type: 'ref', ref: `io.k8s.api.${group.split('.')[0]}.v1.${kind}` },
})

export const selfSubjectReviews = review('authentication.k8s.io', 'SelfSubjectReview')
export const tokenReviews = review('authentication.k8s.io', 'TokenReview')
export const localSubjectAccessReviews = review('authorization.k8s.io', 'LocalSubjectAccessReview', 'Namespaced')
export const selfSubjectAccessReviews = review('authorization.k8s.io', 'SelfSubjectAccessReview')
export const selfSubjectRulesReviews = review('authorization.k8s.io', 'SelfSubjectRulesReview')
export const subjectAccessReviews = review('authorization.k8s.io', 'SubjectAccessReview')

/** Questions: they can only be created, are answered at once, and nothing of them is stored. */
export const reviewResources: readonly ResourceDefinition[] = [
  selfSubjectReviews,
  tokenReviews,
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
]
