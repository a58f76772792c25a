import { access, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readIfPresent } from '../../host/files.ts'
import { etcHosts, podResolvConf } from '../podman/pod-files.ts'
import type { SandboxConfig } from '../runtime.ts'
import type { SandboxFiles } from './convert.ts'

/** /etc/hosts, /etc/hostname and /etc/resolv.conf of pods: a CRI runtime leaves them to whom it serves, or gives the host's own. */
export class SandboxFolder {
  readonly #directory: string

  /** @param directory On a tmpfs, so that a reboot empties it. */
  constructor(directory: string) {
    this.#directory = directory
  }

  /** Writes what is missing. Files that are there stay as containers may have changed them. */
  async ensure(config: SandboxConfig, ip: string | undefined): Promise<SandboxFiles> {
    const at = (name: string): string => join(this.#directory, config.podUid, name)
    const files = { hosts: at('hosts'), hostname: at('hostname'), resolvConf: at('resolv.conf') }
    const isWhole = at('whole')
    if (
      await access(isWhole).then(
        () => true,
        () => false,
      )
    )
      return files
    const [hostHosts = '', hostResolvConf = '', upstream] = await Promise.all(
      ['/etc/hosts', '/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'].map(readIfPresent),
    )
    await mkdir(join(this.#directory, config.podUid), { recursive: true })
    await writeFile(files.hosts, config.hostNetwork ? hostHosts : etcHosts(config.hostname, ip, []))
    await writeFile(files.resolvConf, config.hostNetwork ? hostResolvConf : podResolvConf(hostResolvConf, upstream))
    await writeFile(files.hostname, `${config.hostname}\n`)
    await writeFile(isWhole, '')
    return files
  }

  /** Absent = success. */
  async remove(podUid: string): Promise<void> {
    await rm(join(this.#directory, podUid), { recursive: true, force: true })
  }
}
