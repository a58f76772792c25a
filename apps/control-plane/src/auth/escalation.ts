import { forbidden, notFound } from '@bramble/api/status-error'
import type { KubeObject } from '@bramble/api/object'
import { type ClusterRole, type PolicyRule, RBAC_GROUP, type Role, type RoleBinding } from '@bramble/api/types/rbac'
import type { AdmissionRequest, AdmissionStep, UserInfo } from '../api/requests.ts'
import { isSame } from '../resources/differences.ts'
import { describeRules, quotedList, uncovered } from '../resources/rbac/covers.ts'
import { type Authorizer, EVERYTHING, MASTERS_GROUP } from './authorizer.ts'

/**
 * Nobody grants what they do not hold: roles and bindings are refused that would give more rights than their writer has,
 * unless the writer has the verb `escalate` for the role, or `bind` for the role of a binding.
 *
 * @see Source: Kubernetes documentation, "Using RBAC Authorization", Privilege escalation prevention and bootstrapping;
 * pkg/registry/rbac policybased storage and validation ConfirmNoEscalation.
 */
export function escalationPrevention(authorizer: Authorizer): AdmissionStep {
  return {
    name: 'escalation-prevention',
    admit: (request) => {
      const { resource, operation, object, previous, context } = request
      if (resource.group !== RBAC_GROUP || operation === 'delete' || context.user.groups.includes(MASTERS_GROUP)) return
      if (previous && changesOnlyGarbageFields(object, previous)) return
      if (resource.kind.endsWith('RoleBinding')) checkBinding(authorizer, request)
      else checkRole(authorizer, request)
    },
  }
}

function checkRole(authorizer: Authorizer, { resource, operation, object, previous, context: { user } }: AdmissionRequest): void {
  const { name, namespace = '' } = object.metadata
  const escalate = { type: 'resource', verb: 'escalate', group: RBAC_GROUP, plural: resource.plural } as const
  const place = { ...(namespace !== '' && { namespace }), ...(operation === 'update' && { name }) }
  if (authorizer.authorize(user, { ...escalate, ...place }).allowed) return
  const refusal = refusalOf(authorizer, user, namespace, (object as Role).rules ?? [])
  if (refusal !== undefined) throw forbidden(resource, name, refusal)
  const gathers = [object, previous].some((role) => (role as ClusterRole | undefined)?.aggregationRule !== undefined)
  if (gathers && refusalOf(authorizer, user, namespace, EVERYTHING) !== undefined)
    throw forbidden(resource, name, 'must have cluster-admin privileges to use the aggregationRule')
}

function checkBinding(authorizer: Authorizer, { resource, object, context: { user } }: AdmissionRequest): void {
  const binding = object as RoleBinding
  const { name, namespace = '' } = binding.metadata
  const plural = binding.roleRef.kind === 'Role' ? 'roles' : 'clusterroles'
  const bind = { type: 'resource', verb: 'bind', group: RBAC_GROUP, plural, name: binding.roleRef.name } as const
  if (authorizer.authorize(user, { ...bind, ...(namespace !== '' && { namespace }) }).allowed) return
  const rules = authorizer.rulesOfRole(binding)
  if (!rules) throw notFound({ group: RBAC_GROUP, plural: binding.roleRef.kind.toLowerCase() }, binding.roleRef.name)
  const refusal = refusalOf(authorizer, user, namespace, rules)
  if (refusal !== undefined) throw forbidden(resource, name, refusal)
}

/** Why somebody may not grant rules; undefined when they hold all of them. */
function refusalOf(authorizer: Authorizer, user: UserInfo, namespace: string, granted: readonly PolicyRule[]): string | undefined {
  const { rules, error } = authorizer.rulesFor(user, namespace)
  const more = uncovered(rules, granted)
  if (more.length === 0) return undefined
  const who = `user ${JSON.stringify(user.name)} (groups=${quotedList(user.groups)})`
  const trouble = error === undefined ? '' : `; resolution errors: [${error}]`
  return `${who} is attempting to grant RBAC permissions not currently held:\n${describeRules(more).join('\n')}${trouble}`
}

/** Whoever cleans up may take finalizers and owners away from a role without holding its rights. */
function changesOnlyGarbageFields(object: KubeObject, previous: KubeObject): boolean {
  const rest = ({ metadata, ...content }: KubeObject): unknown => {
    const { finalizers: _finalizers, ownerReferences: _owners, managedFields: _fields, resourceVersion: _version, ...more } = metadata
    return { ...content, metadata: more }
  }
  return isSame(rest(object), rest(previous))
}
