import { readFileSync } from 'node:fs'
import type { Log } from '@bramble/reconcile/env'
import type { PodCgroups } from '../cgroups/pod-cgroups.ts'
import type { ContainerResources, ContainerState, SandboxState } from '../runtime.ts'
import { type PodmanClient, PodmanError } from './client.ts'
import { type ContainerDetail, containerDetail, containerState, LABEL, listedDetail } from './convert.ts'
import type { InspectedContainer, ListedContainer } from './libpod.ts'
import type { Resizes } from './resizes.ts'
import type { Sandboxes } from './sandboxes.ts'

/**
 * Puts sandboxes together from their records and from Podman's list of labelled containers: one request, and one more for each
 * container whose state is new since the last look.
 */
export class Observer {
  readonly #client: PodmanClient
  readonly #sandboxes: Sandboxes
  readonly #cgroups: () => Promise<PodCgroups>
  readonly #resizes: Resizes
  readonly #log: Log
  readonly #owner: string
  readonly #known = new Map<string, Known>()
  #podCgroups: PodCgroups | undefined

  constructor(options: {
    readonly client: PodmanClient
    readonly sandboxes: Sandboxes
    readonly cgroups: () => Promise<PodCgroups>
    readonly resizes: Resizes
    readonly log: Log
    /** Whose pods are seen; '': the agent's. */
    readonly owner: string
  }) {
    this.#client = options.client
    this.#sandboxes = options.sandboxes
    this.#cgroups = options.cgroups
    this.#resizes = options.resizes
    this.#log = options.log
    this.#owner = options.owner
  }

  async observe(podUid?: string): Promise<readonly SandboxState[]> {
    this.#podCgroups ??= await this.#cgroups()
    const [records, listed] = await Promise.all([this.#sandboxes.list(), this.#list(podUid)])
    if (podUid === undefined) this.#forgetAbsent(listed)
    const containers = (await Promise.all(listed.map((container) => this.#look(container)))).filter((found) => found !== undefined)

    const pods = new Map<string, SandboxState>()
    for (const { record, ready } of records) {
      if (record.cgroupParent !== undefined) this.#podCgroups.give(record.podUid, record.cgroupParent)
      if (podUid !== undefined && record.podUid !== podUid) continue
      pods.set(record.podUid, {
        id: record.podUid,
        podUid: record.podUid,
        namespace: record.namespace,
        name: record.name,
        ready,
        ...(ready && record.made?.ip !== undefined && { ip: record.made.ip }),
        createdAtMs: record.createdAtMs,
        containers: [],
      })
    }
    for (const { labels, state } of containers) {
      const uid = labels[LABEL.podUid]!
      const pod = pods.get(uid) ?? orphaned(uid, labels, state)
      pods.set(uid, { ...pod, containers: [...pod.containers, state] })
    }
    return [...pods.values()]
  }

  async containersOf(podUid: string): Promise<readonly string[]> {
    return (await this.#list(podUid)).map(({ Id }) => Id)
  }

  /** Folders of what containers that were observed wrote outside volumes. */
  writableLayers(): ReadonlyMap<string, string> {
    return new Map(
      [...this.#known].flatMap(([id, { detail }]) => (detail?.writableLayer === undefined ? [] : [[id, detail.writableLayer]])),
    )
  }

  /** What applies to a container has been changed. */
  noteResize(containerId: string, resources: ContainerResources): void {
    const known = this.#known.get(containerId)
    if (known) known.changed = { ...known.changed, ...resources }
  }

  /** Its process on the host while it runs, as last observed. */
  processOf(containerId: string): number | undefined {
    return this.#known.get(containerId)?.detail?.pid
  }

  podOf(containerId: string): string | undefined {
    return this.#known.get(containerId)?.podUid
  }

  /** Learns of a container before it is observed. */
  adopt(containerId: string, podUid: string): void {
    if (!this.#known.has(containerId)) this.#known.set(containerId, { podUid, oomSeen: false, version: undefined })
  }

  forget(containerId: string): void {
    this.#known.delete(containerId)
  }

  /**
   * How a container ended can be read for some ten milliseconds only: it is, whenever somebody asks for it.
   *
   * @param exits Ids of containers at the moment when they end.
   */
  async follow(exits: AsyncIterable<string>): Promise<void> {
    this.#podCgroups ??= await this.#cgroups()
    for await (const containerId of exits) this.#noteExit(containerId)
  }

  #noteExit(containerId: string): void {
    const known = this.#known.get(containerId)
    if (!known || !this.#podCgroups) return
    known.oomSeen ||= this.#podCgroups.oomKills(known.podUid, containerId) > 0
  }

  async #list(podUid: string | undefined): Promise<readonly ListedContainer[]> {
    const label = podUid === undefined ? LABEL.podUid : `${LABEL.podUid}=${podUid}`
    const listed = await this.#client.call<readonly ListedContainer[]>('GET', '/containers/json', {
      query: { all: true, filters: JSON.stringify({ label: [label] }) },
    })
    return listed.filter(({ Labels }) => (Labels?.[LABEL.owner] ?? '') === this.#owner)
  }

  async #look(
    listed: ListedContainer,
  ): Promise<{ readonly labels: Readonly<Record<string, string>>; readonly state: ContainerState } | undefined> {
    const labels = listed.Labels ?? {}
    this.adopt(listed.Id, labels[LABEL.podUid]!)
    const known = this.#known.get(listed.Id)!
    const version = `${listed.State} ${listed.StartedAt}`
    if (known.version !== version) {
      this.#noteExit(listed.Id)
      if (!(await this.#inspect(listed, known))) return undefined
    }
    // Only an inspection after its watcher was seen gone tells one that lost it from one that has just ended.
    const seenAlone = !isWatched(known.detail)
    if (seenAlone && !(await this.#inspect(listed, known))) return undefined
    const lost = seenAlone && !isWatched(known.detail)
    if (lost) await this.#kill(listed.Id, known)
    known.version = known.detail!.status === listed.State ? version : undefined
    return { labels, state: containerState(listed, known.detail!, !lost, known.changed) }
  }

  /**
   * One that is broken, say its layers after a power cut, still is in Podman's list: what is there is believed, and it stops nothing else.
   *
   * @returns false when it was removed meanwhile.
   */
  async #inspect(listed: ListedContainer, known: Known): Promise<boolean> {
    known.changed ??= await this.#resizes.changed(listed.Id)
    try {
      known.detail = containerDetail(await this.#client.call<InspectedContainer>('GET', `/containers/${listed.Id}/json`), known.oomSeen)
      return true
    } catch (error) {
      if (!(error instanceof PodmanError)) throw error
      if (error.status === 404) return false
      if (PASSES.test(error.message)) throw error
      this.#log.warn('container is broken', { container: listed.Id, name: listed.Labels?.[LABEL.container], error })
      known.detail = listedDetail(listed)
      return true
    }
  }

  /** Its watcher is gone, so nobody would learn of its end: it must not run beside the container that takes its place. */
  async #kill(id: string, known: Known): Promise<void> {
    if (known.killed) return
    this.#log.warn('container has lost its watcher, killing it', { container: id })
    try {
      await this.#client.call('POST', `/containers/${id}/kill`, { query: { signal: 'KILL' } })
    } catch (error) {
      if (!(error instanceof PodmanError)) throw error
    }
    known.killed = true
  }

  #forgetAbsent(listed: readonly ListedContainer[]): void {
    const present = new Set(listed.map(({ Id }) => Id))
    for (const [id, { version }] of this.#known) if (version !== undefined && !present.has(id)) this.#known.delete(id)
  }
}

interface Known {
  readonly podUid: string
  oomSeen: boolean
  killed?: boolean
  /** Since it was made. */
  changed?: ContainerResources | undefined
  /** Of the listing that `detail` belongs to. */
  version: string | undefined
  detail?: ContainerDetail
}

/** Containers whose namespaces are gone, as after a reboot. */
const orphaned = (podUid: string, labels: Readonly<Record<string, string>>, container: ContainerState): SandboxState => ({
  id: podUid,
  podUid,
  namespace: labels[LABEL.podNamespace] ?? '',
  name: labels[LABEL.podName] ?? '',
  ready: false,
  createdAtMs: container.createdAtMs,
  containers: [],
})

/** What is wrong with Podman or the machine for a while, and not with a container. */
const PASSES = /locked|time(d )?-?out|deadline|temporarily|too many open files|no space left|cannot allocate|connection refused/i

const ALIVE: readonly string[] = ['running', 'paused', 'stopping']

/** Whether the end of a running container will be noticed. Nobody needs to watch one that does not run. */
function isWatched(detail: ContainerDetail | undefined): boolean {
  if (!detail || !ALIVE.includes(detail.status) || detail.conmonPid === undefined) return true
  try {
    return readFileSync(`/proc/${detail.conmonPid}/comm`, 'utf8').startsWith('conmon')
  } catch {
    return false
  }
}
