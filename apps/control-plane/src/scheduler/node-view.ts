import type { Node } from '@bramble/api/types/node'
import { type Amounts, amounts, type HostPort, type PodNeeds } from './pod-needs.ts'

const PODS_MAX = 110

/** One node with what its pods have taken, kept up to date change by change. */
export class NodeView {
  /** The node itself may come after its first pods, and leave before its last. */
  #node: Node | undefined
  #allocatable: Amounts = new Map()
  readonly #pods = new Map<string, PodNeeds>()
  readonly #requested = new Map<string, number>()
  readonly #perOwner = new Map<string, number>()
  readonly #hostPorts: HostPort[] = []

  get node(): Node | undefined {
    return this.#node
  }
  get podCount(): number {
    return this.#pods.size
  }
  pods(): Iterable<PodNeeds> {
    return this.#pods.values()
  }
  get podsMax(): number {
    return this.#allocatable.get('pods') ?? PODS_MAX
  }
  /** Whether nothing is left to know. */
  get isEmpty(): boolean {
    return this.#node === undefined && this.#pods.size === 0
  }

  setNode(node: Node | undefined): void {
    this.#node = node
    this.#allocatable = amounts(node?.status?.allocatable ?? node?.status?.capacity)
  }

  allocatable(resource: string): number {
    return this.#allocatable.get(resource) ?? 0
  }
  requested(resource: string): number {
    return this.#requested.get(resource) ?? 0
  }
  podsOf(ownerUid: string): number {
    return this.#perOwner.get(ownerUid) ?? 0
  }

  hasFree(wanted: HostPort): boolean {
    return !this.#hostPorts.some(
      (taken) => taken.port === wanted.port && taken.protocol === wanted.protocol && sameAddress(taken.ip, wanted.ip),
    )
  }

  addPod(needs: PodNeeds): void {
    this.removePod(needs.pod.metadata.uid)
    this.#pods.set(needs.pod.metadata.uid, needs)
    this.#count(needs, 1)
    this.#hostPorts.push(...needs.hostPorts)
  }

  /** @returns What it had, if it was here. */
  removePod(uid: string): PodNeeds | undefined {
    const needs = this.#pods.get(uid)
    if (!needs) return undefined
    this.#pods.delete(uid)
    this.#count(needs, -1)
    for (const port of needs.hostPorts) this.#hostPorts.splice(this.#hostPorts.indexOf(port), 1)
    return needs
  }

  #count({ requests, ownerUid }: PodNeeds, sign: 1 | -1): void {
    for (const [resource, amount] of requests) this.#requested.set(resource, this.requested(resource) + sign * amount)
    if (ownerUid === undefined) return
    const count = this.podsOf(ownerUid) + sign
    if (count === 0) this.#perOwner.delete(ownerUid)
    else this.#perOwner.set(ownerUid, count)
  }
}

const sameAddress = (a: string, b: string): boolean => a === b || a === '0.0.0.0' || b === '0.0.0.0'
