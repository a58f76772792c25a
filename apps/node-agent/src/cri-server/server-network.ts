import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { atomicWrite, readIfPresent } from '../host/files.ts'
import { CriProblem, invalid } from './problem.ts'

/** What the server needs of the network of pods; the runtime plugs them in itself. */
export interface PluggedNetwork {
  setCidr(cidr: string): Promise<void>
  /** Absent = success. */
  remove(podUid: string): Promise<void>
  list(): Promise<readonly { readonly podUid: string; readonly netnsPath: string }[]>
}

export interface ServerNetworkOptions {
  readonly plugged: PluggedNetwork
  /** Share of this node in the addresses of pods, as the operator said. */
  readonly podCidr: string | undefined
  /** On a tmpfs: what a kubelet said is kept there. */
  readonly stateDirectory: string
  /** Where an agent or a kubelet's network writes down what it wants. Default /etc/cni/net.d. */
  readonly cniFolder?: string
}

/** Which addresses pods get: from the operator, from UpdateRuntimeConfig, or from the network's file that an agent wrote. */
export class ServerNetwork {
  readonly #options: ServerNetworkOptions
  #cidr: string | undefined
  /** What the network was told last. */
  #told: string | undefined

  constructor(options: ServerNetworkOptions) {
    this.#options = options
    this.#cidr = options.podCidr
  }

  /** @throws CriProblem when nobody has said yet which addresses pods get. */
  async ensure(): Promise<string> {
    const cidr = await this.cidr()
    if (cidr === undefined) throw new CriProblem('unavailable', NO_CIDR)
    if (cidr !== this.#told) await this.#options.plugged.setCidr(cidr)
    this.#told = cidr
    return cidr
  }

  async cidr(): Promise<string | undefined> {
    this.#cidr ??= (await readIfPresent(this.#path()))?.trim()
    return this.#cidr ?? (await this.#written())
  }

  /** What the operator said stays. @throws CriProblem. */
  async set(cidr: string): Promise<void> {
    if (cidr === '' || this.#options.podCidr !== undefined) return
    const own = cidr.split(',').find((one) => NETWORK_PATTERN.test(one))
    if (own === undefined) throw invalid(`pod CIDR ${JSON.stringify(cidr)} has no IPv4 network such as 10.42.3.0/24`)
    await atomicWrite(this.#path(), own, 0o600)
    this.#cidr = own
  }

  async remove(podUid: string): Promise<void> {
    await this.#options.plugged.remove(podUid)
  }

  /** Path of the network of a sandbox. */
  async namespaceOf(podUid: string): Promise<string | undefined> {
    return (await this.#options.plugged.list()).find((one) => one.podUid === podUid)?.netnsPath
  }

  #path(): string {
    return join(this.#options.stateDirectory, 'pod-cidr')
  }

  /** Of the first file in the folder, as runtimes read it, where its addresses are given by host-local. */
  async #written(): Promise<string | undefined> {
    const folder = this.#options.cniFolder ?? '/etc/cni/net.d'
    const [first] = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.conflist')).sort()
    const text = first === undefined ? undefined : await readIfPresent(join(folder, first))
    return text === undefined ? undefined : subnetIn(text)
  }
}

const NO_CIDR = 'cni config uninitialized: nobody has said which addresses pods get; give --pod-cidr, or let the kubelet tell it'
const NETWORK_PATTERN = /^(\d{1,3}\.){3}\d{1,3}\/(3[0-2]|[12]?\d)$/

/** @see Source: containernetworking/plugins, host-local, "Network configuration reference". */
export function subnetIn(conflist: string): string | undefined {
  try {
    const { plugins } = JSON.parse(conflist) as {
      plugins?: readonly { ipam?: { subnet?: string; ranges?: readonly (readonly { subnet?: string }[])[] } }[]
    }
    const ipam = plugins?.find((plugin) => plugin.ipam)?.ipam
    const subnet = ipam?.ranges?.[0]?.[0]?.subnet ?? ipam?.subnet
    return subnet !== undefined && NETWORK_PATTERN.test(subnet) ? subnet : undefined
  } catch {
    return undefined
  }
}
