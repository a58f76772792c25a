import { mkdir, readdir, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Log } from '@bramble/reconcile/env'
import { runCommand } from '../../host/exec.ts'
import { atomicWrite, readIfPresent } from '../../host/files.ts'
import type { PodNetwork } from '../../network/pod-network/pod-network.ts'
import type { PodResources, SandboxConfig } from '../runtime.ts'
import { endProcessesOf, isFirstProcess, startFirstProcess } from './first-process.ts'
import { mountsBelow, unmountBelow } from './mounts.ts'
import { etcHosts, namespaceOfSysctl, podResolvConf } from './pod-files.ts'

/** What is remembered of a sandbox, in a folder that a reboot empties. */
export interface SandboxRecord {
  readonly podUid: string
  readonly namespace: string
  readonly name: string
  readonly createdAtMs: number
  readonly hostNetwork: boolean
  readonly hostPid: boolean
  readonly hostIpc: boolean
  readonly hostname: string
  /** Absent in records from before pods had them. */
  readonly resources?: PodResources
  readonly sharedProcesses?: boolean
  /** The pod's cgroup is somebody else's. */
  readonly cgroupParent?: string
  /** Of the running kernel; a record from an earlier boot means nothing. */
  readonly bootId: string
  /** Absent until everything is there. */
  readonly made?: {
    readonly netnsPath?: string
    readonly ip?: string
    /** Of the first process, with shared processes. */
    readonly firstPid?: number
  }
}

/** Files and bind mounts that every container of a pod shares. */
export interface SandboxPlaces {
  readonly ipc: string
  readonly uts: string
  /** With shared processes alone. */
  readonly pid: string
  readonly shm: string
  readonly hosts: string
  readonly hostname: string
  readonly resolvConf: string
  /** Folder of mounts that containers cannot have as they are. */
  readonly mounts: string
}

const SHM_SIZE = '64m'

/**
 * The namespaces of pods, kept without a process: network from `PodNetwork`; ipc and uts as bind mounts, /dev/shm as a tmpfs, all
 * under `directory` (on a tmpfs of the host's). A record beside them says whose they are.
 */
export class Sandboxes {
  readonly #directory: string
  readonly #network: PodNetwork
  readonly #clock: Clock
  readonly #log: Log

  constructor(directory: string, network: PodNetwork, clock: Clock, log: Log) {
    this.#directory = directory
    this.#network = network
    this.#clock = clock
    this.#log = log
  }

  places(podUid: string): SandboxPlaces {
    const at = (name: string): string => join(this.#directory, podUid, name)
    return {
      ipc: at('ipc'),
      uts: at('uts'),
      pid: at('pid'),
      shm: at('shm'),
      hosts: at('hosts'),
      hostname: at('hostname'),
      resolvConf: at('resolv.conf'),
      mounts: at('mounts'),
    }
  }

  /** Makes what is missing of it; the same pod twice is the same sandbox. */
  async make(config: SandboxConfig, signal: AbortSignal): Promise<SandboxRecord> {
    const known = await this.read(config.podUid)
    if (known && (await this.#isWhole(known))) return known

    const { podUid, namespace, name, hostNetwork, hostPid, hostIpc, hostname, portMappings, resources, sharedProcesses, cgroupParent } =
      config
    const draft: SandboxRecord = {
      podUid,
      namespace,
      name,
      hostNetwork,
      hostPid,
      hostIpc,
      hostname,
      resources,
      sharedProcesses: sharedProcesses && !hostPid,
      ...(cgroupParent !== undefined && { cgroupParent }),
      createdAtMs: this.#clock.nowMs(),
      bootId: await readBootId(),
    }
    await this.write(draft)
    const plug = hostNetwork ? undefined : await this.#network.add({ podUid, namespace, name, portMappings }, signal)
    await this.#makeNamespaces(config)
    await applySysctls(config.sysctls, { net: plug?.netnsPath, ipc: hostIpc ? undefined : this.places(podUid).ipc })
    await this.#writeFiles(config, plug?.ip)
    const firstPid = draft.sharedProcesses ? await startFirstProcess(this.places(podUid).pid, this.#clock) : undefined
    const record: SandboxRecord = {
      ...draft,
      made: { ...(plug && { netnsPath: plug.netnsPath, ip: plug.ip }), ...(firstPid !== undefined && { firstPid }) },
    }
    await this.write(record)
    return record
  }

  /**
   * Removes all of it but its record, which says that nothing of it can be used any more. Absent = success.
   *
   * What else belongs to it goes next, the record last: it tells an agent what there is, also one that comes after another's death.
   */
  async dismantle(podUid: string): Promise<void> {
    const { made, ...draft } = (await this.read(podUid)) ?? {}
    if (made) await this.write(draft as SandboxRecord)
    await this.#network.remove(podUid)
    await this.#clear(podUid)
    const folder = join(this.#directory, podUid)
    for (const name of await readdir(folder).catch(() => []))
      if (name !== RECORD) await rm(join(folder, name), { recursive: true, force: true })
  }

  /** Absent = success. */
  async forget(podUid: string): Promise<void> {
    await rm(join(this.#directory, podUid), { recursive: true, force: true })
  }

  async read(podUid: string): Promise<SandboxRecord | undefined> {
    const text = await readIfPresent(join(this.#directory, podUid, RECORD))
    if (text === undefined) return undefined
    try {
      return JSON.parse(text) as SandboxRecord
    } catch (error) {
      this.#log.warn('the record of a sandbox cannot be read, it is made anew', { podUid, error })
      return unreadable(podUid)
    }
  }

  /** Every sandbox that was begun, with whether all of it is there now. */
  async list(): Promise<readonly { readonly record: SandboxRecord; readonly ready: boolean }[]> {
    const names = await readdir(this.#directory).catch(() => [])
    const records = await Promise.all(names.map((name) => this.read(name)))
    // a folder that is empty is what an agent left that died while it removed it; others are not
    for (const [index, record] of records.entries()) if (!record) await rmdir(join(this.#directory, names[index]!)).catch(() => {})
    const found = records.filter((record) => record !== undefined)
    return Promise.all(found.map(async (record) => ({ record, ready: await this.#isWhole(record) })))
  }

  async write(record: SandboxRecord): Promise<void> {
    await atomicWrite(join(this.#directory, record.podUid, RECORD), JSON.stringify(record), 0o600)
  }

  /** What an earlier or interrupted attempt left. */
  async #clear(podUid: string): Promise<void> {
    const folder = join(this.#directory, podUid)
    const { pid } = this.places(podUid)
    if ((await mountsBelow(pid)).length > 0) await endProcessesOf(pid)
    await unmountBelow(folder)
  }

  async #isWhole({ podUid, bootId, made, sharedProcesses }: SandboxRecord): Promise<boolean> {
    if (!made || bootId !== (await readBootId())) return false
    if (sharedProcesses && !(made.firstPid !== undefined && (await isFirstProcess(made.firstPid, this.places(podUid).pid)))) return false
    return made.netnsPath === undefined || isThere(made.netnsPath)
  }

  async #makeNamespaces({ podUid, hostname, hostIpc, hostNetwork }: SandboxConfig): Promise<void> {
    const { ipc, uts, shm } = this.places(podUid)
    await this.#clear(podUid)
    const wanted = [...(hostIpc ? [] : [['--ipc', ipc]]), ...(hostNetwork ? [] : [['--uts', uts]])] as [flag: string, path: string][]
    for (const [, path] of wanted) await writeFile(path, '')
    if (wanted.length > 0) {
      const command = hostNetwork ? ['true'] : ['hostname', hostname]
      await runCommand('unshare', [...wanted.map(([flag, path]) => `${flag}=${path}`), '--', ...command])
    }
    if (hostIpc) return
    await mkdir(shm, { recursive: true })
    await runCommand('mount', ['-t', 'tmpfs', '-o', `size=${SHM_SIZE},mode=1777,nosuid,nodev,noexec`, 'shm', shm])
  }

  async #writeFiles(config: SandboxConfig, ip: string | undefined): Promise<void> {
    const places = this.places(config.podUid)
    const [hostHosts = '', hostResolvConf = '', upstream] = await Promise.all(
      ['/etc/hosts', '/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'].map(readIfPresent),
    )
    await writeFile(places.hosts, config.hostNetwork ? hostHosts : etcHosts(config.hostname, ip, []))
    await writeFile(places.resolvConf, config.hostNetwork ? hostResolvConf : podResolvConf(hostResolvConf, upstream))
    await writeFile(places.hostname, `${config.hostname}\n`)
  }
}

const RECORD = 'sandbox.json'

/** Nothing but whose it is, from the name of its folder. It is removed, and another takes its place. */
const unreadable = (podUid: string): SandboxRecord => ({
  podUid,
  namespace: '',
  name: '',
  createdAtMs: 0,
  hostNetwork: false,
  hostPid: false,
  hostIpc: false,
  hostname: '',
  bootId: '',
})

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

const readBootId = async (): Promise<string> => ((await readIfPresent('/proc/sys/kernel/random/boot_id')) ?? '').trim()

/**
 * @param namespaces Paths of the pod's own; absent: the host's, where nothing may be set.
 * @throws Error for what is not the pod's own.
 */
async function applySysctls(
  sysctls: Readonly<Record<string, string>>,
  namespaces: { readonly net: string | undefined; readonly ipc: string | undefined },
): Promise<void> {
  const settings = Object.entries(sysctls).map(([name, value]) => `${name.replaceAll('/', '.')}=${value}`)
  if (settings.length === 0) return
  for (const name of Object.keys(sysctls)) {
    const namespace = namespaceOfSysctl(name)
    if (namespace === undefined || namespaces[namespace] === undefined)
      throw new Error(`sysctl "${name}" not allowed with host ${namespace ?? 'net'} enabled`)
  }
  const enter = Object.entries(namespaces).flatMap(([kind, path]) => (path === undefined ? [] : [`--${kind}=${path}`]))
  await runCommand('nsenter', [...enter, '--', 'sysctl', '-qw', ...settings])
}
