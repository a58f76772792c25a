/** Processors that a release is made for, as Node.js calls them. */
export const RELEASE_ARCHES = ['arm64', 'x64'] as const
export type ReleaseArch = (typeof RELEASE_ARCHES)[number]

/** What an archive's name says. */
export interface ReleaseName {
  readonly version: string
  readonly arch: ReleaseArch
}

/** Semantic versions without build metadata, such as `0.2.0` and `0.2.0-rc.1`: also what may stand in a path. */
export const RELEASE_VERSION = /^\d{1,5}\.\d{1,5}\.\d{1,5}(-[0-9A-Za-z]+([.-][0-9A-Za-z]+)*)?$/
const VERSION_LENGTH_MAX = 64
const NAME = /^bramble-(.+)-linux-(arm64|x64)\.tar\.zst$/

/** Whether `text` may be the version of a release. */
export const isReleaseVersion = (text: string): boolean => text.length <= VERSION_LENGTH_MAX && RELEASE_VERSION.test(text)

/** `bramble-0.1.0-linux-arm64.tar.zst`. */
export const releaseFileName = ({ version, arch }: ReleaseName): string => `bramble-${version}-linux-${arch}.tar.zst`

/** @returns undefined for what is no name of an archive. @param name Without its folder. */
export function parseReleaseName(name: string): ReleaseName | undefined {
  const [, version, arch] = NAME.exec(name) ?? []
  return version !== undefined && isReleaseVersion(version) ? { version, arch: arch as ReleaseArch } : undefined
}

/** `release.json` at the top of a release. */
export interface ReleaseManifest extends ReleaseName {
  /** Version of the Node.js program inside, e.g. `24.21.0`. */
  readonly node: string
  /** What the Node.js program is started with, before the main file. */
  readonly nodeFlags: readonly string[]
  /** All files but this one and SHA256SUMS. */
  readonly files: readonly { readonly path: string; readonly sizeBytes: number }[]
}

/** For sorting: the newest first. @see https://semver.org/#spec-item-11 */
export function newestFirst(a: string, b: string): number {
  const [[coreA, tagA], [coreB, tagB]] = [splitVersion(a), splitVersion(b)]
  const core = compareParts(coreB, coreA)
  if (core !== 0 || (tagA === undefined && tagB === undefined)) return core
  if (tagA === undefined) return -1
  if (tagB === undefined) return 1
  return compareParts(tagB, tagA)
}

function splitVersion(version: string): readonly [core: readonly string[], tag: readonly string[] | undefined] {
  const dash = version.indexOf('-')
  const core = (dash < 0 ? version : version.slice(0, dash)).split('.')
  return [core, dash < 0 ? undefined : version.slice(dash + 1).split('.')]
}

/** Numbers by their value and before words; of two that begin the same, the longer one is greater. */
function compareParts(a: readonly string[], b: readonly string[]): number {
  for (const [index, partA] of a.entries()) {
    const partB = b[index]
    if (partB === undefined) return 1
    if (partA === partB) continue
    const [isNumberA, isNumberB] = [partA, partB].map((part) => /^\d+$/.test(part))
    if (isNumberA !== isNumberB) return isNumberA ? -1 : 1
    return isNumberA ? Number(partA) - Number(partB) : partA < partB ? -1 : 1
  }
  return a.length - b.length
}
