import type { BaseRecipe } from './recipe.ts'

const PUBLIC = 'http://deb.debian.org/debian'
const PUBLIC_SECURITY = 'http://deb.debian.org/debian-security'

/** Where Debian packages are fetched from while an image is built. The image itself always names deb.debian.org. */
export interface Mirrors {
  readonly main: string
  readonly security: string
}

/** One archive, as apt asks for it. */
export interface Archive {
  readonly uri: string
  readonly suite: string
}

/**
 * The mirrors that a machine's own apt uses, else deb.debian.org. Pure.
 *
 * @param texts Contents of sources.list and of the files in sources.list.d, of either format.
 */
export function mirrorsOf(texts: readonly string[]): Mirrors {
  const lines = texts.flatMap((text) => text.split('\n')).filter((line) => !line.trimStart().startsWith('#'))
  const uris = lines.flatMap((line) => (/^\s*(URIs:|deb\s)/.test(line) ? (line.match(/\bhttps?:\/\/[^\s]+/g) ?? []) : [])).map(withoutSlash)
  const of = (end: RegExp): string | undefined => uris.find((uri) => end.test(uri))
  return { main: of(/\/debian$/) ?? PUBLIC, security: of(/\/debian-security$/) ?? PUBLIC_SECURITY }
}

/** The mirrors for a given address: the security archive lies beside the main one, as on deb.debian.org and snapshot.debian.org. Pure. */
export function mirrorsAt(url: string): Mirrors {
  const main = withoutSlash(url)
  const beside = main.replace(/\/debian(?=\/|$)/, '/debian-security')
  return { main, security: beside === main ? PUBLIC_SECURITY : beside }
}

/** The archives of a suite. Pure. */
export const archivesOf = (suite: BaseRecipe['suite'], mirrors: Mirrors): readonly Archive[] => [
  { uri: mirrors.main, suite },
  { uri: mirrors.main, suite: `${suite}-updates` },
  { uri: mirrors.security, suite: `${suite}-security` },
]

/** As lines of sources.list. Firmware of Raspberry Pis is not free. Pure. */
export const sourcesList = (archives: readonly Archive[]): readonly string[] =>
  archives.map(({ uri, suite }) => `deb ${uri} ${suite} main non-free-firmware`)

/** sources.list of the image. Pure. */
export const publicSources = (suite: BaseRecipe['suite']): string =>
  `${sourcesList(archivesOf(suite, { main: PUBLIC, security: PUBLIC_SECURITY })).join('\n')}\n`

const withoutSlash = (uri: string): string => uri.replace(/\/+$/, '')
