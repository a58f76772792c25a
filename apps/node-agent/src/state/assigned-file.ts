import { createHash } from 'node:crypto'
import { readFile, rename } from 'node:fs/promises'
import type { KubeObject } from '@bramble/api/object'
import type { Node } from '@bramble/api/types/node'
import { isTerminal, type Pod } from '@bramble/api/types/pod'
import { type Assigned, assignedId } from '@bramble/link/assignment'
import type { Log } from '@bramble/reconcile/env'
import { atomicWrite, isMissing } from '../host/files.ts'
import type { AssignedStore } from './assigned.ts'
import type { Seal } from './seal.ts'

/** Files of the time before they were sealed: checksum and JSON. */
const PLAIN_HEADER = /^bramble-assigned 1 ([0-9a-f]{64})\n/

/**
 * `assigned.json` in the agent's data folder: JSON, sealed. It holds Secrets and tokens: root alone may read it, and on this device only.
 *
 * What would not change what runs after a boot (heartbeats, versions, the progress of a pod, a token's renewal) is not worth a write to
 * an SD card: then the file keeps an older version, and the server fills the gap.
 */
export class AssignedFile implements AssignedStore {
  readonly #path: string
  readonly #seal: Seal
  readonly #log: Log
  #writtenDigest: string | undefined

  constructor(path: string, seal: Seal, log: Log) {
    this.#path = path
    this.#seal = seal
    this.#log = log
  }

  async load(): Promise<Assigned | undefined> {
    const bytes = await readBytes(this.#path)
    if (bytes === undefined) return undefined
    const plain = parsePlain(bytes)
    if (plain) return this.#sealPlain(plain)
    try {
      const assigned = parse(Buffer.from(this.#seal.unseal(bytes)).toString('utf8'))
      this.#writtenDigest = digestOf(assigned)
      return assigned
    } catch (error) {
      await this.#putAside(error)
      return undefined
    }
  }

  async save(assigned: Assigned): Promise<void> {
    const digest = digestOf(assigned)
    if (digest === this.#writtenDigest) return
    await this.#write(assigned)
    this.#writtenDigest = digest
  }

  async #sealPlain(assigned: Assigned): Promise<Assigned> {
    try {
      await this.save(assigned)
    } catch (error) {
      this.#log.error('the saved assignment could not be sealed yet; is the disk full?', { path: this.#path, error })
    }
    return assigned
  }

  async #write(assigned: Assigned): Promise<void> {
    const text = JSON.stringify({ version: assigned.version, objects: [...assigned.objects.values()] })
    await atomicWrite(this.#path, this.#seal.seal(Buffer.from(text)), 0o600)
  }

  async #putAside(error: unknown): Promise<void> {
    const aside = `${this.#path}.damaged`
    await rename(this.#path, aside)
    this.#log.error(
      'the saved assignment is damaged, or was sealed with the key of another device; it was put aside, and pods start when the control plane has been reached',
      { path: aside, error },
    )
  }
}

async function readBytes(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function parsePlain(bytes: Buffer): Assigned | undefined {
  if (!bytes.subarray(0, 16).equals(Buffer.from('bramble-assigned'))) return undefined
  const text = bytes.toString('utf8')
  const header = PLAIN_HEADER.exec(text)
  const body = text.slice(header?.[0].length)
  return header && sha256(body) === header[1] ? parse(body) : undefined
}

function parse(body: string): Assigned {
  const { version, objects } = JSON.parse(body) as { version: string; objects: KubeObject[] }
  return { version, objects: new Map(objects.map((object) => [assignedId(object), object])) }
}

/** Equal for assignments that make the same things run. */
const digestOf = (assigned: Assigned): string =>
  sha256(JSON.stringify([...assigned.objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => lasting(object))))

function lasting(object: KubeObject): unknown {
  const { resourceVersion: _version, managedFields: _fields, ...metadata } = object.metadata
  const rest = { ...object, metadata }
  if (object.kind === 'Pod') return { ...rest, status: isTerminal(object as Pod) }
  if (object.kind === 'Node') return { ...rest, status: (object as Node).status?.addresses }
  if (object.kind === 'PodToken') return [metadata.name, metadata.namespace, Object.keys((object as { data?: object }).data ?? {}).sort()]
  return rest
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
