import type { KubeObject, OwnerReference } from '@bramble/api/object'

export const FOREGROUND_FINALIZER = 'foregroundDeletion'
export const ORPHAN_FINALIZER = 'orphan'

/**
 * `leaving`: the owner is deleted in the foreground and waits for what it owns; `unknown`: of a kind that is not
 * served, so nobody can say.
 */
export type OwnerState = 'there' | 'leaving' | 'absent' | 'unknown'

export type PropagationPolicy = 'Background' | 'Foreground' | 'Orphan'

export type GarbageStep =
  | { readonly type: 'nothing' }
  /** Takes the owner references with these uids away. */
  | { readonly type: 'drop-owners'; readonly uids: readonly string[] }
  | { readonly type: 'delete'; readonly propagationPolicy: PropagationPolicy }
  /** What it owned is gone: takes the finalizer away. */
  | { readonly type: 'finish-foreground' }
  /** Takes this owner off what it owns, then the finalizer away. */
  | { readonly type: 'orphan' }

/**
 * What is to be done about one object because of who owns it and whom it owns.
 *
 * @param owned What names this object as an owner.
 * @see Source: kubernetes.io "Garbage Collection"; pkg/controller/garbagecollector attemptToDeleteItem.
 */
export function planGarbage(object: KubeObject, stateOf: (owner: OwnerReference) => OwnerState, owned: readonly KubeObject[]): GarbageStep {
  const { deletionTimestamp, finalizers = [], ownerReferences = [] } = object.metadata
  if (deletionTimestamp !== undefined) {
    if (finalizers.includes(ORPHAN_FINALIZER)) return { type: 'orphan' }
    const isWaiting = finalizers.includes(FOREGROUND_FINALIZER)
    return { type: isWaiting && !owned.some((each) => blocks(each, object)) ? 'finish-foreground' : 'nothing' }
  }
  if (ownerReferences.length === 0) return { type: 'nothing' }

  const states = ownerReferences.map((owner) => ({ uid: owner.uid, state: stateOf(owner) }))
  const lost = states.filter(({ state }) => state === 'leaving' || state === 'absent')
  if (lost.length === 0) return { type: 'nothing' }
  if (lost.length < states.length) return { type: 'drop-owners', uids: lost.map(({ uid }) => uid) }
  return {
    type: 'delete',
    propagationPolicy: policyFor(
      finalizers,
      states.some(({ state }) => state === 'leaving'),
      owned,
    ),
  }
}

/** An object that somebody asked to be deleted in a certain way is deleted in that way. */
function policyFor(finalizers: readonly string[], isForeground: boolean, owned: readonly KubeObject[]): PropagationPolicy {
  if (finalizers.includes(ORPHAN_FINALIZER)) return 'Orphan'
  if (finalizers.includes(FOREGROUND_FINALIZER)) return 'Foreground'
  // A circle would wait for itself for ever.
  const isCircle = owned.some((each) => each.metadata.deletionTimestamp && each.metadata.finalizers?.includes(FOREGROUND_FINALIZER))
  return isForeground && owned.length > 0 && !isCircle ? 'Foreground' : 'Background'
}

const blocks = (object: KubeObject, owner: KubeObject): boolean =>
  object.metadata.ownerReferences?.some(({ uid, blockOwnerDeletion }) => uid === owner.metadata.uid && blockOwnerDeletion === true) ?? false

/** Whether an owner is deleted in the foreground. */
export const isLeaving = ({ metadata }: KubeObject): boolean =>
  metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(FOREGROUND_FINALIZER)
