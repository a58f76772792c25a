import { createHash } from 'node:crypto'
import { rename } from 'node:fs/promises'
import type { KubeObject } from '@bramble/api/object'
import type { Node } from '@bramble/api/types/node'
import { isTerminal, type Pod } from '@bramble/api/types/pod'
import { type Assigned, assignedId } from '@bramble/link/assignment'
import type { Log } from '@bramble/reconcile/env'
import { atomicWrite, readIfPresent } from '../host/files.ts'
import type { AssignedStore } from './assigned.ts'

const HEADER = /^bramble-assigned 1 ([0-9a-f]{64})\n/

/**
 * `assigned.json` in the agent's data folder: a line with the checksum of what follows, then JSON. Root only, it holds secrets.
 *
 * What would not change what runs after a boot (heartbeats, versions, the progress of a pod) is not worth a write to an SD card:
 * then the file keeps an older version, and the server fills the gap.
 */
export class AssignedFile implements AssignedStore {
  readonly #path: string
  readonly #log: Log
  #writtenDigest: string | undefined

  constructor(path: string, log: Log) {
    this.#path = path
    this.#log = log
  }

  async load(): Promise<Assigned | undefined> {
    const text = await readIfPresent(this.#path)
    if (text === undefined) return undefined
    const assigned = parse(text)
    if (assigned) {
      this.#writtenDigest = digestOf(assigned)
      return assigned
    }
    const aside = `${this.#path}.damaged`
    await rename(this.#path, aside)
    this.#log.error('the saved assignment is damaged; it was put aside, and pods start when the control plane has been reached', {
      path: aside,
    })
    return undefined
  }

  async save(assigned: Assigned): Promise<void> {
    const digest = digestOf(assigned)
    if (digest === this.#writtenDigest) return
    const body = JSON.stringify({ version: assigned.version, objects: [...assigned.objects.values()] })
    await atomicWrite(this.#path, `bramble-assigned 1 ${sha256(body)}\n${body}`, 0o600)
    this.#writtenDigest = digest
  }
}

function parse(text: string): Assigned | undefined {
  const header = HEADER.exec(text)
  const body = text.slice(header?.[0].length)
  if (!header || sha256(body) !== header[1]) return undefined
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
  return rest
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
