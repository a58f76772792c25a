import { constants } from 'node:fs'
import { access, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { HostError, runCommand } from '../../host/exec.ts'
import { atomicWrite, readIfPresent } from '../../host/files.ts'
import type { AddressMemory } from './address-memory.ts'
import { AddressTurns } from './address-turns.ts'
import {
  type Conflist,
  conflist,
  isInside,
  type JsonRecord,
  NETWORK_NAME,
  pluginEnvironment,
  pluginInput,
  pluginProblem,
  pluginsFor,
  renderConflist,
  resultIp,
} from './convert.ts'
import { OWN_PLUGIN_FOLDER, SYSTEM_PLUGIN_FOLDERS } from './plugin-folders.ts'
import type { PodNetwork, PodNetworkConfig } from './pod-network.ts'

export interface CniNetworkOptions {
  /** Address book and records; on a tmpfs. Default /run/bramble. */
  readonly stateDirectory?: string
  /** Where the same network is written down for other runtimes. Default /etc/cni/net.d/10-bramble.conflist. */
  readonly conflistPath?: string
  /** Folders of CNI plugins, first wins. Default: those of the system, then that of our release. */
  readonly pluginFolders?: readonly string[]
  /** Lets a pod keep its address over a reboot. Absent: it gets any. */
  readonly memory?: AddressMemory
}

export const CONFLIST_PATH = '/etc/cni/net.d/10-bramble.conflist'
const NETNS_FOLDER = '/run/netns'
const NETNS_PREFIX = 'bramble-'
const PLUGIN_MS_MAX = 30_000
const MTU_WITHOUT_UPLINK = 1500
const NO_CIDR = 'this node has no pod addresses yet: the control plane has not given it a pod CIDR'

/** A pod's network could not be made or removed; the message holds the plugin's words and, where there is one, the cure. */
export class PodNetworkError extends Error {
  override readonly name = 'PodNetworkError'
}

/** What was asked for a pod and what came of it, so that it can be taken back after a restart without knowing the CIDR. */
interface PlugRecord extends PodNetworkConfig {
  readonly network: Conflist
  /** The address that it had before. */
  readonly address?: string
  /** Absent until the plugins succeeded. */
  readonly result?: JsonRecord
}

/** Pods' network namespaces, plugged in by standard CNI plugins. One call at a time for a pod; different pods at once. */
export class CniNetwork implements PodNetwork {
  readonly #recordFolder: string
  readonly #addressFolder: string
  readonly #conflistPath: string
  readonly #pluginFolders: readonly string[]
  readonly #memory: AddressMemory | undefined
  readonly #turns: AddressTurns
  #network: Conflist | undefined
  #cidr = ''

  constructor(options: CniNetworkOptions = {}) {
    const stateDirectory = options.stateDirectory ?? '/run/bramble'
    this.#recordFolder = join(stateDirectory, 'networks')
    this.#addressFolder = join(stateDirectory, 'addresses')
    this.#conflistPath = options.conflistPath ?? CONFLIST_PATH
    this.#pluginFolders = options.pluginFolders ?? [...SYSTEM_PLUGIN_FOLDERS, OWN_PLUGIN_FOLDER]
    this.#memory = options.memory
    this.#turns = new AddressTurns(join(this.#addressFolder, NETWORK_NAME))
  }

  /** The node's share of the pod addresses, e.g. `10.42.3.0/24`. Pods that exist keep theirs. The same again costs next to nothing. */
  async setCidr(cidr: string): Promise<void> {
    const network = conflist(cidr, await uplinkMtu(), this.#addressFolder)
    const text = renderConflist(network)
    if ((await readIfPresent(this.#conflistPath)) !== text) await atomicWrite(this.#conflistPath, text)
    this.#network = network
    this.#cidr = cidr
  }

  async add(pod: PodNetworkConfig, signal: AbortSignal): Promise<{ readonly netnsPath: string; readonly ip: string }> {
    const netnsPath = this.#netnsPath(pod.podUid)
    const known = await this.#read(pod.podUid)
    if (known?.result && (await this.#isWhole(known, netnsPath))) return { netnsPath, ip: resultIp(known.result)! }
    const network = this.#network
    if (!network) throw new PodNetworkError(NO_CIDR)

    if (known) await this.#unplug(known, netnsPath) // the namespace stays: containers may be in it
    await makeNamespace(netnsPath)
    const address = await this.#memory?.of(pod.podUid)
    const ip = await this.#addAs({ ...pod, network, ...(address !== undefined && { address }) }, netnsPath, signal)
    await this.#memory?.note(pod.podUid, ip)
    return { netnsPath, ip }
  }

  /** With the address of before, if nobody has it by now and it is still this node's to give. */
  async #addAs(record: PlugRecord, netnsPath: string, signal: AbortSignal): Promise<string> {
    await this.#write(record)
    try {
      const result = await this.#plug(record, netnsPath, signal)
      const ip = resultIp(result)
      if (ip === undefined) throw new PodNetworkError(`the CNI plugins gave pod ${record.namespace}/${record.name} no address`)
      await this.#write({ ...record, result })
      return ip
    } catch (error) {
      await this.#unplug(record, netnsPath).catch(() => {}) // the first failure says more; remove() tries again
      if (record.address === undefined || !(error instanceof PodNetworkError)) throw error
      const { address: _, ...anyAddress } = record
      return this.#addAs(anyAddress, netnsPath, signal)
    }
  }

  async remove(podUid: string): Promise<void> {
    const netnsPath = this.#netnsPath(podUid)
    const record = await this.#read(podUid)
    if (record) await this.#unplug(record, netnsPath)
    await removeNamespace(netnsPath)
    await rm(this.#recordPath(podUid), { force: true })
  }

  async plugging(podUid: string, plug: () => Promise<string | undefined>): Promise<void> {
    if (!this.#network) throw new PodNetworkError(NO_CIDR)
    const address = await this.#memory?.of(podUid)
    const ip = address !== undefined && isInside(this.#cidr, address) ? await this.#turns.take(address, plug) : await plug()
    if (ip === undefined || !isInside(this.#cidr, ip))
      throw new PodNetworkError(
        `the container runtime gave the pod ${ip ?? 'no address'}, which is not of this node's pods (${this.#cidr}): it uses another CNI configuration; ${this.#conflistPath} must be the first in its folder`,
      )
    await this.#memory?.note(podUid, ip)
  }

  async list(): Promise<readonly { readonly podUid: string; readonly netnsPath: string; readonly ip?: string }[]> {
    const [records, namespaces] = await Promise.all([this.#recordFolder, NETNS_FOLDER].map((folder) => readdir(folder).catch(() => [])))
    const uids = new Set([
      ...records!.filter((name) => name.endsWith('.json') && !name.startsWith('.')).map((name) => name.slice(0, -'.json'.length)),
      ...namespaces!.filter((name) => name.startsWith(NETNS_PREFIX)).map((name) => name.slice(NETNS_PREFIX.length)),
    ])
    return Promise.all(
      [...uids].sort().map(async (podUid) => {
        const result = (await this.#read(podUid))?.result
        const ip = result && resultIp(result)
        return { podUid, netnsPath: this.#netnsPath(podUid), ...(ip !== undefined && { ip }) }
      }),
    )
  }

  async #plug(record: PlugRecord, netnsPath: string, signal: AbortSignal): Promise<JsonRecord> {
    let result: JsonRecord | undefined
    for (const plugin of pluginsFor(record.network, record.portMappings))
      result = await this.#run('ADD', plugin, record, netnsPath, result, signal)
    return result!
  }

  async #unplug(record: PlugRecord, netnsPath: string): Promise<void> {
    for (const plugin of pluginsFor(record.network, record.portMappings).toReversed())
      await this.#run('DEL', plugin, record, netnsPath, record.result)
  }

  /** What was made may have been broken since: an interface deleted by hand, the namespace gone with a reboot. */
  async #isWhole(record: PlugRecord, netnsPath: string): Promise<boolean> {
    if (!(await isNamespace(netnsPath))) return false
    try {
      for (const plugin of pluginsFor(record.network, record.portMappings))
        await this.#run('CHECK', plugin, record, netnsPath, record.result)
      return true
    } catch (error) {
      if (error instanceof PodNetworkError) return false
      throw error
    }
  }

  async #run(
    command: 'ADD' | 'DEL' | 'CHECK',
    plugin: Conflist['plugins'][number],
    record: PlugRecord,
    netnsPath: string,
    prevResult: JsonRecord | undefined,
    signal?: AbortSignal,
  ): Promise<JsonRecord | undefined> {
    const problem = (words: string, cause?: unknown): PodNetworkError =>
      new PodNetworkError(`CNI plugin ${plugin.type}, ${command} for pod ${record.namespace}/${record.name}: ${words}`, { cause })
    try {
      const { stdout } = await runCommand(await this.#find(plugin.type), [], {
        env: pluginEnvironment(command, record, netnsPath, this.#pluginFolders.join(':')),
        input: pluginInput(record.network, plugin, record.portMappings, prevResult),
        timeoutMs: PLUGIN_MS_MAX,
        ...(signal && { signal }),
      })
      return command === 'ADD' ? (JSON.parse(stdout) as JsonRecord) : undefined
    } catch (error) {
      if (error instanceof HostError && error.exitCode !== undefined) throw problem(pluginProblem(error.stdout, error.stderr), error)
      throw error instanceof PodNetworkError ? error : problem((error as Error).message, error)
    }
  }

  async #find(type: string): Promise<string> {
    for (const folder of this.#pluginFolders) {
      const path = join(folder, type)
      if (
        await access(path, constants.X_OK).then(
          () => true,
          () => false,
        )
      )
        return path
    }
    throw new PodNetworkError(
      `CNI plugin ${type} is not in ${this.#pluginFolders.join(' or ')}: apt-get install containernetworking-plugins`,
    )
  }

  async #read(podUid: string): Promise<PlugRecord | undefined> {
    const text = await readIfPresent(this.#recordPath(podUid))
    return text === undefined ? undefined : (JSON.parse(text) as PlugRecord)
  }

  async #write(record: PlugRecord): Promise<void> {
    await atomicWrite(this.#recordPath(record.podUid), JSON.stringify(record), 0o600)
  }

  #recordPath(podUid: string): string {
    return join(this.#recordFolder, `${podUid}.json`)
  }

  #netnsPath(podUid: string): string {
    return join(NETNS_FOLDER, `${NETNS_PREFIX}${podUid}`)
  }
}

/**
 * As container runtimes set it: any user may ping and open any port, for the namespace is the pod's own. No redirects, or a pod that
 * reaches itself through a Service is told a shorter way that does not exist.
 */
const NAMESPACE_SETTINGS = [
  'net.ipv4.conf.all.accept_redirects=0',
  'net.ipv4.conf.default.accept_redirects=0',
  'net.ipv4.ip_unprivileged_port_start=0',
  'net.ipv4.ping_group_range=0 2147483647',
]

async function makeNamespace(path: string): Promise<void> {
  if (await isNamespace(path)) return
  await removeNamespace(path)
  const name = path.slice(NETNS_FOLDER.length + 1)
  await runCommand('ip', ['netns', 'add', name])
  await runCommand('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  await runCommand('nsenter', [`--net=${path}`, '--', 'sysctl', '-qw', ...NAMESPACE_SETTINGS])
}

async function removeNamespace(path: string): Promise<void> {
  if (await isNamespace(path)) await runCommand('ip', ['netns', 'del', path.slice(NETNS_FOLDER.length + 1)])
  await rm(path, { force: true }) // the plain file that a reboot leaves where /run is on a disk
}

/** A name of a namespace is a mount; without one it is only a file. */
const isNamespace = async (path: string): Promise<boolean> => ((await readIfPresent('/proc/self/mounts')) ?? '').includes(` ${path} `)

/** Of the interface that leads to other machines. */
async function uplinkMtu(): Promise<number> {
  const { stdout: routes } = await runCommand('ip', ['-json', '-4', 'route', 'show', 'default'])
  const device = (JSON.parse(routes || '[]') as { dev?: string }[])[0]?.dev
  if (device === undefined) return MTU_WITHOUT_UPLINK
  const { stdout: links } = await runCommand('ip', ['-json', 'link', 'show', 'dev', device])
  return (JSON.parse(links) as { mtu: number }[])[0]?.mtu ?? MTU_WITHOUT_UPLINK
}
