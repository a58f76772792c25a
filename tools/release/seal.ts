import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, globSync, statSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress } from 'node:zlib'
import { type ReleaseManifest, releaseFileName } from '../../provisioning/src/release/release-name.ts'
import { type TarFile, tarOf } from '../../provisioning/src/release/tar.ts'

export interface SealOptions extends Omit<ReleaseManifest, 'files'> {
  /** Seconds; of every file in the archive. */
  readonly time: number
  /** 1 is fast, 19 is small. */
  readonly level: number
}

export interface Sealed {
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly installedBytes: number
}

/**
 * Makes a release of a folder: writes release.json and SHA256SUMS into it and packs it as `target`/bramble-…tar.zst. The same
 * files give the same bytes.
 */
export async function sealRelease(tree: string, target: string, options: SealOptions): Promise<Sealed> {
  const { time, level, ...manifest } = options
  const own = new Set(['release.json', 'SHA256SUMS'])
  const files = treeFiles(tree).filter((path) => !own.has(path))
  const listed = files.map((path) => ({ path, sizeBytes: statSync(join(tree, path)).size }))
  const whole: ReleaseManifest = { ...manifest, files: listed }
  await writeFile(join(tree, 'release.json'), `${JSON.stringify(whole, null, 1)}\n`)
  const sums: string[] = []
  for (const path of [...files, 'release.json'].sort(byBytes)) sums.push(`${await sha256Of(join(tree, path))}  ${path}\n`)
  await writeFile(join(tree, 'SHA256SUMS'), sums.join(''))

  const all = treeFiles(tree)
  const path = join(target, releaseFileName(manifest))
  const packed = all.map((file) => fileOf(tree, file, `bramble-${manifest.version}/${file}`))
  const compress = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  })
  await pipeline(Readable.from(tarOf(packed, time)), compress, createWriteStream(`${path}.part`))
  await rename(`${path}.part`, path)
  const installedBytes = all.reduce((sum, file) => sum + statSync(join(tree, file)).size, 0)
  return { path, sizeBytes: statSync(path).size, sha256: await sha256Of(path), installedBytes }
}

/** Not by the language of whoever packs. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

const treeFiles = (tree: string): readonly string[] =>
  globSync('**/*', { cwd: tree })
    .filter((path) => statSync(join(tree, path)).isFile())
    .sort(byBytes)

function fileOf(tree: string, file: string, path: string): TarFile {
  const { size, mode } = statSync(join(tree, file))
  return { path, isExecutable: (mode & 0o100) !== 0, sizeBytes: size, content: contentOf(join(tree, file)) }
}

/** Opened when it is its turn. */
async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
