import type { KubeObject, ObjectKey } from '@bramble/api/object'
import type { Node } from '@bramble/api/types/node'
import type { Pod } from '@bramble/api/types/pod'
import type { PersistentVolume } from '@bramble/api/types/volume'
import type { Assignment, ObjectRef } from '@bramble/link/link'
import { addDigest, idOf, isShared, removeDigest, show, type Shown, versionOf } from './assignments.ts'
import { showNodeConfig } from './node-config.ts'
import type { PodTokens } from './pod-tokens.ts'
import { referencesOf, refOf, removerOf, splitId } from './references.ts'

/** The newest state of an object: most are named by no pod, so they are looked up when needed. */
export type Find = (kind: string, key: ObjectKey) => KubeObject | undefined

/** What one node sees besides what all see. */
interface NodeView {
  readonly objects: Map<string, Shown>
  /** How many of what it sees name a ConfigMap, a Secret, a claim or a volume. */
  readonly references: Map<string, number>
  sum: bigint
}

interface Root {
  readonly nodeName: string
  readonly references: ReadonlySet<string>
}

const NONE: ReadonlySet<string> = new Set()

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
  /** What is a node's by itself: its pods, and volumes that it must remove; with what that names. */
  readonly #roots = new Map<string, Root>()
  /** Names of the nodes that see an object because something names it. */
  readonly #users = new Map<string, Set<string>>()
  /** What such an object names in turn. */
  readonly #named = new Map<string, ReadonlySet<string>>()
  #changedShared = new Set<string>()
  #changedOwn = new Map<string, Set<string>>()
  readonly #find: Find
  readonly #tokens: Pick<PodTokens, 'show' | 'podsOf' | 'due'>

  constructor(find: Find, tokens: Pick<PodTokens, 'show' | 'podsOf' | 'due'>) {
    this.#find = find
    this.#tokens = tokens
  }

  /** @param object Its newest state; `undefined` when it is gone. */
  update(kind: string, key: ObjectKey, object: KubeObject | undefined): void {
    const id = idOf(kind, key)
    if (kind === 'Pod') this.#updatePod(key, object as Pod | undefined)
    else if (kind === 'ServiceAccount') for (const pod of this.#tokens.podsOf(key)) this.#updateTokens(pod)
    else if (isShared(kind)) this.#updateShared(id, object)
    else this.#updateReferenced(id, object)
    if (kind === 'Node') this.#setOwn(key, idOf('NodeConfig', key), showNodeConfig(object as Node | undefined))
    if (kind === 'PersistentVolume') this.#setRoot(id, removerOf(object as PersistentVolume | undefined), new Set([id]))
  }

  /** Tokens whose time has come are new from now on. */
  rotateTokens(): void {
    for (const key of this.#tokens.due()) this.#updateTokens(key)
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
    const id = idOf('Pod', key)
    const before = this.#roots.get(id)
    const nodeName = pod?.spec.nodeName
    this.#setRoot(id, nodeName, referencesOf(pod))
    if (before && before.nodeName !== nodeName)
      for (const gone of [id, idOf('PodToken', key)]) this.#setOwn(before.nodeName, gone, undefined)
    const tokens = this.#tokens.show(key, pod)
    if (!pod || !nodeName) return
    this.#setOwn(nodeName, id, show(pod))
    this.#setOwn(nodeName, idOf('PodToken', key), tokens)
  }

  #updateTokens(key: ObjectKey): void {
    const nodeName = this.#roots.get(idOf('Pod', key))?.nodeName
    const tokens = this.#tokens.show(key, this.#find('Pod', key) as Pod | undefined)
    if (nodeName) this.#setOwn(nodeName, idOf('PodToken', key), tokens)
  }

  #setRoot(id: string, nodeName: string | undefined, references: ReadonlySet<string>): void {
    const before = this.#roots.get(id)
    const isSameNode = before?.nodeName === nodeName
    if (before && !isSameNode) this.#setReferences(before.nodeName, before.references, NONE)
    if (nodeName) {
      this.#setReferences(nodeName, isSameNode ? before!.references : NONE, references)
      this.#roots.set(id, { nodeName, references })
    } else this.#roots.delete(id)
  }

  #setReferences(nodeName: string, before: ReadonlySet<string>, next: ReadonlySet<string>): void {
    for (const id of next.difference(before)) this.#retain(nodeName, id)
    for (const id of before.difference(next)) this.#release(nodeName, id)
  }

  #retain(nodeName: string, id: string): void {
    const counts = this.#view(nodeName).references
    counts.set(id, (counts.get(id) ?? 0) + 1)
    if (counts.get(id)! > 1) return
    this.#users.set(id, (this.#users.get(id) ?? new Set()).add(nodeName))
    const { kind, key } = splitId(id)
    const object = this.#find(kind, key)
    if (object) this.#setOwn(nodeName, id, show(object))
    if (!this.#named.has(id)) this.#name(id, referencesOf(object))
    this.#setReferences(nodeName, NONE, this.#named.get(id) ?? NONE)
  }

  #release(nodeName: string, id: string): void {
    const counts = this.#view(nodeName).references
    const left = counts.get(id)! - 1
    if (left > 0) return void counts.set(id, left)
    counts.delete(id)
    this.#setReferences(nodeName, this.#named.get(id) ?? NONE, NONE)
    const users = this.#users.get(id)!
    users.delete(nodeName)
    if (users.size === 0) {
      this.#users.delete(id)
      this.#named.delete(id)
    }
    this.#setOwn(nodeName, id, undefined)
  }

  #name(id: string, references: ReadonlySet<string>): void {
    if (references.size > 0) this.#named.set(id, references)
    else this.#named.delete(id)
  }

  #updateReferenced(id: string, object: KubeObject | undefined): void {
    const users = this.#users.get(id)
    if (!users) return
    const shown = object && show(object)
    const before = this.#named.get(id) ?? NONE
    const next = referencesOf(object)
    this.#name(id, next)
    for (const nodeName of users) {
      this.#setOwn(nodeName, id, shown)
      this.#setReferences(nodeName, before, next)
    }
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
