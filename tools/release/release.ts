import { spawnSync } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { isReleaseVersion, RELEASE_ARCHES, type ReleaseArch } from '../../provisioning/src/release/release-name.ts'
import { must } from '../../provisioning/src/run.ts'
import { type Sealed, sealRelease } from './seal.ts'
import { makeBundles, makeTree } from './tree.ts'

// npm run release [-- --version 0.2.0-test --arch arm64 --output FOLDER --level 1..19]: bramble-<version>-linux-<arch>.tar.zst for
// both processors, and SHA256SUMS beside them. SOURCE_DATE_EPOCH, or the last commit, is the time of every file.

const ROOT = join(import.meta.dirname, '../..')
const { values } = parseArgs({
  options: {
    version: { type: 'string' },
    arch: { type: 'string', multiple: true, default: [...RELEASE_ARCHES] },
    output: { type: 'string', default: join(ROOT, 'dist/release') },
    level: { type: 'string', default: '19' },
  },
})
const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
const version = values.version ?? manifest.version
const level = Number(values.level)
if (!isReleaseVersion(version)) refuse(`--version ${version}: must be a version such as 0.2.0 or 0.2.0-rc.1`)
if (!Number.isInteger(level) || level < 1 || level > 19) refuse(`--level ${values.level}: must be a whole number from 1 to 19`)
for (const arch of values.arch)
  if (!RELEASE_ARCHES.some((known) => known === arch)) refuse(`--arch ${arch}: must be ${RELEASE_ARCHES.join(' or ')}`)

const cache = join(ROOT, 'dist/release-cache')
const time = await sourceTime()
await mkdir(values.output, { recursive: true })
const bundleFolder = join(values.output, '.bundles')
const bundles = await makeBundles(bundleFolder, version)
const sums: string[] = []
for (const arch of RELEASE_ARCHES.filter((known) => values.arch.includes(known))) {
  const tree = join(values.output, `.tree-${arch}`)
  await rm(tree, { recursive: true, force: true })
  await mkdir(tree, { recursive: true })
  try {
    const made = await makeTree(tree, { version, arch, bundles, cache, time })
    const sealed = await sealRelease(tree, values.output, { version, arch, ...made, time, level })
    sums.push(`${sealed.sha256}  ${basename(sealed.path)}\n`)
    report(sealed, tree, arch)
  } finally {
    await rm(tree, { recursive: true, force: true })
  }
}
await rm(bundleFolder, { recursive: true })
await writeFile(join(values.output, 'SHA256SUMS'), sums.join(''))

function refuse(message: string): never {
  process.stderr.write(`release: ${message}\n`)
  process.exit(2)
}

/** Seconds. */
async function sourceTime(): Promise<number> {
  const given = process.env['SOURCE_DATE_EPOCH'] ?? (await must('git', ['log', '-1', '--format=%ct'], { cwd: ROOT }))
  const seconds = Number(given)
  if (!Number.isSafeInteger(seconds) || seconds < 0) refuse(`SOURCE_DATE_EPOCH=${given}: must be seconds since 1970`)
  return seconds
}

function report({ path, sizeBytes, installedBytes }: Sealed, tree: string, arch: ReleaseArch): void {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
  console.log(
    `${basename(path)}: ${megabytes(sizeBytes)}, installed ${megabytes(installedBytes)}${arch === process.arch ? `, ${startTimes(tree)}` : ''}`,
  )
}

/** How long people wait: the best of three. */
function startTimes(tree: string): string {
  const best = (...args: readonly string[]): string => {
    const times = Array.from({ length: 3 }, () => {
      const beforeMs = performance.now()
      const { status, stderr } = spawnSync(join(tree, 'bin/bramble'), args, { encoding: 'utf8' })
      // a check says 1 where a machine lacks something
      if (status !== 0 && !(status === 1 && args.includes('--check'))) throw new Error(`the release does not start: ${stderr}`)
      return performance.now() - beforeMs
    })
    return `${Math.round(Math.min(...times))} ms`
  }
  return `"bramble version" takes ${best('version')}, "bramble agent --check" ${best('agent', '--check')}`
}
