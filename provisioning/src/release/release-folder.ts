import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { checkRelease, ReleaseError } from './check-release.ts'
import { newestFirst, parseReleaseName, type ReleaseName } from './release-name.ts'

/** A release that nodes may have. */
export interface KeptRelease extends ReleaseName {
  /** Name of the archive in the folder. */
  readonly file: string
  readonly sizeBytes: number
  readonly sha256: string
}

/**
 * Archives that a control plane gives to its nodes: each with a note beside it, `<archive>.json`, of its size and checksum. What has
 * no note, or another size than its note says, was not imported or is being copied, and counts as not there.
 */
export class ReleaseFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** The newest first. No folder is an empty one. */
  async list(): Promise<readonly KeptRelease[]> {
    const names = await readdir(this.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    const kept = await Promise.all(names.map((name) => this.find(name)))
    return kept.filter((each) => each !== undefined).sort((a, b) => newestFirst(a.version, b.version) || (a.arch < b.arch ? -1 : 1))
  }

  /** @param file Anything: what is no name of a release is not there. */
  async find(file: string): Promise<KeptRelease | undefined> {
    const name = parseReleaseName(file)
    if (!name) return undefined
    const path = join(this.path, file)
    const [note, stats] = await Promise.all([readNote(`${path}.json`), stat(path).catch(() => undefined)])
    if (!note || stats?.isFile() !== true || stats.size !== note.sizeBytes) return undefined
    return { ...name, file, ...note }
  }

  /**
   * Checks an archive and copies it here; the same one again changes nothing.
   *
   * @throws ReleaseError when it is damaged, or another archive of this name is here: what nodes may have by now never changes.
   */
  async add(archive: string): Promise<KeptRelease & { readonly isNew: boolean }> {
    const { version, arch, sizeBytes, sha256 } = await checkRelease(archive)
    const file = basename(archive)
    const kept = await this.find(file)
    if (kept && kept.sha256 !== sha256)
      throw new ReleaseError(
        `${archive}: another ${version} for ${arch} is here already (SHA-256 ${kept.sha256.slice(0, 12)}…); give this one a version of its own, or remove the other first`,
      )
    const release = { version, arch, file, sizeBytes, sha256 }
    if (kept) return { ...release, isNew: false }
    await mkdir(this.path, { recursive: true, mode: 0o755 })
    const path = join(this.path, file)
    await copyDurably(archive, path, sha256)
    await writeDurably(`${path}.json`, `${JSON.stringify({ sizeBytes, sha256 })}\n`)
    return { ...release, isNew: true }
  }

  /** @returns what was removed; nothing when it is not there. */
  async remove(version: string): Promise<readonly KeptRelease[]> {
    const found = (await this.list()).filter((each) => each.version === version)
    for (const { file } of found) {
      await rm(join(this.path, `${file}.json`)) // from now on nobody is given it
      await rm(join(this.path, file))
    }
    return found
  }
}

async function readNote(path: string): Promise<Pick<KeptRelease, 'sizeBytes' | 'sha256'> | undefined> {
  try {
    const { sizeBytes, sha256 } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
    return typeof sizeBytes === 'number' && typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? { sizeBytes, sha256 } : undefined
  } catch {
    return undefined // not there, or cut off while it was written
  }
}

/** Of what was read before: the file may have changed since. */
async function copyDurably(from: string, to: string, sha256: string): Promise<void> {
  const part = partOf(to)
  const hash = createHash('sha256')
  try {
    await using file = await open(part, 'w', 0o644)
    for await (const chunk of createReadStream(from) as AsyncIterable<Uint8Array>) {
      hash.update(chunk)
      await file.writeFile(chunk)
    }
    await file.sync()
    if (hash.digest('hex') !== sha256) throw new ReleaseError(`${from} changed while it was copied; import it again`)
    await rename(part, to)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const part = partOf(path)
  await using file = await open(part, 'w', 0o644)
  await file.writeFile(text)
  await file.sync()
  await rename(part, path)
}

/** Hidden, and no name of a release. */
const partOf = (path: string): string => join(path, '..', `.${basename(path)}.part`)
