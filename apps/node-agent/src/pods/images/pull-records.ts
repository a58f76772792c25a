import { createHash, randomUUID } from 'node:crypto'
import type { Log } from '@bramble/reconcile/env'
import { atomicWrite, readIfPresent } from '../../host/files.ts'
import type { RegistryLogin } from '../../runtime/runtime.ts'

/** Who has shown the registry that they may have an image. No record: it was there before, and anyone may use it. */
export interface PullRecord {
  /** A registry gave it without a login. */
  readonly anyone?: true
  /** Marks of logins that it was given for. */
  readonly logins: readonly string[]
  /** Pull secrets that held them, `<namespace>/<name>/<uid>`: what is in one may be renewed. */
  readonly secrets: readonly string[]
}

export interface Claim {
  readonly logins: readonly RegistryLogin[]
  readonly secrets: readonly string[]
}

/**
 * Remembers over restarts which pods may use an image that came from a private registry: those whose logins or secrets got it. Others
 * have to ask the registry themselves.
 *
 * @see Source: Kubernetes "Ensure Image Pull Credential Verification", policy NeverVerifyPreloadedImages.
 */
export class PullRecords {
  readonly #path: string | undefined
  readonly #log: Log
  readonly #salt: string
  readonly #records: Map<string, PullRecord>

  private constructor(path: string | undefined, log: Log, saved: Saved) {
    this.#path = path
    this.#log = log
    this.#salt = saved.salt
    this.#records = new Map(Object.entries(saved.images))
  }

  /** Known until the agent ends. */
  static inMemory(log: Log): PullRecords {
    return new PullRecords(undefined, log, { salt: randomUUID(), images: {} })
  }

  /** Kept in a file. One that cannot be read counts as empty. */
  static async open(path: string, log: Log): Promise<PullRecords> {
    try {
      const text = await readIfPresent(path)
      if (text !== undefined) return new PullRecords(path, log, JSON.parse(text) as Saved)
    } catch (error) {
      log.warn('it is forgotten who pulled which image: every pod may use those that are here', { error })
    }
    return new PullRecords(path, log, { salt: randomUUID(), images: {} })
  }

  mayUse(imageId: string, claim: Claim): boolean {
    const record = this.#records.get(imageId)
    return record === undefined || fitsRecord(record, { marks: this.#marks(claim), secrets: claim.secrets })
  }

  /** A registry gave the image for the claim; without logins: to anyone. What cannot be written is known until the agent ends. */
  async add(imageId: string, claim: Claim): Promise<void> {
    const before = this.#records.get(imageId)
    const next = widened(before, { marks: this.#marks(claim), secrets: claim.secrets })
    if (JSON.stringify(before) === JSON.stringify(next)) return
    this.#records.set(imageId, next)
    await this.#save()
  }

  /** Forgets images that are gone. */
  async keepOnly(imageIds: ReadonlySet<string>): Promise<void> {
    const gone = [...this.#records.keys()].filter((id) => !imageIds.has(id))
    for (const id of gone) this.#records.delete(id)
    if (gone.length > 0) await this.#save()
  }

  #marks({ logins }: Claim): readonly string[] {
    return logins.map((login) => loginMark(login, this.#salt))
  }

  async #save(): Promise<void> {
    if (this.#path === undefined) return
    const saved: Saved = { salt: this.#salt, images: Object.fromEntries(this.#records) }
    try {
      await atomicWrite(this.#path, JSON.stringify(saved), 0o600)
    } catch (error) {
      this.#log.warn('who pulled an image cannot be written down', { error })
    }
  }
}

interface Saved {
  readonly salt: string
  readonly images: Readonly<Record<string, PullRecord>>
}
interface MarkedClaim {
  readonly marks: readonly string[]
  readonly secrets: readonly string[]
}

/** Tells one login from another and gives nothing of it away. */
export const loginMark = ({ registry, username = '', password = '', identityToken = '' }: RegistryLogin, salt: string): string =>
  createHash('sha256')
    .update(JSON.stringify([salt, registry, username, password, identityToken]))
    .digest('hex')

export const fitsRecord = (record: PullRecord, { marks, secrets }: MarkedClaim): boolean =>
  record.anyone === true || marks.some((mark) => record.logins.includes(mark)) || secrets.some((secret) => record.secrets.includes(secret))

/** What is known after a registry gave the image for a claim as well. What it gave to anyone once, anyone may use. */
export function widened(record: PullRecord | undefined, { marks, secrets }: MarkedClaim): PullRecord {
  if (record?.anyone || marks.length === 0) return { anyone: true, logins: [], secrets: [] }
  const all = (before: readonly string[] = [], more: readonly string[]): readonly string[] => [...new Set([...before, ...more])]
  return { logins: all(record?.logins, marks), secrets: all(record?.secrets, secrets) }
}
