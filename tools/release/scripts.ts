import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What is no program of ours: the command, the supervisor, and what prepares a node. @param root Of the repository. */
export async function writeScripts(root: string, tree: string, nodeFlags: readonly string[]): Promise<void> {
  await writeScript(join(tree, 'bin/bramble'), brambleScript(nodeFlags))
  await writeScript(join(tree, 'bin/supervise'), await readFile(join(root, 'bin/supervise')))
  await copyNodeFiles(join(root, 'provisioning/node'), join(tree, 'share'))
}

/** The command: finds its release wherever that lies, also through links. */
const brambleScript = (flags: readonly string[]): string => `#!/bin/sh
release=$(readlink -f "$0")
release=\${release%/bin/*}
exec "$release/lib/node" ${flags.join(' ')} "$release/lib/cli/main.js" "$@"
`

/** An executable file. */
export async function writeScript(path: string, text: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
  await chmod(path, 0o755)
}

/** What runs on a node before any program of ours does. Scripts are executable, whatever the checkout says. */
async function copyNodeFiles(from: string, to: string): Promise<void> {
  if (!existsSync(from)) return
  for (const entry of (await readdir(from, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.isDirectory()) await copyNodeFiles(join(from, entry.name), join(to, entry.name))
    if (!entry.isFile() || entry.name.endsWith('.ts')) continue
    await mkdir(to, { recursive: true })
    const content = await readFile(join(from, entry.name))
    await writeFile(join(to, entry.name), content)
    await chmod(join(to, entry.name), content.subarray(0, 2).toString() === '#!' ? 0o755 : 0o644)
  }
}
