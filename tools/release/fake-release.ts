import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ReleaseArch } from '../../provisioning/src/release/release-name.ts'
import { writeScript, writeScripts } from './scripts.ts'
import { type Sealed, sealRelease } from './seal.ts'

/** How the agent and the control plane of a release behave: it says to the launcher that it is well, it ends with 1, or it does nothing. */
export type FakeBehaviour = 'healthy' | 'crashing' | 'hanging'

export interface FakeReleaseOptions {
  readonly version: string
  /** Default: this machine's. */
  readonly arch?: ReleaseArch
  readonly behaviour?: FakeBehaviour
  /** Appended to by every start of a program: `<version> agent`. */
  readonly log?: string
  /** Further files of the tree, such as a damaged one. */
  readonly files?: Readonly<Record<string, string>>
}

const ROOT = join(import.meta.dirname, '../..')

/**
 * A release for tests, of a few kilobytes: a real archive with the real scripts, whose `lib/node` is a shell script.
 *
 * @param target Folder for the archive.
 */
export async function makeFakeRelease(target: string, options: FakeReleaseOptions): Promise<Sealed> {
  const { version, arch = process.arch as ReleaseArch, behaviour = 'healthy', log = '/dev/null', files = {} } = options
  const tree = await mkdtemp(join(tmpdir(), 'bramble-fake-release-'))
  try {
    await writeScripts(ROOT, tree, [])
    await writeScript(join(tree, 'lib/node'), fakeNode(version, behaviour, log))
    for (const program of ['cli', 'control-plane', 'node-agent']) {
      await mkdir(join(tree, 'lib', program))
      await writeFile(join(tree, 'lib', program, 'main.js'), '')
    }
    for (const [path, content] of Object.entries(files)) await writeFile(join(tree, path), content)
    await mkdir(target, { recursive: true })
    return await sealRelease(tree, target, { version, arch, node: '0.0.0', nodeFlags: [], time: 0, level: 1 })
  } finally {
    await rm(tree, { recursive: true, force: true })
  }
}

const BEHAVIOURS: Readonly<Record<FakeBehaviour, string>> = {
  healthy: '[ -z "$BRAMBLE_LAUNCHER" ] || "$BRAMBLE_LAUNCHER" "$slot" commit "$version"\nexec sleep 100000',
  crashing: 'exit 1',
  hanging: "trap '' TERM\nwhile :; do sleep 1; done",
}

/** Told which program it is by the main file, and by the command's first word: `bramble agent` becomes the agent. */
const fakeNode = (version: string, behaviour: FakeBehaviour, log: string): string => `#!/bin/sh
# no Node.js: a test's release
version=${version} slot= main=
while [ $# -gt 0 ]; do
  case $1 in
    */lib/cli/main.js) main=cli; shift; break ;;
    */lib/node-agent/main.js) slot=agent ;;
    */lib/control-plane/main.js) slot=server ;;
  esac
  shift
done
if [ "$main" = cli ]; then
  case \${1:-} in
    agent | server) slot=$1 ;;
    *) echo "$version"; exit ;;
  esac
fi
echo "$version $slot" >>'${log}'
${BEHAVIOURS[behaviour]}
`
