import { isTerminal, type Pod } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import { CONFIG_HASH, CONFIG_MIRROR } from './annotations.ts'

/** A pod that only shows in the API what a static pod of its node does. */
export const isMirror = ({ metadata }: Pod): boolean => metadata.annotations?.[CONFIG_MIRROR] !== undefined

/**
 * Keeps a mirror in the API for each static pod of this node, and speaks of static pods under the uids of their mirrors.
 * @see Source: kubelet mirror_client.go, tryReconcileMirrorPods.
 */
export class Mirrors {
  readonly #send: (report: StatusReport) => void
  #static: readonly Pod[] | undefined
  #mirrors: readonly Pod[] = []
  /** Whether what the API has is known at all. */
  #isAssigned = false

  constructor(send: (report: StatusReport) => void) {
    this.#send = send
  }

  setStatic(pods: readonly Pod[]): void {
    this.#static = pods
    this.sync()
  }

  /** @returns the mirrors that have appeared. */
  setAssigned(mirrors: readonly Pod[]): readonly Pod[] {
    const before = new Set(this.#mirrors.map(({ metadata }) => metadata.uid))
    this.#mirrors = mirrors
    this.#isAssigned = true
    this.sync()
    return mirrors.filter(({ metadata }) => !before.has(metadata.uid))
  }

  /** Asks for what is missing, says goodbye to what is out of date. Safe to repeat. */
  sync(): void {
    if (!this.#static || !this.#isAssigned) return
    for (const mirror of this.#mirrors) {
      const source = this.#static.find((pod) => isSameName(pod, mirror))
      if (!source || !fits(mirror, source)) this.#sendGone(mirror)
    }
    for (const pod of this.#static)
      if (!this.#mirrors.some((mirror) => isSameName(pod, mirror) && fits(mirror, pod)))
        this.#send({ type: 'mirror-pod', pod: mirrorOf(pod) })
  }

  /** Uid of the static pod that a mirror shows. */
  sourceOf(mirrorUid: string): string | undefined {
    const mirror = this.#mirrors.find(({ metadata }) => metadata.uid === mirrorUid)
    return mirror && this.#static?.find((pod) => isSameName(pod, mirror) && fits(mirror, pod))?.metadata.uid
  }

  /** The report as the API can take it; undefined while it has no mirror. */
  translate(report: StatusReport): StatusReport | undefined {
    if (report.type !== 'pod-status' && report.type !== 'pod-usage' && report.type !== 'pod-gone') return report
    const source = this.#static?.find(({ metadata }) => metadata.uid === report.uid)
    if (!source) return report
    const mirror = this.#mirrors.find((each) => isSameName(each, source) && fits(each, source))
    if (!mirror || report.type === 'pod-gone') return undefined
    if (report.type === 'pod-status' && isTerminal(mirror) && !isTerminal({ ...source, status: report.status })) {
      this.#sendGone(mirror) // what has ended in the API stays so: the pod that runs again gets a new mirror
      return undefined
    }
    return { ...report, uid: mirror.metadata.uid }
  }

  #sendGone({ metadata: { namespace = '', name, uid } }: Pod): void {
    this.#send({ type: 'pod-gone', namespace, name, uid })
  }
}

const isSameName = (a: Pod, b: Pod): boolean => a.metadata.name === b.metadata.name && a.metadata.namespace === b.metadata.namespace

/** It shows this content, and nobody has deleted it. */
const fits = (mirror: Pod, source: Pod): boolean =>
  mirror.metadata.annotations?.[CONFIG_MIRROR] === source.metadata.annotations?.[CONFIG_HASH] &&
  mirror.metadata.deletionTimestamp === undefined

/** What the API gets to see. Its node adds nothing but the mark. */
const mirrorOf = ({ apiVersion, kind, metadata, spec }: Pod): Pod => ({
  ...(apiVersion !== undefined && { apiVersion }),
  ...(kind !== undefined && { kind }),
  metadata: { ...metadata, annotations: { ...metadata.annotations, [CONFIG_MIRROR]: metadata.annotations?.[CONFIG_HASH] ?? '' } },
  spec,
})
