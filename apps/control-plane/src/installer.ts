import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * The script that makes a machine a node: beside us in a release, in the repository otherwise.
 *
 * @param from A folder of this program. @returns its path; undefined when this program lies alone.
 */
export function findInstaller(from: string): string | undefined {
  for (let folder = from; folder !== dirname(folder); folder = dirname(folder)) {
    const found = ['share/install.sh', 'provisioning/node/install.sh'].map((path) => join(folder, path)).find((path) => existsSync(path))
    if (found !== undefined) return found
  }
  return undefined
}
