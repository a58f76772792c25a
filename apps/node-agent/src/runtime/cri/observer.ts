import type { PodCgroups } from '../cgroups/pod-cgroups.ts'
import type { ContainerState, SandboxState } from '../runtime.ts'
import { LABEL } from './convert.ts'
import { absent, type CriClient } from './cri-client.ts'
import { type Container, ContainerState as CriState, type PodSandbox, PodSandboxState, RuntimeService } from './grpc/api_pb.js'
import {
  type ContainerDetail,
  containerDetail,
  containerState,
  orphanedState,
  podUidOf,
  sandboxIp,
  sandboxState,
  verboseInfo,
} from './observed.ts'

/** Which of the runtime's pods are ours. */
const ownLabels = (podUid?: string): Record<string, string> => ({
  [LABEL.ours]: 'true',
  ...(podUid !== undefined && { [LABEL.podUid]: podUid }),
})

/** What the runtime has of ours: two requests, and one more for each sandbox or container whose state is new since the last look. */
export class CriObserver {
  readonly #client: CriClient
  readonly #cgroups: () => Promise<PodCgroups>
  readonly #containers = new Map<string, Known>()
  readonly #sandboxes = new Map<string, KnownSandbox>()
  #podCgroups: PodCgroups | undefined

  constructor(client: CriClient, cgroups: () => Promise<PodCgroups>) {
    this.#client = client
    this.#cgroups = cgroups
  }

  /** @throws CriError. */
  async observe(podUid?: string): Promise<readonly SandboxState[]> {
    this.#podCgroups ??= await this.#cgroups()
    const [sandboxes, containers] = await Promise.all([this.sandboxes(podUid), this.#list(podUid)])
    if (podUid === undefined) this.#forgetAbsent(sandboxes, containers)
    const [ips, states] = await Promise.all([
      Promise.all(sandboxes.map((sandbox) => this.#ip(sandbox))),
      Promise.all(containers.map((container) => this.#look(container))),
    ])
    const of = new Map<string, ContainerState[]>()
    const seen: SandboxState[] = sandboxes.map((sandbox, index) => {
      const own: ContainerState[] = []
      of.set(sandbox.id, own)
      return sandboxState(sandbox, ips[index], own)
    })
    containers.forEach((container, index) => {
      const state = states[index]
      if (!state) return
      const own = of.get(container.podSandboxId)
      if (own) own.push(state)
      else {
        const orphaned = orphanedState(container, state)
        of.set(container.podSandboxId, orphaned.containers as ContainerState[])
        seen.push(orphaned)
      }
    })
    return seen
  }

  /** @throws CriError. */
  async sandboxes(podUid?: string): Promise<readonly PodSandbox[]> {
    const { items } = await this.#client.call(RuntimeService.method.listPodSandbox, { filter: { labelSelector: ownLabels(podUid) } })
    return items
  }

  /** Of one sandbox, whoever made them. @throws CriError. */
  async containersOf(sandboxId: string): Promise<readonly Container[]> {
    const { containers } = await this.#client.call(RuntimeService.method.listContainers, { filter: { podSandboxId: sandboxId } })
    return containers
  }

  /** Of a container or a sandbox. */
  podOf(id: string): string | undefined {
    return this.#containers.get(id)?.podUid ?? this.#sandboxes.get(id)?.podUid
  }

  podUids(): readonly string[] {
    return [...new Set([...this.#containers.values(), ...this.#sandboxes.values()].map(({ podUid }) => podUid))]
  }

  /** Learns of a container before it is observed. */
  adopt(containerId: string, podUid: string): void {
    if (!this.#containers.has(containerId)) this.#containers.set(containerId, { podUid, oomSeen: false })
  }

  adoptSandbox(sandboxId: string, podUid: string, ip: string | undefined): void {
    this.#sandboxes.set(sandboxId, { podUid, isKnown: true, ip })
  }

  forget(id: string): void {
    this.#containers.delete(id)
    this.#sandboxes.delete(id)
  }

  /** Its status is asked again at the next look. */
  renew(containerId: string): void {
    const known = this.#containers.get(containerId)
    if (known) delete known.detail
  }

  /** To be called at once when a container ended: whether memory ran out can be read for some ten milliseconds only. */
  noteExit(containerId: string): void {
    const known = this.#containers.get(containerId)
    if (known && this.#podCgroups) known.oomSeen ||= this.#podCgroups.oomKills(known.podUid, containerId) > 0
  }

  /** Memory ran out in it, as the runtime says. */
  noteOom(containerId: string): void {
    const known = this.#containers.get(containerId)
    if (!known) return
    known.oomSeen = true
    delete known.detail
  }

  async #list(podUid: string | undefined): Promise<readonly Container[]> {
    const { containers } = await this.#client.call(RuntimeService.method.listContainers, { filter: { labelSelector: ownLabels(podUid) } })
    return containers
  }

  async #ip(sandbox: PodSandbox): Promise<string | undefined> {
    const known = this.#sandboxes.get(sandbox.id) ?? { podUid: podUidOf(sandbox), isKnown: false, ip: undefined }
    this.#sandboxes.set(sandbox.id, known)
    if (known.isKnown || sandbox.state !== PodSandboxState.SANDBOX_READY) return known.ip
    const found = await absent(this.#client.call(RuntimeService.method.podSandboxStatus, { podSandboxId: sandbox.id }))
    if (!found?.status) return undefined
    known.ip = sandboxIp(found.status)
    known.isKnown = true
    return known.ip
  }

  /** @returns undefined when it was removed meanwhile. */
  async #look(listed: Container): Promise<ContainerState | undefined> {
    this.adopt(listed.id, podUidOf(listed))
    const known = this.#containers.get(listed.id)!
    if (known.detail?.state !== listed.state) {
      this.noteExit(listed.id)
      const verbose = listed.state === CriState.CONTAINER_RUNNING
      const found = await absent(this.#client.call(RuntimeService.method.containerStatus, { containerId: listed.id, verbose }))
      if (!found?.status) return undefined
      known.detail = containerDetail(found.status, verbose ? verboseInfo(found.info) : undefined, known.oomSeen)
    }
    const state = containerState(listed, known.detail)
    if (known.detail.state !== listed.state) delete known.detail // it changes at this very moment
    return state
  }

  #forgetAbsent(sandboxes: readonly PodSandbox[], containers: readonly Container[]): void {
    const present = new Set([...sandboxes, ...containers].map(({ id }) => id))
    for (const [id, { detail }] of this.#containers) if (detail && !present.has(id)) this.#containers.delete(id)
    for (const id of this.#sandboxes.keys()) if (!present.has(id)) this.#sandboxes.delete(id)
  }
}

interface Known {
  readonly podUid: string
  oomSeen: boolean
  detail?: ContainerDetail
}
interface KnownSandbox {
  readonly podUid: string
  isKnown: boolean
  ip: string | undefined
}
