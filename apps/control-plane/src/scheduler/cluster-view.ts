import type { ObjectKey } from '@bramble/api/object'
import type { Node } from '@bramble/api/types/node'
import { isTerminal, type Pod } from '@bramble/api/types/pod'
import { NodeView } from './node-view.ts'
import { needsOf, type PodNeeds } from './pod-needs.ts'

/** All nodes and what is taken of them: by pods that are bound, and by those whose binding is under way. */
export class ClusterView {
  readonly #nodes = new Map<string, NodeView>()
  /** Node name of each pod that counts, by uid. */
  readonly #placed = new Map<string, string>()
  /** How many of them mount a claim. */
  readonly #claimUsers = new Map<ObjectKey, number>()
  #sorted: readonly NodeView[] | undefined

  /** Nodes that exist, by name. */
  nodes(): readonly NodeView[] {
    this.#sorted ??= [...this.#nodes]
      .filter(([, view]) => view.node)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, view]) => view)
    return this.#sorted
  }

  setNode(node: Node): void {
    const view = this.#view(node.metadata.name)
    if (!view.node) this.#sorted = undefined
    view.setNode(node)
  }

  removeNode(name: string): void {
    this.#view(name).setNode(undefined)
    this.#sorted = undefined
    this.#forgetIfEmpty(name)
  }

  /** Takes the pod as it is now: a bound one holds its resources until it ended or is gone. */
  setPod(pod: Pod): void {
    const { nodeName } = pod.spec
    if (!nodeName) return // assumed ones stay assumed
    if (isTerminal(pod)) this.removePod(pod.metadata.uid)
    else this.#place(needsOf(pod), nodeName)
  }

  /** Counts a pod on a node before the binding is stored. {@link removePod} takes it back. */
  assume(needs: PodNeeds, nodeName: string): void {
    this.#place(needs, nodeName)
  }

  removePod(uid: string): void {
    const nodeName = this.#placed.get(uid)
    if (nodeName === undefined) return
    this.#placed.delete(uid)
    this.#countClaims(this.#view(nodeName).removePod(uid), -1)
    this.#forgetIfEmpty(nodeName)
  }

  /** How many pods with a node, or about to have one, mount the claim. */
  usersOf(claim: ObjectKey): number {
    return this.#claimUsers.get(claim) ?? 0
  }

  #place(needs: PodNeeds, nodeName: string): void {
    const { uid } = needs.pod.metadata
    if (this.#placed.get(uid) !== nodeName) this.removePod(uid)
    this.#placed.set(uid, nodeName)
    const view = this.#view(nodeName)
    this.#countClaims(view.removePod(uid), -1)
    view.addPod(needs)
    this.#countClaims(needs, 1)
  }

  #countClaims(needs: PodNeeds | undefined, sign: 1 | -1): void {
    for (const claim of needs?.claims ?? []) {
      const count = this.usersOf(claim) + sign
      if (count === 0) this.#claimUsers.delete(claim)
      else this.#claimUsers.set(claim, count)
    }
  }

  #view(name: string): NodeView {
    const view = this.#nodes.get(name) ?? new NodeView()
    this.#nodes.set(name, view)
    return view
  }

  #forgetIfEmpty(name: string): void {
    if (this.#nodes.get(name)?.isEmpty) this.#nodes.delete(name)
  }
}
