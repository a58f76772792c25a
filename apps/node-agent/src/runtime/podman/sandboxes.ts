import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../../host/exec.ts'
import { atomicWrite, readIfPresent } from '../../host/files.ts'
import type { PodNetwork } from '../../network/pod-network/pod-network.ts'
import type { SandboxConfig } from '../runtime.ts'
import { etcHosts, podResolvConf } from './convert.ts'

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
  /** Of the running kernel; a record from an earlier boot means nothing. */
  readonly bootId: string
  /** Absent until everything is there. */
  readonly made?: { readonly netnsPath?: string; readonly ip?: string }
}

/** Files and bind mounts that every container of a pod shares. */
export interface SandboxPlaces {
  readonly ipc: string
  readonly uts: string
  readonly shm: string
  readonly hosts: string
  readonly hostname: string
  readonly resolvConf: string
}

const SHM_SIZE = '64m'

/**
 * The namespaces of pods, kept without a process: network from `PodNetwork`; ipc and uts as bind mounts, /dev/shm as a tmpfs, all
 * under `directory` (on a tmpfs of the host's). A record beside them says whose they are.
 */
export class Sandboxes {
  readonly #directory: string
  readonly #network: PodNetwork
  readonly #nowMs: () => number

  constructor(directory: string, network: PodNetwork, nowMs: () => number) {
    this.#directory = directory
    this.#network = network
    this.#nowMs = nowMs
  }

  places(podUid: string): SandboxPlaces {
    const at = (name: string): string => join(this.#directory, podUid, name)
    return { ipc: at('ipc'), uts: at('uts'), shm: at('shm'), hosts: at('hosts'), hostname: at('hostname'), resolvConf: at('resolv.conf') }
  }

  /** Makes what is missing of it; the same pod twice is the same sandbox. */
  async make(config: SandboxConfig, signal: AbortSignal): Promise<SandboxRecord> {
    const known = await this.read(config.podUid)
    if (known && (await isWhole(known))) return known

    const { podUid, namespace, name, hostNetwork, hostPid, hostIpc, hostname, portMappings } = config
    const draft: SandboxRecord = {
      podUid,
      namespace,
      name,
      hostNetwork,
      hostPid,
      hostIpc,
      hostname,
      createdAtMs: this.#nowMs(),
      bootId: await readBootId(),
    }
    await this.#write(draft)
    const plug = hostNetwork ? undefined : await this.#network.add({ podUid, namespace, name, portMappings }, signal)
    await this.#makeNamespaces(config)
    await applySysctls(config.sysctls, plug?.netnsPath, hostIpc ? undefined : this.places(podUid).ipc)
    await this.#writeFiles(config, plug?.ip)
    const record: SandboxRecord = { ...draft, made: { ...(plug && { netnsPath: plug.netnsPath, ip: plug.ip }) } }
    await this.#write(record)
    return record
  }

  /** Absent = success. */
  async remove(podUid: string): Promise<void> {
    await this.#network.remove(podUid)
    const { ipc, uts, shm } = this.places(podUid)
    await unmount([ipc, uts, shm])
    await rm(join(this.#directory, podUid), { recursive: true, force: true })
  }

  async read(podUid: string): Promise<SandboxRecord | undefined> {
    const text = await readIfPresent(join(this.#directory, podUid, RECORD))
    return text === undefined ? undefined : (JSON.parse(text) as SandboxRecord)
  }

  /** Every sandbox that was begun, with whether all of it is there now. */
  async list(): Promise<readonly { readonly record: SandboxRecord; readonly ready: boolean }[]> {
    const names = await readdir(this.#directory).catch(() => [])
    const records = await Promise.all(names.map((name) => this.read(name)))
    return Promise.all(records.filter((record) => record !== undefined).map(async (record) => ({ record, ready: await isWhole(record) })))
  }

  async #makeNamespaces({ podUid, hostname, hostIpc, hostNetwork }: SandboxConfig): Promise<void> {
    const { ipc, uts, shm } = this.places(podUid)
    await unmount([ipc, uts, shm]) // what an interrupted attempt left
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

  async #write(record: SandboxRecord): Promise<void> {
    await atomicWrite(join(this.#directory, record.podUid, RECORD), JSON.stringify(record), 0o600)
  }
}

const RECORD = 'sandbox.json'

async function isWhole(record: SandboxRecord): Promise<boolean> {
  if (!record.made || record.bootId !== (await readBootId())) return false
  if (record.made.netnsPath === undefined) return true
  return stat(record.made.netnsPath).then(
    () => true,
    () => false,
  )
}

const readBootId = async (): Promise<string> => ((await readIfPresent('/proc/sys/kernel/random/boot_id')) ?? '').trim()

async function unmount(paths: readonly string[]): Promise<void> {
  const mounts = (await readIfPresent('/proc/self/mounts')) ?? ''
  const mounted = paths.filter((path) => mounts.includes(` ${path} `))
  if (mounted.length > 0) await runCommand('umount', ['--lazy', ...mounted])
}

/** @param netns, ipc Paths of the pod's namespaces; absent: the host's, where nothing may be set. */
async function applySysctls(sysctls: Readonly<Record<string, string>>, netns: string | undefined, ipc: string | undefined): Promise<void> {
  const settings = Object.entries(sysctls).map(([name, value]) => `${name}=${value}`)
  if (settings.length === 0) return
  const enter = [...(netns === undefined ? [] : [`--net=${netns}`]), ...(ipc === undefined ? [] : [`--ipc=${ipc}`])]
  await runCommand('nsenter', [...enter, '--', 'sysctl', '-qw', ...settings])
}
