import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Where the parts of Bramble lie: in the repository, or in a release that "npm run release" made. */
export interface Installation {
  readonly kind: 'sources' | 'release'
  /** The top folder. */
  readonly root: string
  /** The Node.js program that comes with it. */
  readonly node: string
  /** What Node.js is started with, before the main file. */
  readonly nodeFlags: readonly string[]
  /** The command. */
  readonly bramble: string
  /** What keeps a program running where there is no systemd. */
  readonly supervise: string
  /** Main file of a program. @param folder `control-plane` or `node-agent`. @param file `main`, or another program of that folder. */
  mainFile(folder: string, file: string): string
}

/** @throws Error when neither the repository nor a release is around `file`. */
export function installationAround(file: string): Installation {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'release.json')) && existsSync(join(folder, 'lib/node'))) return release(folder)
    if (existsSync(join(folder, 'bin/node.cjs'))) return sources(folder)
  }
  throw new Error(`${file} belongs to no release and no repository of Bramble: unpack the release again`)
}

function release(root: string): Installation {
  const { nodeFlags } = JSON.parse(readFileSync(join(root, 'release.json'), 'utf8')) as { nodeFlags: readonly string[] }
  return {
    kind: 'release',
    root,
    node: join(root, 'lib/node'),
    nodeFlags,
    bramble: join(root, 'bin/bramble'),
    supervise: join(root, 'bin/supervise'),
    mainFile: (folder, file) => join(root, 'lib', folder, `${file}.js`),
  }
}

function sources(root: string): Installation {
  const pinned = createRequire(import.meta.url)(join(root, 'bin/node.cjs')) as { pinnedNode(): string; FLAGS: readonly string[] }
  return {
    kind: 'sources',
    root,
    node: pinned.pinnedNode(),
    nodeFlags: pinned.FLAGS,
    bramble: join(root, 'bin/bramble'),
    supervise: join(root, 'bin/supervise'),
    mainFile: (folder, file) => {
      // the bundle that "npm run bundle" made, or the sources: they need more memory and start more slowly
      const bundle = join(root, 'dist', folder, `${file}.js`)
      return existsSync(bundle) ? bundle : join(root, 'apps', folder, 'src', `${file}.ts`)
    },
  }
}

/** The one that this program belongs to. */
export const installation: Installation = installationAround(import.meta.filename)
