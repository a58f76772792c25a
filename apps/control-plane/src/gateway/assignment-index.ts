import type { KubeObject, ObjectKey } from '@bramble/api/object'
import { splitKey } from '@bramble/api/object'
import type { Pod } from '@bramble/api/types/pod'
import type { Assignment, ObjectRef } from '@bramble/link/link'
import { addDigest, idOf, isShared, referencesOf, removeDigest, show, type Shown, versionOf } from './assignments.ts'

/** What one node sees besides what all see. */
interface NodeView {
  readonly objects: Map<string, Shown>
  /** How many of its pods name a ConfigMap or Secret. */
  readonly references: Map<string, number>
  sum: bigint
}

/** Ids that appeared, changed or went. */
export interface Changes {
  readonly shared: ReadonlySet<string>
  readonly own: ReadonlyMap<string, ReadonlySet<string>>
}

/**
 * What each node shall know, kept up to date object by object: one change costs the nodes that it concerns, not a look
 * at everything.
 */
export class AssignmentIndex {
  readonly #shared = new Map<string, Shown>()
  #sharedSum = 0n
  readonly #nodes = new Map<string, NodeView>()
  /** Where a pod is, and what it names. */
  readonly #pods = new Map<ObjectKey, { readonly nodeName: string; readonly references: ReadonlySet<string> }>()
  /** Names of the nodes whose pods name a ConfigMap or Secret. */
  readonly #users = new Map<string, Set<string>>()
  #changedShared = new Set<string>()
  #changedOwn = new Map<string, Set<string>>()
  readonly #find: (kind: string, key: ObjectKey) => KubeObject | undefined

  /** @param find The newest state of a ConfigMap or Secret: most are named by no pod, so they are looked up when needed. */
  constructor(find: (kind: string, key: ObjectKey) => KubeObject | undefined) {
    this.#find = find
  }

  /** @param object Its newest state; `undefined` when it is gone. */
  update(kind: string, key: ObjectKey, object: KubeObject | undefined): void {
    if (kind === 'Pod') this.#updatePod(key, object as Pod | undefined)
    else if (isShared(kind)) this.#updateShared(idOf(kind, key), object)
    else this.#updateReferenced(idOf(kind, key), object)
  }

  /** What changed since it was taken last. */
  get changes(): Changes {
    return { shared: this.#changedShared, own: this.#changedOwn }
  }
  takeShared(): Changes['shared'] {
    const taken = this.#changedShared
    this.#changedShared = new Set()
    return taken
  }
  takeOwn(): Changes['own'] {
    const taken = this.#changedOwn
    this.#changedOwn = new Map()
    return taken
  }

  version(nodeName: string): string {
    return versionOf(addDigest(this.#sharedSum, this.#nodes.get(nodeName)?.sum ?? 0n))
  }

  complete(nodeName: string): Assignment {
    const own = this.#nodes.get(nodeName)?.objects.values() ?? []
    return { type: 'complete', version: this.version(nodeName), objects: [...this.#shared.values(), ...own].map(({ object }) => object) }
  }

  /** The step from version `after`, of which the node lacks at most these changes, to what it shall know now. */
  increment(nodeName: string, after: string, changes: Changes): Assignment {
    const own = this.#nodes.get(nodeName)?.objects
    const upserts: KubeObject[] = []
    const removals: ObjectRef[] = []
    const look = (id: string, shown: Shown | undefined): void => {
      if (shown) upserts.push(shown.object)
      else removals.push(refOf(id))
    }
    for (const id of changes.shared) look(id, this.#shared.get(id))
    for (const id of changes.own.get(nodeName) ?? []) look(id, own?.get(id))
    return { type: 'incremental', after, version: this.version(nodeName), upserts, removals }
  }

  #updatePod(key: ObjectKey, pod: Pod | undefined): void {
    const before = this.#pods.get(key)
    const nodeName = pod?.spec.nodeName
    if (before && before.nodeName !== nodeName) {
      this.#setReferences(before.nodeName, before.references, new Set())
      this.#setOwn(before.nodeName, idOf('Pod', key), undefined)
      this.#pods.delete(key)
    }
    if (!pod || !nodeName) return
    const references = referencesOf(pod)
    this.#setReferences(nodeName, before?.nodeName === nodeName ? before.references : new Set(), references)
    this.#setOwn(nodeName, idOf('Pod', key), show(pod))
    this.#pods.set(key, { nodeName, references })
  }

  #setReferences(nodeName: string, before: ReadonlySet<string>, next: ReadonlySet<string>): void {
    const counts = this.#view(nodeName).references
    for (const id of next.difference(before)) {
      counts.set(id, (counts.get(id) ?? 0) + 1)
      if (counts.get(id)! > 1) continue
      this.#users.set(id, (this.#users.get(id) ?? new Set()).add(nodeName))
      const [kind, key] = splitId(id)
      const object = this.#find(kind, key)
      if (object) this.#setOwn(nodeName, id, show(object))
    }
    for (const id of before.difference(next)) {
      const left = counts.get(id)! - 1
      if (left > 0) {
        counts.set(id, left)
        continue
      }
      counts.delete(id)
      const users = this.#users.get(id)!
      users.delete(nodeName)
      if (users.size === 0) this.#users.delete(id)
      this.#setOwn(nodeName, id, undefined)
    }
  }

  #updateReferenced(id: string, object: KubeObject | undefined): void {
    const users = this.#users.get(id)
    if (!users) return
    const shown = object && show(object)
    for (const nodeName of users) this.#setOwn(nodeName, id, shown)
  }

  #updateShared(id: string, object: KubeObject | undefined): void {
    const before = this.#shared.get(id)
    const shown = object && show(object)
    if (shown) this.#shared.set(id, shown)
    else this.#shared.delete(id)
    if (before?.digest === shown?.digest) return
    if (before) this.#sharedSum = removeDigest(this.#sharedSum, before.digest)
    if (shown) this.#sharedSum = addDigest(this.#sharedSum, shown.digest)
    this.#changedShared.add(id)
  }

  #setOwn(nodeName: string, id: string, shown: Shown | undefined): void {
    const view = this.#view(nodeName)
    const before = view.objects.get(id)
    if (shown) view.objects.set(id, shown)
    else view.objects.delete(id)
    if (before?.digest !== shown?.digest) {
      if (before) view.sum = removeDigest(view.sum, before.digest)
      if (shown) view.sum = addDigest(view.sum, shown.digest)
      this.#changedOwn.set(nodeName, (this.#changedOwn.get(nodeName) ?? new Set()).add(id))
    }
    if (view.objects.size === 0 && view.references.size === 0) this.#nodes.delete(nodeName)
  }

  #view(nodeName: string): NodeView {
    const view = this.#nodes.get(nodeName) ?? { objects: new Map(), references: new Map(), sum: 0n }
    this.#nodes.set(nodeName, view)
    return view
  }
}

function splitId(id: string): readonly [string, ObjectKey] {
  const space = id.indexOf(' ')
  return [id.slice(0, space), id.slice(space + 1)]
}

function refOf(id: string): ObjectRef {
  const [kind, key] = splitId(id)
  return { kind, ...splitKey(key) }
}
