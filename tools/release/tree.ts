import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { ReleaseArch } from '../../provisioning/src/release/release-name.ts'
import { must } from '../../provisioning/src/run.ts'
import { bundleAll } from '../bundle.ts'
import { debianPackages } from './debian.ts'
import { copyLicenses, npmPackages } from './licenses.ts'
import { copyStripped, nodeRuntime } from './node-runtime.ts'
import { type Component, npmChecksum, npmPurl, sbom } from './sbom.ts'
import { PLATFORMS } from './platforms.ts'
import { writeScripts } from './scripts.ts'

const ROOT = join(import.meta.dirname, '../..')
/** What the pod network runs, and what containerd and our preflight ask for besides. */
const CNI_PLUGINS = ['bridge', 'host-local', 'loopback', 'portmap', 'ptp'] as const
/** Not bundled as code, but our schemas are generated from its types. */
const GENERATED_FROM = ['node_modules/@kubernetes/client-node']

/** Our programs, the same for every processor. */
export interface Bundles {
  readonly folder: string
  /** Folders of npm packages of which anything is inside. */
  readonly packages: readonly string[]
}

export const makeBundles = async (folder: string, version: string): Promise<Bundles> => ({
  folder,
  packages: await bundleAll(folder, { version }),
})

export interface TreeOptions {
  readonly version: string
  readonly arch: ReleaseArch
  readonly bundles: Bundles
  /** Where downloads are kept. */
  readonly cache: string
  /** Seconds. */
  readonly time: number
}

export interface Tree {
  /** Version of Node.js. */
  readonly node: string
  readonly nodeFlags: readonly string[]
}

/** Fills an empty folder with everything of a release but release.json and SHA256SUMS. */
export async function makeTree(tree: string, { version, arch, bundles, cache, time }: TreeOptions): Promise<Tree> {
  const { FLAGS: nodeFlags } = createRequire(import.meta.url)(join(ROOT, 'bin/node.cjs')) as { FLAGS: readonly string[] }
  for (const folder of ['lib/cni', 'licenses']) await mkdir(join(tree, folder), { recursive: true })

  const node = await nodeRuntime(ROOT, arch, cache)
  await copyStripped(join(node.folder, 'bin/node'), join(tree, 'lib/node'), arch)
  await cp(join(node.folder, 'LICENSE'), join(tree, 'licenses/node/LICENSE'))

  await cp(bundles.folder, join(tree, 'lib'), { recursive: true })
  await writeFile(join(tree, 'lib/package.json'), '{"type":"module"}\n')
  const packages = await npmPackages(ROOT, [...bundles.packages, ...GENERATED_FROM])
  for (const each of packages) await copyLicenses(each, join(tree, 'licenses/npm', each.name, each.version))
  await cp(join(ROOT, 'LICENSE'), join(tree, 'licenses/bramble/LICENSE'))

  const cni = await cniPlugins(tree, arch, cache)
  await writeScripts(ROOT, tree, nodeFlags)

  const components: readonly Component[] = [
    { name: 'node', version: node.version, license: 'MIT', purl: npmPurl(node.name, node.version), checksum: npmChecksum(node.integrity) },
    cni,
    ...packages.map(
      ({ name, version, license, integrity }): Component => ({
        name,
        version,
        license,
        purl: npmPurl(name, version),
        checksum: npmChecksum(integrity),
      }),
    ),
  ]
  await writeFile(join(tree, 'sbom.spdx.json'), sbom({ version, arch, time, components }))
  return { node: node.version, nodeFlags }
}

async function cniPlugins(tree: string, arch: ReleaseArch, cache: string): Promise<Component> {
  const [found] = await debianPackages(['containernetworking-plugins'], arch, cache)
  const { name, version, file, sha256, builtUsing } = found!
  const unpacked = `${tree}.cni`
  await rm(unpacked, { recursive: true, force: true })
  await must('dpkg-deb', ['--extract', file, unpacked])
  for (const plugin of CNI_PLUGINS) await cp(join(unpacked, 'usr/lib/cni', plugin), join(tree, 'lib/cni', plugin))
  await cp(join(unpacked, 'usr/share/doc', name, 'copyright'), join(tree, 'licenses', name, 'copyright'))
  await rm(unpacked, { recursive: true })
  return {
    name,
    version,
    license: 'Apache-2.0',
    purl: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${PLATFORMS[arch].debian}&distro=debian-12`,
    checksum: { algorithm: 'SHA256', hex: sha256 },
    comment: `Built using: ${builtUsing}`,
  }
}
