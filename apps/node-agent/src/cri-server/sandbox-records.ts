import { access, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf'
import type { Log } from '@bramble/reconcile/env'
import { atomicWrite, readIfPresent } from '../host/files.ts'
import { type PodSandboxConfig, PodSandboxConfigSchema } from '../runtime/cri/grpc/api_pb.js'

/** What CRI wants to know again of a sandbox, and a runtime does not keep. */
export interface SandboxRecord {
  readonly id: string
  readonly createdAtMs: number
  readonly config: PodSandboxConfig
  /** It was asked to stop: it never is ready again, whatever is left of it. */
  readonly stopped: boolean
  /** Containers that could not be started, by id: they count as ended, or a kubelet would make them anew without end. */
  readonly startErrors?: Readonly<Record<string, StartError>>
}

export interface StartError {
  readonly message: string
  readonly atMs: number
}

/** Records of sandboxes, one small file each, in a folder that a reboot empties. They outlive the server. */
export class SandboxRecords {
  readonly #directory: string
  readonly #log: Log
  #records: Promise<Map<string, SandboxRecord>> | undefined

  constructor(directory: string, log: Log) {
    this.#directory = directory
    this.#log = log
  }

  async all(): Promise<readonly SandboxRecord[]> {
    return [...(await this.#loaded()).values()]
  }

  async find(id: string): Promise<SandboxRecord | undefined> {
    return (await this.#loaded()).get(id)
  }

  async write(record: SandboxRecord): Promise<void> {
    const records = await this.#loaded()
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const text = JSON.stringify({ ...record, config: toJson(PodSandboxConfigSchema, record.config) })
    await atomicWrite(join(this.#directory, record.id, RECORD), text, 0o600)
    records.set(record.id, record)
  }

  /** Absent = success. */
  async remove(id: string): Promise<void> {
    const records = await this.#loaded()
    await rm(join(this.#directory, id), { recursive: true, force: true })
    records.delete(id)
  }

  /** Writes the name servers of a pod down, once: containers may have changed the file. @returns its path. */
  async resolvConf(id: string, text: string): Promise<string> {
    const path = join(this.#directory, id, 'resolv.conf')
    const isThere = await access(path).then(
      () => true,
      () => false,
    )
    if (!isThere) await writeFile(path, text)
    return path
  }

  #loaded(): Promise<Map<string, SandboxRecord>> {
    this.#records ??= this.#load().catch((error: unknown) => {
      this.#records = undefined
      throw error
    })
    return this.#records
  }

  async #load(): Promise<Map<string, SandboxRecord>> {
    const names = (await readdir(this.#directory).catch(() => [])).filter((name) => /^[0-9a-f]{64}$/.test(name))
    const found = await Promise.all(names.map((name) => this.#read(name)))
    return new Map(found.flatMap((record) => (record ? [[record.id, record]] : [])))
  }

  async #read(id: string): Promise<SandboxRecord | undefined> {
    const text = await readIfPresent(join(this.#directory, id, RECORD))
    if (text === undefined) return undefined
    try {
      const { config, ...rest } = JSON.parse(text) as Omit<SandboxRecord, 'config'> & { readonly config: JsonValue }
      return { ...rest, id, config: fromJson(PodSandboxConfigSchema, config, { ignoreUnknownFields: true }) }
    } catch (error) {
      this.#log.warn('the record of a sandbox cannot be read', { sandbox: id, error })
      return undefined
    }
  }
}

const RECORD = 'sandbox.json'
