import { isDeepStrictEqual } from 'node:util'
import { timestamp } from '@bramble/api/duration'
import { type KubeObject, mutableCopy, objectKey } from '@bramble/api/object'
import { isReason, StatusError, type StatusReason } from '@bramble/api/status-error'
import type { KubeEvent } from '@bramble/api/types/core'
import type { Node, NodeStatus } from '@bramble/api/types/node'
import type { Pod } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import type { ApiClient } from '../api/client.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import type { EventSource } from '../controllers/events.ts'
import { events } from '../resources/event.ts'
import { nodes } from '../resources/node.ts'
import { pods } from '../resources/pod.ts'
import { lostConditions, mergeNodeMetadata, mergeNodeStatus } from './merge-node.ts'
import { mergePodStatus } from './merge-pod-status.ts'
import { isMirror, MirrorIntake } from './mirror-intake.ts'
import { UsageIntake } from './usage-intake.ts'
import { VolumeIntake } from './volume-intake.ts'

type Report<Type extends StatusReport['type']> = Extract<StatusReport, { readonly type: Type }>

/** How often a write is tried again when others change the object meanwhile. */
const RACES_MAX = 5
/** Sending the report again cannot help: it is dropped, so that it holds up no other. */
const FUTILE: readonly StatusReason[] = [
  'BadRequest',
  'Invalid',
  'NotFound',
  'Forbidden',
  'AlreadyExists',
  'Gone',
  'MethodNotAllowed',
  'RequestEntityTooLarge',
  'UnsupportedMediaType',
]

/** Writes down what nodes report, each about itself and its pods only. */
export class StatusIntake {
  readonly #client: ApiClient
  readonly #env: Env
  readonly #usage: UsageIntake
  readonly #volumes: VolumeIntake
  readonly #mirrors: MirrorIntake

  constructor(client: ApiClient, env: Env, events: EventSource) {
    this.#client = client
    this.#env = env
    this.#usage = new UsageIntake(client, env)
    this.#mirrors = new MirrorIntake(client)
    this.#volumes = new VolumeIntake(client, events.as('local-path-provisioner'))
  }

  /**
   * Resolves when all reports are stored, or dropped because they do not concern the node or say nothing new.
   * @throws when some could not be stored now; sending them all again is safe.
   */
  async take(nodeName: string, reports: readonly StatusReport[]): Promise<void> {
    const isAboutNode = ({ type }: StatusReport): boolean => type === 'node-status'
    for (const report of reports.filter(isAboutNode)) await this.#takeOne(nodeName, report) // the rest may need the Node
    const rest = reports.filter((report) => !isAboutNode(report))
    const results = await Promise.allSettled(rest.map((report) => this.#takeOne(nodeName, report)))
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  /** Its link is gone: says so in the node's conditions at once. */
  async markLost(nodeName: string, message: string): Promise<void> {
    await this.#change(nodes, nodeName, (node) => {
      const conditions = lostConditions(node, message, this.#now())
      return conditions && { ...node, status: { ...node.status, conditions: [...conditions] } }
    })
    await this.#usage.forgetNode(nodeName)
  }

  async #takeOne(nodeName: string, report: StatusReport): Promise<void> {
    try {
      await this.#store(nodeName, report)
    } catch (error) {
      if (!(error instanceof StatusError) || !isReason(error, ...FUTILE)) throw error
      this.#env.log.warn('a report of a node was dropped', { node: nodeName, type: report.type, error })
    }
  }

  #store(nodeName: string, report: StatusReport): Promise<void> {
    switch (report.type) {
      case 'pod-status':
        return this.#podStatus(nodeName, report)
      case 'pod-gone':
        return this.#podGone(nodeName, report)
      case 'node-status':
        return this.#nodeStatus(nodeName, report)
      case 'node-usage':
        return this.#usage.takeNode(nodeName, report)
      case 'event':
        return this.#event(nodeName, report.event)
      case 'pod-usage':
        return this.#usage.takePod(nodeName, report)
      case 'volume-gone':
        return this.#volumes.takeGone(nodeName, report)
      case 'volume-failed':
        return this.#volumes.takeFailed(nodeName, report)
      case 'csi-drivers':
        return this.#volumes.takeDrivers(nodeName, report)
      case 'mirror-pod':
        return this.#mirrors.take(nodeName, report.pod)
    }
  }

  async #podStatus(nodeName: string, { namespace, name, uid, status }: Report<'pod-status'>): Promise<void> {
    await this.#change(pods, objectKey(namespace, name), (pod) => {
      if (!isOn(pod, uid, nodeName)) return undefined
      const merged = mergePodStatus(pod, status)
      return merged && { ...pod, status: merged }
    })
  }

  async #podGone(nodeName: string, { namespace, name, uid }: Report<'pod-gone'>): Promise<void> {
    const pod = this.#client.get(pods, objectKey(namespace, name))
    if (!pod || !(pod.metadata.deletionTimestamp || isMirror(pod)) || !isOn(pod, uid, nodeName)) return
    await this.#unlessGone(this.#client.delete(pods, objectKey(namespace, name), { uid, gracePeriodSeconds: 0 }))
  }

  async #nodeStatus(nodeName: string, { labels, annotations, status }: Report<'node-status'>): Promise<void> {
    const node = this.#client.get(nodes, nodeName)
    const { change, refused } = mergeNodeMetadata(node, labels, annotations)
    if (refused.length > 0) this.#env.log.warn('a node may not set these labels on itself', { node: nodeName, labels: refused })
    if (!node) await this.#register(nodeName, change as Partial<Node['metadata']> | undefined)
    else if (change) await this.#client.patch(nodes, nodeName, { metadata: change })
    await this.#change(nodes, nodeName, (current) => {
      const merged: NodeStatus | undefined = mergeNodeStatus(current.status, status, this.#now())
      return merged && { ...current, status: merged }
    })
  }

  async #register(nodeName: string, metadata: Partial<Node['metadata']> = {}): Promise<void> {
    try {
      await this.#client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { ...metadata, name: nodeName }, spec: {} })
      this.#env.log.info('node registered', { node: nodeName })
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error // enrolment was faster; the next report completes the labels
    }
  }

  async #event(nodeName: string, event: KubeEvent): Promise<void> {
    if (!this.#concerns(nodeName, event)) return
    const { name, namespace } = event.metadata
    const { involvedObject, reason, message, type, firstTimestamp, lastTimestamp, eventTime, count, action, reportingComponent, source } =
      event
    const told = {
      involvedObject,
      reason,
      message,
      type,
      firstTimestamp,
      lastTimestamp,
      eventTime,
      count,
      action,
      source: { component: source?.component ?? 'bramble-agent', host: nodeName },
      reportingComponent: reportingComponent ?? 'bramble-agent',
      reportingInstance: nodeName,
    }
    const stored = this.#client.get(events, objectKey(namespace, name))
    if (stored && stored.source?.host !== nodeName) return
    if (stored) await this.#client.patch(events, objectKey(namespace, name), { message, type, lastTimestamp, count })
    else
      await this.#client.create(events, { apiVersion: 'v1', kind: 'Event', metadata: { name, ...(namespace && { namespace }) }, ...told })
  }

  /** A pod that is gone already may still be told about. */
  #concerns(nodeName: string, { involvedObject: { kind, name, namespace } }: KubeEvent): boolean {
    if (kind === 'Node') return name === nodeName
    if (kind !== 'Pod' || !name) return false
    const pod = this.#client.get(pods, objectKey(namespace, name))
    return pod === undefined || pod.spec.nodeName === nodeName
  }

  /** Changes the status as `next` says, of the newest state. No write when `next` returns `undefined` or the same. */
  async #change<T extends KubeObject>(resource: ResourceDefinition<T>, key: string, next: (current: T) => T | undefined): Promise<void> {
    for (let tries = 1; ; tries++) {
      const current = this.#client.get(resource, key)
      const changed = current && next(current)
      if (!changed || isDeepStrictEqual(changed, current)) return
      try {
        await this.#client.updateStatus(resource, mutableCopy(changed))
        return
      } catch (error) {
        if (isReason(error, 'NotFound')) return
        if (!isReason(error, 'Conflict') || tries === RACES_MAX) throw error
      }
    }
  }

  async #unlessGone(write: Promise<void>): Promise<void> {
    try {
      await write
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error // gone already, or another object by that name
    }
  }

  #now(): string {
    return timestamp(this.#env.clock.nowMs())
  }
}

const isOn = (pod: Pod, uid: string, nodeName: string): boolean => pod.metadata.uid === uid && pod.spec.nodeName === nodeName
