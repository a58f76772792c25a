import { accessSync, constants } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { runCommand } from '../../apps/node-agent/src/host/exec.ts'

export interface Kubectl {
  readonly path: string
  /** Such as `1.33`. */
  readonly version: string
}

/** The folder of a package that brings every minor version, each as `kubectl.MAJOR.MINOR`. */
const VERSIONS_FOLDER = '/usr/lib/google-cloud-sdk/bin'

/** The oldest and the newest kubectl of this machine, oldest first; one if there is only one. @throws Error when there is none. */
export async function findKubectls(): Promise<readonly [Kubectl, ...Kubectl[]]> {
  const numbered = (await readdir(VERSIONS_FOLDER).catch(() => []))
    .flatMap((name) => {
      const [, major, minor] = /^kubectl\.(\d+)\.(\d+)$/.exec(name) ?? []
      return major === undefined
        ? []
        : [{ path: join(VERSIONS_FOLDER, name), version: `${major}.${minor}`, order: Number(major) * 1000 + Number(minor) }]
    })
    .sort((a, b) => a.order - b.order)
  const [oldest, newest] = [numbered[0], numbered.at(-1)]
  if (oldest && newest && oldest !== newest) return [oldest, newest]
  const path = oldest?.path ?? onPath('kubectl')
  if (path === undefined) throw new Error('kubectl is not installed; these tests drive the cluster with it')
  const { stdout } = await runCommand(path, ['version', '--client', '--output=json'])
  const { clientVersion } = JSON.parse(stdout) as { clientVersion: { major: string; minor: string } }
  return [{ path, version: `${clientVersion.major}.${clientVersion.minor.replace(/\D/g, '')}` }]
}

function onPath(program: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
