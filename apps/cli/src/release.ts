import type { Command } from 'commander'
import { ReleaseError } from '@bramble/provisioning/release/check-release'
import { ReleaseFolder } from '@bramble/provisioning/release/release-folder'
import { parseServerConfig, SERVER_SETTINGS } from '../../control-plane/src/config.ts'
import { UsageError } from './fail.ts'
import { addSettings, givenSettings } from './setting-options.ts'
import { printTable } from './token.ts'

const SETTINGS = SERVER_SETTINGS.filter(({ name }) => name === 'data-dir' || name === 'release-dir')

/** `bramble release import|list|remove`: what this control plane gives to new nodes and to those that are upgraded. */
export function addReleaseCommand(program: Command): void {
  const release = program.command('release').description('releases that this control plane gives to its nodes')
  addSettings(
    release
      .command('import')
      .description('check archives that "npm run release" made, and keep them')
      .argument('<file...>', 'bramble-…tar.zst'),
    SETTINGS,
  ).action((files: readonly string[], _options, command: Command) => importReleases(givenSettings(command, SETTINGS), files))
  addSettings(release.command('list').description('list them, the newest first'), SETTINGS).action((_options, command: Command) =>
    listReleases(givenSettings(command, SETTINGS)),
  )
  addSettings(
    release.command('remove').description('remove a release').argument('<version>', 'as "release list" shows it'),
    SETTINGS,
  ).action((version: string, _options, command: Command) => removeRelease(givenSettings(command, SETTINGS), version))
}

const folderOf = (given: Record<string, unknown>): ReleaseFolder => new ReleaseFolder(parseServerConfig(given).releaseDirectory)

async function importReleases(given: Record<string, unknown>, files: readonly string[]): Promise<void> {
  const folder = folderOf(given)
  const problems: string[] = []
  for (const file of files) {
    try {
      const { version, arch, isNew } = await folder.add(file)
      console.log(`release ${version} for ${arch} ${isNew ? 'imported' : 'was here already'}`)
    } catch (error) {
      problems.push(problemOf(file, error))
    }
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
}

function problemOf(file: string, error: unknown): string {
  if (error instanceof ReleaseError) return error.message
  const { code, path, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return `${path ?? file} is not there`
  if (code === 'EACCES') return `${path ?? file}: permission denied; run this as root`
  if (code === 'ENOSPC') return `${file}: the disk is full; "bramble release remove VERSION" makes room`
  if (code !== undefined) return `${file}: ${message}`
  throw error
}

async function listReleases(given: Record<string, unknown>): Promise<void> {
  const releases = await folderOf(given).list()
  const rows = releases.map(({ version, arch, sizeBytes, sha256 }) => [version, arch, `${(sizeBytes / 1e6).toFixed(1)} MB`, sha256])
  printTable([['VERSION', 'ARCH', 'SIZE', 'SHA256'], ...rows])
}

async function removeRelease(given: Record<string, unknown>, version: string): Promise<void> {
  const removed = await folderOf(given).remove(version)
  if (removed.length === 0) throw new UsageError(`no release ${version} is here; "bramble release list" shows them`)
  for (const { arch } of removed) console.log(`release ${version} for ${arch} removed`)
}
