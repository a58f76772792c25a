import type { ResourceDefinition } from '../api/resource.ts'

const review = (group: string, kind: string): ResourceDefinition => ({
  group,
  version: 'v1',
  kind,
  plural: `${kind.toLowerCase()}s`,
  scope: 'Cluster',
  durability: 'volatile',
  verbs: ['create'],
  columns: [],
  schema: { type: 'ref', ref: `io.k8s.api.${group.split('.')[0]}.v1.${kind}` },
})

export const selfSubjectReviews = review('authentication.k8s.io', 'SelfSubjectReview')
export const selfSubjectAccessReviews = review('authorization.k8s.io', 'SelfSubjectAccessReview')
export const selfSubjectRulesReviews = review('authorization.k8s.io', 'SelfSubjectRulesReview')
export const subjectAccessReviews = review('authorization.k8s.io', 'SubjectAccessReview')

/** Questions: they can only be created, are answered at once, and nothing of them is stored. */
export const reviewResources: readonly ResourceDefinition[] = [
  selfSubjectReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
]
