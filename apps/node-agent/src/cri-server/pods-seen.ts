import { PodSandboxState } from '../runtime/cri/grpc/api_pb.js'
import type { ContainerState, Runtime, SandboxState } from '../runtime/runtime.ts'
import { type ContainerRecord, readRecord } from './container-record.ts'
import { RECORD_ANNOTATION } from './convert-container.ts'
import { invalid, notFound } from './problem.ts'
import type { SandboxRecord, SandboxRecords, StartError } from './sandbox-records.ts'

/** A sandbox as CRI knows it: what was asked for, and what there is. */
export interface PodSeen {
  readonly record: SandboxRecord
  /** Absent when the runtime has nothing of it. */
  readonly state: SandboxState | undefined
  readonly isReady: boolean
  readonly containers: readonly ContainerSeen[]
}
export interface ContainerSeen {
  readonly sandboxId: string
  readonly record: ContainerRecord
  readonly state: ContainerState
  /** Why it could not be started. */
  readonly startError?: string
}

export const stateOf = ({ isReady }: PodSeen): PodSandboxState =>
  isReady ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY

/** Every sandbox and container of this server's, found by whole ids and unique beginnings of them. */
export class PodsSeen {
  readonly #runtime: Runtime
  readonly #records: SandboxRecords

  constructor(runtime: Runtime, records: SandboxRecords) {
    this.#runtime = runtime
    this.#records = records
  }

  async all(): Promise<readonly PodSeen[]> {
    const states = await this.#runtime.observe()
    const records = new Map((await this.#records.all()).map((record) => [record.id, record]))
    return this.#join(states, records)
  }

  /** undefined when there is none; `id` is whole. */
  async one(id: string): Promise<PodSeen | undefined> {
    const states = await this.#runtime.observe(id)
    const record = await this.#records.find(id)
    return this.#join(states, new Map(record ? [[id, record]] : [])).at(0)
  }

  /** @param id Or how it begins. */
  async sandbox(id: string): Promise<PodSeen | undefined> {
    if (isWhole(id)) return this.one(id)
    return beginning(await this.all(), ({ record }) => record.id, id)
  }

  /** @throws CriProblem. */
  async sandboxThere(id: string): Promise<PodSeen> {
    const found = await this.sandbox(id)
    if (!found) throw notFound('sandbox', id)
    return found
  }

  /** @param id Or how it begins. */
  async container(id: string): Promise<(ContainerSeen & { readonly pod: PodSeen }) | undefined> {
    const all = (await this.all()).flatMap((pod) => pod.containers.map((container) => ({ ...container, pod })))
    return beginning(all, ({ state }) => state.id, id)
  }

  /** @throws CriProblem. */
  async containerThere(id: string): Promise<ContainerSeen & { readonly pod: PodSeen }> {
    const found = await this.container(id)
    if (!found) throw notFound('container', id)
    return found
  }

  #join(states: readonly SandboxState[], records: ReadonlyMap<string, SandboxRecord>): readonly PodSeen[] {
    const seen: PodSeen[] = []
    const known = new Set<string>()
    for (const state of states) {
      const containers = containersOf(state)
      const record = records.get(state.podUid) ?? lostRecord(state, containers)
      if (!record) continue // somebody else's
      known.add(record.id)
      const told = containers.map((container) => withStartError(container, record.startErrors?.[container.state.id]))
      seen.push({ record, state, isReady: state.ready && !record.stopped, containers: told })
    }
    for (const record of records.values())
      if (!known.has(record.id)) seen.push({ record, state: undefined, isReady: false, containers: [] })
    return seen
  }
}

const containersOf = ({ podUid, containers }: SandboxState): readonly ContainerSeen[] =>
  containers.flatMap((state) => {
    const record = readRecord(state.annotations[RECORD_ANNOTATION])
    return record ? [{ sandboxId: podUid, record, state }] : []
  })

/** As containerd tells of one. @see Source: containerd pkg/cri, `errorStartExitCode`. */
const UNSTARTED_EXIT_CODE = 128

function withStartError(container: ContainerSeen, failed: StartError | undefined): ContainerSeen {
  if (!failed || container.state.state === 'running') return container
  const state: ContainerState = { ...container.state, state: 'exited', exitCode: UNSTARTED_EXIT_CODE, finishedAtMs: failed.atMs }
  return { ...container, state, startError: failed.message }
}

/** After a reboot containers alone tell of a pod. */
const lostRecord = ({ podUid, createdAtMs }: SandboxState, [first]: readonly ContainerSeen[]): SandboxRecord | undefined =>
  first && { id: podUid, createdAtMs, config: first.record.pod, stopped: true }

const isWhole = (id: string): boolean => /^[0-9a-f]{64}$/.test(id)

/** @throws CriProblem when several begin so, or nothing is asked for. */
function beginning<T>(all: readonly T[], idOf: (one: T) => string, id: string): T | undefined {
  if (id === '') throw invalid('an id must not be empty')
  const found = all.filter((one) => idOf(one).startsWith(id))
  const exact = found.find((one) => idOf(one) === id)
  if (!exact && found.length > 1) throw invalid(`multiple IDs found with provided prefix: ${id}`)
  return exact ?? found[0]
}
