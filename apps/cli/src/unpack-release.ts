import { createReadStream } from 'node:fs'
import { access, chmod, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PassThrough, pipeline } from 'node:stream'
import { createZstdDecompress } from 'node:zlib'
import { checkRelease } from '@bramble/provisioning/release/check-release'
import { ReleaseFolder } from '@bramble/provisioning/release/release-folder'
import { type ReleaseArch, releaseFileName } from '@bramble/provisioning/release/release-name'
import { tarFiles } from '@bramble/provisioning/release/tar'
import { UsageError } from './fail.ts'

/**
 * Makes sure that a release lies unpacked in `installed`: whole and synced, or not at all.
 *
 * @param imported Folder of the archives that "bramble release import" keeps.
 * @throws UsageError when there is no archive of it. @throws ReleaseError when that is damaged.
 */
export async function ensureUnpacked(version: string, installed: string, imported: string): Promise<void> {
  const target = join(installed, version)
  if (await isThere(join(target, 'SHA256SUMS'))) return // the launcher compares every file before it starts it
  const kept = await new ReleaseFolder(imported).find(releaseFileName({ version, arch: process.arch as ReleaseArch }))
  if (!kept)
    throw new UsageError(
      `release ${version} for ${process.arch} is not here; "bramble release import ${releaseFileName({ version, arch: process.arch as ReleaseArch })}" brings it`,
    )
  const archive = join(imported, kept.file)
  await checkRelease(archive)
  const part = join(installed, `.${version}.part`)
  await rm(part, { recursive: true, force: true })
  try {
    await unpack(archive, part)
    await rm(target, { recursive: true, force: true }) // one that was not whole
    await rename(part, target)
    await syncPath(installed)
  } finally {
    await rm(part, { recursive: true, force: true })
  }
}

async function unpack(archive: string, folder: string): Promise<void> {
  const bytes = pipeline(createReadStream(archive), createZstdDecompress(), new PassThrough(), () => {}) // who reads it sees the error
  for await (const { path, isExecutable, content } of tarFiles(bytes)) {
    const target = join(folder, path.slice(path.indexOf('/') + 1))
    await mkdir(dirname(target), { recursive: true, mode: 0o755 })
    await using file = await open(target, 'wx')
    for await (const chunk of content) await file.writeFile(chunk)
    await file.sync()
    await chmod(target, isExecutable ? 0o755 : 0o644)
  }
}

async function syncPath(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
