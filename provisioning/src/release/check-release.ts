import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { PassThrough, pipeline } from 'node:stream'
import { createZstdDecompress } from 'node:zlib'
import {
  isReleaseVersion,
  parseReleaseName,
  RELEASE_ARCHES,
  type ReleaseManifest,
  type ReleaseName,
  releaseFileName,
} from './release-name.ts'
import { TarError, type TarFile, tarFiles } from './tar.ts'

/** An archive that holds what it says. */
export interface CheckedRelease extends ReleaseName {
  /** Of the archive. */
  readonly sizeBytes: number
  readonly sha256: string
  /** Of what it unpacks to. */
  readonly installedBytes: number
  readonly manifest: ReleaseManifest
}

/** An archive is none of ours, damaged or incomplete; the message says what is wrong. */
export class ReleaseError extends Error {
  override readonly name = 'ReleaseError'
}

const INSTALLED_BYTES_MAX = 2 ** 30
const FILES_MAX = 20_000
const TEXT_BYTES_MAX = 8 * 2 ** 20
/** Without these it can do nothing. */
const NEEDED = ['bin/bramble', 'lib/node', 'release.json', 'SHA256SUMS'] as const

/**
 * Reads an archive once, in little memory, and compares every file with the checksums inside.
 *
 * @throws ReleaseError unless its name, its manifest and its checksums agree and every file is there.
 */
export async function checkRelease(path: string): Promise<CheckedRelease> {
  const name = parseReleaseName(basename(path))
  if (!name)
    throw new ReleaseError(`${path}: must be named as "npm run release" names it: ${releaseFileName({ version: '0.1.0', arch: 'arm64' })}`)
  const whole = createHash('sha256')
  let sizeBytes = 0
  const compressed = createReadStream(path)
  compressed.on('data', (chunk) => {
    sizeBytes += chunk.length
    whole.update(chunk)
  })
  const archive = pipeline(compressed, createZstdDecompress(), new PassThrough(), () => {}) // who reads it sees the error
  try {
    const { hashes, texts, installedBytes } = await readTree(archive, `bramble-${name.version}/`)
    const manifest = readManifest(texts.get('release.json')!, name)
    compare(readSums(texts.get('SHA256SUMS')!), hashes)
    return { ...name, sizeBytes, sha256: whole.digest('hex'), installedBytes, manifest }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (error instanceof ReleaseError || error instanceof TarError) throw new ReleaseError(`${path}: ${error.message}`)
    if (code !== undefined && /^(ZSTD|Z|ERR_ZSTD|ERR_STREAM)_/.test(code))
      throw new ReleaseError(`${path}: it is cut off or damaged (${(error as Error).message})`)
    throw error
  } finally {
    compressed.destroy()
  }
}

interface Tree {
  readonly hashes: ReadonlyMap<string, string>
  /** Of release.json and SHA256SUMS. */
  readonly texts: ReadonlyMap<string, string>
  readonly installedBytes: number
}

async function readTree(archive: AsyncIterable<Uint8Array>, top: string): Promise<Tree> {
  const hashes = new Map<string, string>()
  const texts = new Map<string, string>()
  let installedBytes = 0
  for await (const file of tarFiles(archive)) {
    if (!file.path.startsWith(top)) throw new ReleaseError(`"${file.path}" is not inside ${top}`)
    const path = file.path.slice(top.length)
    installedBytes += file.sizeBytes
    if (installedBytes > INSTALLED_BYTES_MAX || hashes.size >= FILES_MAX) throw new ReleaseError('it is far too large for a release')
    if (hashes.has(path)) throw new ReleaseError(`"${path}" is there twice`)
    hashes.set(path, await hashOf(file, path === 'release.json' || path === 'SHA256SUMS' ? (text) => texts.set(path, text) : undefined))
  }
  const missing = NEEDED.filter((path) => !hashes.has(path))
  if (missing.length > 0) throw new ReleaseError(`it is no release: ${missing.join(', ')} is missing`)
  return { hashes, texts, installedBytes }
}

async function hashOf(file: TarFile, keep: ((text: string) => void) | undefined): Promise<string> {
  const hash = createHash('sha256')
  const chunks: Uint8Array[] = []
  if (keep && file.sizeBytes > TEXT_BYTES_MAX) throw new ReleaseError(`${file.path} is too large`)
  for await (const chunk of file.content) {
    hash.update(chunk)
    if (keep) chunks.push(Buffer.from(chunk))
  }
  keep?.(Buffer.concat(chunks).toString())
  return hash.digest('hex')
}

function readManifest(text: string, name: ReleaseName): ReleaseManifest {
  let manifest: Partial<ReleaseManifest> | null
  try {
    manifest = JSON.parse(text) as Partial<ReleaseManifest> | null
  } catch (error) {
    throw new ReleaseError(`release.json cannot be read: ${(error as Error).message}`)
  }
  const { version, arch } = manifest ?? {}
  if (typeof version !== 'string' || !isReleaseVersion(version) || !RELEASE_ARCHES.some((known) => known === arch))
    throw new ReleaseError('release.json names no version or no processor')
  if (version !== name.version || arch !== name.arch)
    throw new ReleaseError(`its name says ${name.version} for ${name.arch}, and inside is ${version} for ${arch}`)
  return manifest as ReleaseManifest
}

/** Lines as sha256sum writes them. */
function readSums(text: string): ReadonlyMap<string, string> {
  const sums = new Map<string, string>()
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, hash, path] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? []
    if (path === undefined) throw new ReleaseError(`SHA256SUMS has a line that is none: "${line.slice(0, 80)}"`)
    sums.set(path, hash!)
  }
  return sums
}

function compare(sums: ReadonlyMap<string, string>, hashes: ReadonlyMap<string, string>): void {
  for (const [path, sum] of sums) {
    const hash = hashes.get(path)
    if (hash === undefined) throw new ReleaseError(`${path} is missing`)
    if (hash !== sum) throw new ReleaseError(`${path} is not what SHA256SUMS says: it is damaged, or was changed`)
  }
  const unknown = [...hashes.keys()].find((path) => path !== 'SHA256SUMS' && !sums.has(path))
  if (unknown !== undefined) throw new ReleaseError(`${unknown} is not in SHA256SUMS`)
}
