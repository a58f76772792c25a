import { createHash } from 'node:crypto'
import type { NewObject, OwnerReference } from '@bramble/api/object'
import type { ControllerRevision } from '@bramble/api/types/workload'
import { canonicalJson, safeText, sameRevisionData } from './pod-template.ts'

/** Label on a ControllerRevision and on the pods that were made of it. */
export const REVISION_HASH = 'controller-revision-hash'

export interface HistoryOwner {
  readonly name: string
  readonly namespace: string
  readonly reference: OwnerReference
  /** Labels of its pods: `kubectl rollout history` finds revisions by the pods' selector. */
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly collisionCount: number
  readonly historyLimit: number
}

export interface HistoryPlan {
  /** Of the present data; pods carry it. */
  readonly hash: string
  readonly create?: NewObject<ControllerRevision>
  /** An older revision that is the present one again. */
  readonly renumber?: { readonly revision: ControllerRevision; readonly number: number }
  readonly remove: readonly ControllerRevision[]
}

/**
 * What `kubectl rollout history` and `undo` read of a DaemonSet or StatefulSet, kept up to date.
 * @param data What a revision restores: a patch of the owner.
 * @param liveHashes Revisions that pods still carry: never removed.
 * @see Source: Kubernetes DaemonSet tasks, "Performing a Rollback"; pkg/controller/history.
 */
export function planHistory(
  owner: HistoryOwner,
  data: unknown,
  revisions: readonly ControllerRevision[],
  liveHashes: ReadonlySet<string>,
): HistoryPlan {
  const wanted = canonicalJson(data)
  const equal = revisions.filter((revision) => sameRevisionData(revision.data, data)).sort(lowestFirst)
  const current = equal.at(-1)
  const last = Math.max(0, ...revisions.filter((revision) => revision !== current).map(({ revision }) => revision))
  const remove = [
    ...equal.slice(0, -1).filter((revision) => !isLive(revision, liveHashes)),
    ...outdated(owner, revisions, equal, liveHashes),
  ]
  if (!current) {
    const hash = dataHash(wanted, owner.collisionCount)
    return { hash, create: newRevision(owner, data, hash, last + 1), remove }
  }
  const hash = current.metadata.labels?.[REVISION_HASH] ?? dataHash(wanted, owner.collisionCount)
  return { hash, ...(current.revision <= last && { renumber: { revision: current, number: last + 1 } }), remove }
}

function outdated(
  owner: HistoryOwner,
  revisions: readonly ControllerRevision[],
  equal: readonly ControllerRevision[],
  liveHashes: ReadonlySet<string>,
): ControllerRevision[] {
  const old = revisions.filter((revision) => !equal.includes(revision) && !isLive(revision, liveHashes)).sort(lowestFirst)
  return old.slice(0, Math.max(0, old.length - owner.historyLimit))
}

function newRevision(owner: HistoryOwner, data: unknown, hash: string, number: number): NewObject<ControllerRevision> {
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${owner.name}-${hash}`,
      namespace: owner.namespace,
      labels: { ...owner.labels, [REVISION_HASH]: hash },
      annotations: { ...owner.annotations },
      ownerReferences: [owner.reference],
    },
    data,
    revision: number,
  }
}

const dataHash = (canonical: string, collisionCount: number): string =>
  safeText(
    String(
      createHash('sha256')
        .update(canonical)
        .update(collisionCount > 0 ? String(collisionCount) : '')
        .digest()
        .readUInt32BE(0),
    ),
  )

const isLive = (revision: ControllerRevision, liveHashes: ReadonlySet<string>): boolean =>
  liveHashes.has(revision.metadata.labels?.[REVISION_HASH] ?? '')
const lowestFirst = (a: ControllerRevision, b: ControllerRevision): number =>
  a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1)
