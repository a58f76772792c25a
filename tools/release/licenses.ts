import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** An npm package of which something is inside a release. */
export interface NpmPackage {
  readonly name: string
  readonly version: string
  /** As its package.json says it. */
  readonly license: string
  /** As npm writes it; undefined for what the lockfile does not know. */
  readonly integrity: string | undefined
  readonly folder: string
}

const LICENSE_FILE = /^(li[cs]en[cs]e|copying|notice|copyright)/i

/** @param folders Of packages, relative to `root`. */
export async function npmPackages(root: string, folders: readonly string[]): Promise<readonly NpmPackage[]> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity?: string }>
  }
  const packages = await Promise.all(
    folders.map(async (folder): Promise<NpmPackage> => {
      const { name, version, license } = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8')) as Manifest
      const text = typeof license === 'string' ? license : (license?.type ?? 'NOASSERTION')
      return { name, version, license: text, integrity: lock.packages[folder]?.integrity, folder: join(root, folder) }
    }),
  )
  // the same version may be there twice, in two places of the tree
  return [...new Map(packages.map((each) => [`${each.name}@${each.version}`, each])).values()]
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string | { readonly type: string }
}

/** Copies the texts of a package's licence to `target`; of one without a text, what it says of itself. */
export async function copyLicenses({ name, version, license, folder }: NpmPackage, target: string): Promise<void> {
  await mkdir(target, { recursive: true })
  const files = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile() && LICENSE_FILE.test(entry.name))
  for (const { name: file } of files) await cp(join(folder, file), join(target, file))
  if (files.length === 0)
    await writeFile(join(target, 'LICENSE'), `${name} ${version} has no text of a license; its package.json says: ${license}\n`)
}
