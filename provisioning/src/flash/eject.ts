import { DiskError } from '../disk/disk-error.ts'
import { run } from '../run.ts'

const NO_PROGRAM = 127

/**
 * Lets go of a device so that it can be pulled out. A machine without the means, and devices that know no eject, are fine: all was synced.
 * @throws DiskError 'io' when something has mounted it meanwhile and it stays in use.
 */
export async function eject(path: string): Promise<void> {
  const isMac = process.platform === 'darwin'
  const { exitCode, stderr, stdout } = await (isMac ? run('diskutil', ['eject', path]) : run('eject', [path]))
  if (exitCode === 0 || exitCode === NO_PROGRAM) return
  const said = (stderr || stdout).trim()
  if (/busy|mounted|in use|could not be unmounted|failed to unmount/i.test(said))
    throw new DiskError('io', `${path}: is written, but in use: unmount it before you pull it out (${said.split('\n')[0]})`)
}
