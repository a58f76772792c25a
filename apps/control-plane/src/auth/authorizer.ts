import type { PolicyRule, RoleBinding } from '@bramble/api/types/rbac'
import type { UserInfo } from '../api/requests.ts'
import { uncovered } from '../resources/rbac/covers.ts'
import type { StoreReads } from '../store/store-types.ts'
import { type Attributes, forbiddenError } from './attributes.ts'
import { RoleIndex } from './role-index.ts'
import { ruleAllows } from './rule-allows.ts'

/** Who may everything, whatever the roles say: a cluster cannot lock its administrators out. */
export const MASTERS_GROUP = 'system:masters'

export interface Decision {
  readonly allowed: boolean
  /** Through what, or what went wrong; often nothing. */
  readonly reason: string
}

/** Whoever looks after the process must get an answer, also where the roles do not say so. */
const HEALTH_PATHS: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz'])
export const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]
const UNCONDITIONAL: Decision = { allowed: true, reason: '' }

/**
 * What somebody may, by the roles and bindings in the store. Requests and reviews ask this one function, so that what a
 * review says is what happens.
 *
 * @see Source: Kubernetes documentation, "Using RBAC Authorization".
 */
export class Authorizer {
  readonly #index: RoleIndex

  constructor(store: StoreReads) {
    this.#index = new RoleIndex(store)
  }

  /** What no rule grants is refused. */
  authorize(user: UserInfo, attributes: Attributes): Decision {
    if (user.groups.includes(MASTERS_GROUP) || isHealthCheck(attributes)) return UNCONDITIONAL
    const { grants, missing } = this.#index.grantsOf(user, attributes.type === 'resource' ? attributes.namespace : undefined)
    const grant = grants.find(({ rule }) => ruleAllows(rule, attributes))
    if (grant) return { allowed: true, reason: `RBAC: allowed by ${grant.through}` }
    return { allowed: false, reason: missing.length === 0 ? '' : `RBAC: ${listed(missing)}` }
  }

  /** @throws StatusError 403 */
  demand(user: UserInfo, attributes: Attributes): void {
    const { allowed, reason } = this.authorize(user, attributes)
    if (!allowed) throw forbiddenError(user, attributes, reason)
  }

  /** Every rule that somebody has for objects of a namespace and for those of none. */
  rulesFor(user: UserInfo, namespace: string): { readonly rules: readonly PolicyRule[]; readonly error?: string } {
    const { grants, missing } = this.#index.grantsOf(user, namespace)
    const own = grants.map(({ rule }) => rule)
    const rules = user.groups.includes(MASTERS_GROUP) ? [...uncovered(own, EVERYTHING), ...own] : own
    return { rules, ...(missing.length > 0 && { error: listed(missing) }) }
  }

  /** The rules of the role that a binding refers to; undefined when there is none. */
  rulesOfRole(binding: Pick<RoleBinding, 'metadata' | 'roleRef'>): readonly PolicyRule[] | undefined {
    return this.#index.rulesOf(binding)
  }
}

const isHealthCheck = (attributes: Attributes): boolean =>
  attributes.type === 'path' && attributes.verb === 'get' && HEALTH_PATHS.has(attributes.path)

/** Several errors as one. Source: k8s.io/apimachinery pkg/util/errors Aggregate. */
const listed = (errors: readonly string[]): string => (errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]`)
