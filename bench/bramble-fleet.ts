import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isConditionTrue } from '@bramble/api/conditions'
import type { Node } from '@bramble/api/types/node'
import { mintToken } from '../apps/cli/src/token.ts'
import { runCommand } from '../apps/node-agent/src/host/exec.ts'
import { createLab, type Lab, type LabProcess, OUTSIDE } from '../test/e2e/lab/lab.ts'
import { waitFor } from '../test/e2e/wait.ts'
import { archiveOf, HELLO_IMAGE } from '../tools/images/build.ts'
import { ApiConnection } from './api-connection.ts'
import { Bundles } from './bundles.ts'
import { relay } from './relay.ts'

/** Where the control plane runs, beside an agent, as a Swarm manager runs tasks too. */
export const FIRST = 'h1'
const READY_MS_MAX = 60_000

export interface FleetOptions {
  /** Hosts whose containers are not Podman's, with what starts their runtime, again after each boot. */
  readonly runtimes?: Readonly<Record<string, HostRuntime>>
}
export interface HostRuntime {
  /** As `bramble agent --runtime` takes it. */
  readonly name: string
  /** Resolves when it answers. */
  readonly start: (lab: Lab, host: string) => Promise<void>
  readonly loadImage: (lab: Lab, host: string) => Promise<void>
}

/** Bramble on hosts made of namespaces: a control plane on h1, an agent on each. `down` must be called whatever happens. */
export async function createBrambleFleet(name: string, hosts: number, options: FleetOptions = {}): Promise<BrambleFleet> {
  const bundles = await Bundles.make()
  const lab = await createLab({ hosts, name })
  const fleet = new BrambleFleet(lab, bundles, options)
  try {
    await fleet.start()
    return fleet
  } catch (error) {
    const said = await fleet.lastWords()
    await fleet.down()
    throw new Error(`${(error as Error).message}\n${said}`, { cause: error })
  }
}

export class BrambleFleet {
  readonly lab: Lab
  /** A socket file that leads to the API. */
  apiSocket = ''
  readonly #bundles: Bundles
  readonly #runtimes: Readonly<Record<string, HostRuntime>>
  readonly #agents = new Map<string, LabProcess>()
  #api: ApiConnection | undefined

  constructor(lab: Lab, bundles: Bundles, { runtimes = {} }: FleetOptions = {}) {
    this.lab = lab
    this.#bundles = bundles
    this.#runtimes = runtimes
  }

  get api(): ApiConnection {
    return this.#api!
  }

  /** A process of each host. */
  get pids(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#agents].map(([host, { pid }]) => [host, pid]))
  }

  async start(): Promise<void> {
    const kubeconfig = join(this.lab.disk(FIRST), 'own/var/lib/bramble/server/kubeconfig')
    await this.lab.spawn(FIRST, this.#bundles.command('control-plane'), { env: this.#bundles.environment({}) })
    await Promise.all(this.lab.hosts.map((host) => this.#loadImage(host)))
    await waitFor('the control plane to listen', async () => (await stat(kubeconfig)).size > 0)
    this.apiSocket = await relay(this.lab, OUTSIDE, this.lab.ip(FIRST), 6443)
    this.#api = await ApiConnection.open(kubeconfig, { socketPath: this.apiSocket }, 4)
    await waitFor('the API', () => this.api.call('GET', '/api/v1/namespaces/default'))
    for (const host of this.lab.hosts) await this.startAgent(host, await this.#token())
    await this.waitReady(this.lab.hosts)
  }

  async startAgent(host: string, token?: string): Promise<void> {
    const runtime = this.#runtimes[host]?.name ?? 'podman'
    const config = { server: `https://${this.lab.ip(FIRST)}:6443`, 'node-name': host, runtime, ...(token !== undefined && { token }) }
    this.#agents.set(host, await this.lab.spawn(host, this.#bundles.command('node-agent'), { env: this.#bundles.environment(config) }))
  }

  /** After a power cut. */
  async boot(host: string): Promise<void> {
    await this.bootHost(host)
    await this.startAgent(host)
    await this.waitReady([host])
  }

  /** With its runtime, without its agent. @param cut Whether its cable is pulled. */
  async bootHost(host: string, { cut = false } = {}): Promise<void> {
    await this.lab.start(host)
    if (cut) await this.lab.cut(host)
    await this.#runtimes[host]?.start(this.lab, host)
  }

  async waitReady(hosts: readonly string[]): Promise<void> {
    await waitFor(
      `${hosts.join(', ')} to be Ready`,
      async () => {
        const nodes = await Promise.all(hosts.map((host) => this.api.call<Node>('GET', `/api/v1/nodes/${host}`)))
        return nodes.every(({ status }) => isConditionTrue(status?.conditions, 'Ready'))
      },
      { limitMs: READY_MS_MAX },
    )
  }

  async lastWords(): Promise<string> {
    const logs = [...this.#agents.values()].map(({ outputPath }) => outputPath)
    return logs.length === 0 ? '' : (await runCommand('tail', ['-n', '5', ...logs])).stdout
  }

  async down(): Promise<void> {
    this.#api?.close()
    await this.lab.down()
    await this.#bundles.remove()
  }

  async #token(): Promise<string> {
    const { server, authority } = this.api
    return mintToken({ server, authority, call: (method, path, body) => this.api.call(method, path, body) }, { ttlMs: 600_000, uses: 1 })
  }

  async #loadImage(host: string): Promise<void> {
    const runtime = this.#runtimes[host]
    if (runtime) {
      await runtime.start(this.lab, host)
      return runtime.loadImage(this.lab, host)
    }
    const path = `${this.lab.disk(host)}/hello.tar`
    await writeFile(path, (await archiveOf(HELLO_IMAGE)).bytes)
    await this.lab.run(host, ['podman', 'load', '--quiet', '--input', path])
    await rm(path)
  }
}

/** A container that answers HTTP on port 8080 from its first moment on. */
export function helloPodSpec(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'hello', image: HELLO_IMAGE, imagePullPolicy: 'IfNotPresent', ports: [{ containerPort: 8080 }] }],
    ...more,
  }
}

/** @param on Host that all replicas run on; absent: any. */
export function helloDeployment(name: string, replicas: number, on?: string): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: helloPodSpec(on === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': on } }),
      },
    },
  }
}

export function helloService(name: string, nodePort?: number): object {
  const port = { port: 80, targetPort: 8080, ...(nodePort !== undefined && { nodePort }) }
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: name }, ports: [port], ...(nodePort !== undefined && { type: 'NodePort' }) },
  }
}
