import { type Condition, isConditionTrue, withCondition } from '@bramble/api/conditions'
import type { Timestamp } from '@bramble/api/object'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionStatus,
  CustomResourceNames,
} from '@bramble/api/types/custom-resource-definition'
import { approvalOf } from '../../resources/custom-resource-definition/approval.ts'

/** Names that others of the group have, whatever they are used for: a client could not tell them apart. */
export interface TakenNames {
  readonly resources: ReadonlySet<string>
  readonly kinds: ReadonlySet<string>
}

interface Accepted {
  readonly names: CustomResourceNames
  readonly conflict?: { readonly reason: string; readonly message: string }
}

/**
 * The status of a definition that is not being deleted: which of its names it has got, and whether it is served.
 * @see Source: apiextensions-apiserver pkg/controller/status/naming_controller.go, establish/establishing_controller.go.
 */
export function definitionStatus(crd: CustomResourceDefinition, taken: TakenNames, now: Timestamp): CustomResourceDefinitionStatus {
  const { names, conflict } = acceptNames(crd, taken)
  const before = crd.status?.conditions
  const approval = approvalOf(crd)
  const conditions = [
    conflict
      ? says('NamesAccepted', false, conflict.reason, conflict.message)
      : says('NamesAccepted', true, 'NoConflicts', 'no conflicts found'),
    ...(isConditionTrue(before, 'Established')
      ? []
      : [
          conflict
            ? says('Established', false, 'NotAccepted', 'not all names are accepted')
            : says('Established', true, 'InitialNamesAccepted', 'the initial names have been accepted'),
        ]),
    ...(approval ? [{ type: 'KubernetesAPIApprovalPolicyConformant', ...approval }] : []),
  ]
  const next = conditions.reduce<readonly Condition[]>((all, condition) => withCondition(all, condition, now), before ?? [])
  return { ...crd.status, conditions: [...next], acceptedNames: names }
}

export const says = (type: string, holds: boolean, reason: string, message: string): Condition => ({
  type,
  status: holds ? 'True' : 'False',
  reason,
  message,
})

/** Each name that is free, or has been accepted before, is taken; a conflict leaves the others as they are. */
function acceptNames({ spec, status }: CustomResourceDefinition, taken: TakenNames): Accepted {
  const asked = spec.names
  const before = status?.acceptedNames ?? { plural: '', kind: '' }
  const names: CustomResourceNames = { ...before }
  let conflict: Accepted['conflict']
  const refuse = (reason: string, name: string): void => {
    conflict = { reason, message: `${JSON.stringify(name)} is already in use` }
  }
  const settle = (field: 'plural' | 'singular' | 'kind' | 'listKind', used: ReadonlySet<string>, reason: string): void => {
    const name = asked[field]
    if (name === undefined || name === before[field]) return
    if (used.has(name)) refuse(reason, name)
    else names[field] = name
  }
  settle('plural', taken.resources, 'PluralConflict')
  settle('singular', taken.resources, 'SingularConflict')
  const shortNames = asked.shortNames ?? []
  const clash = shortNames.find((name) => !before.shortNames?.includes(name) && taken.resources.has(name))
  if (clash !== undefined) refuse('ShortNamesConflict', clash)
  else if (shortNames.length > 0) names.shortNames = [...shortNames]
  else delete names.shortNames
  settle('kind', taken.kinds, 'KindConflict')
  settle('listKind', taken.kinds, 'ListKindConflict')
  if (asked.categories) names.categories = [...asked.categories]
  else delete names.categories
  return conflict ? { names, conflict } : { names }
}
