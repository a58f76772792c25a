import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isConditionTrue } from '@bramble/api/conditions'
import type { KubeObject } from '@bramble/api/object'
import type { Node } from '@bramble/api/types/node'
import { type CommandOptions, type CommandResult, runCommand } from '../../apps/node-agent/src/host/exec.ts'
import { archiveOf, BUSYBOX_IMAGE, HELLO_IMAGE } from '../../tools/images/build.ts'
import { findKubectls, type Kubectl } from './kubectl.ts'
import { createLab, type Lab, type LabProcess, OUTSIDE } from './lab/lab.ts'
import { waitFor } from './wait.ts'

export { OUTSIDE } from './lab/lab.ts'

export const NODES = ['pi-1', 'pi-2', 'pi-3'] as const
export type NodeName = (typeof NODES)[number]
/** The host of the control plane runs no agent, so that the two fail apart. */
export const CONTROL_PLANE = 'control-plane'
export type Place = NodeName | typeof CONTROL_PLANE | typeof OUTSIDE

/** The image `localhost/hello` under a second tag, for a change of version. */
export const HELLO_2_IMAGE = 'localhost/hello:2'

export interface ClusterOptions {
  /** Prefix of all that is made. */
  readonly name: string
  /** How many of the nodes join at once. Default: all. */
  readonly join?: number
}

export interface KubectlOptions extends CommandOptions {
  /** Default: the newest one of this machine. */
  readonly with?: Kubectl
}

const REPOSITORY = join(import.meta.dirname, '../..')
const MAIN = join(REPOSITORY, 'apps/cli/src/main.ts')
const BUNDLE = join(REPOSITORY, 'dist')
/** The least that there is: a cut cable shows the sooner. */
const KEEPALIVE_SECONDS = '5'
const KUBECTL_MS_MAX = 60_000
const OUTPUT_BYTES_MAX = 16 << 20

/** Three nodes, a control plane and a client outside, each on a host of its own. Needs root. `down` must be called whatever happens. */
export async function createCluster({ name, join: joining = NODES.length }: ClusterOptions): Promise<Cluster> {
  const folder = join(tmpdir(), `bramble-cluster-${name}`)
  await rm(folder, { recursive: true, force: true }) // of a run that was killed
  await mkdir(folder, { mode: 0o700 })
  const lab = await createLab({ hosts: NODES.length + 1, name })
  const cluster = new Cluster(lab, folder, await findKubectls())
  try {
    await cluster.bundle()
    for (const place of [CONTROL_PLANE, ...NODES] as const) await cluster.showBundle(place)
    await Promise.all([cluster.loadImages(), cluster.startControlPlane()])
    await cluster.writeKubeconfig()
    for (const node of NODES.slice(0, joining)) await cluster.startAgent(node, await cluster.joinArguments(node))
    await cluster.waitFor('every node to be Ready', async () => (await cluster.readyNodes()).length === joining, 60_000)
    return cluster
  } catch (error) {
    await cluster.down()
    throw error
  }
}

export class Cluster {
  readonly lab: Lab
  readonly kubectls: readonly [Kubectl, ...Kubectl[]]
  /** With which arguments a node has joined. */
  readonly joinedWith = new Map<NodeName, readonly string[]>()
  readonly #folder: string
  readonly #programs = new Map<string, LabProcess>()

  constructor(lab: Lab, folder: string, kubectls: readonly [Kubectl, ...Kubectl[]]) {
    this.lab = lab
    this.#folder = folder
    this.kubectls = kubectls
  }

  ip(place: Place): string {
    return this.lab.ip(hostOf(place))
  }

  /** Runs a program on a host. @throws HostError as `runCommand` does. */
  run(place: Place, argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.lab.run(hostOf(place), argv, { maxOutputBytes: OUTPUT_BYTES_MAX, ...options })
  }

  async shell(place: Place, script: string, options: CommandOptions = {}): Promise<string> {
    return (await this.run(place, ['sh', '-c', script], options)).stdout
  }

  /** Starts a program that goes on running; it ends with its host. */
  spawn(place: Place, argv: readonly string[]): Promise<LabProcess> {
    return this.lab.spawn(hostOf(place), argv)
  }

  /** `bramble …` on a host. */
  bramble(place: Place, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.run(place, [process.execPath, MAIN, ...args], options)
  }

  /** `bramble …` as a program that goes on running on a host. */
  spawnBramble(place: Place, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<LabProcess> {
    return this.spawn(place, ['env', ...Object.entries(env).map(([name, value]) => `${name}=${value}`), process.execPath, MAIN, ...args])
  }

  get #bundle(): string {
    return join(this.#folder, 'bundle')
  }

  // ── kubectl, from outside the cluster

  async kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<string> {
    return (await this.kubectlResult(args, options)).stdout
  }

  kubectlResult(args: readonly string[], { with: kubectl, ...options }: KubectlOptions = {}): Promise<CommandResult> {
    return this.run(OUTSIDE, this.kubectlCommand(args, kubectl), { timeoutMs: KUBECTL_MS_MAX, ...options })
  }

  /** What to run outside; for commands that go on, such as `get --watch`. */
  kubectlCommand(args: readonly string[], kubectl: Kubectl = this.kubectls.at(-1)!): string[] {
    return [kubectl.path, '--kubeconfig', join(this.#folder, 'kubeconfig'), '--cache-dir', join(this.#folder, 'cache'), ...args]
  }

  async get<T extends KubeObject>(type: string, name: string, namespace = 'default'): Promise<T> {
    return JSON.parse(await this.kubectl(['get', type, name, '--namespace', namespace, '--output=json'])) as T
  }

  async list<T extends KubeObject>(type: string, namespace = 'default', selector = ''): Promise<readonly T[]> {
    const { items } = JSON.parse(await this.kubectl(['get', type, '--namespace', namespace, '--selector', selector, '--output=json'])) as {
      items: T[]
    }
    return items
  }

  async apply(...objects: readonly object[]): Promise<void> {
    await this.kubectl(['apply', '--filename=-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }) })
  }

  async delete(type: string, name: string, namespace = 'default', ...more: readonly string[]): Promise<void> {
    await this.kubectl(['delete', type, name, '--namespace', namespace, ...more])
  }

  async readyNodes(): Promise<readonly string[]> {
    return (await this.list<Node>('nodes'))
      .filter((node) => isConditionTrue(node.status?.conditions, 'Ready'))
      .map(({ metadata }) => metadata.name)
  }

  /** Waits until `good` is neither undefined nor false; an error that it throws means "not yet". @throws Error that shows the state of the cluster. */
  waitFor<T>(what: string, good: () => Promise<T | undefined | false>, limitMs?: number): Promise<T> {
    return waitFor(what, good, { ...(limitMs !== undefined && { limitMs }), explain: () => this.explain() })
  }

  /** The answer to an HTTP request. @throws HostError when there is none. */
  async curl(from: Place, url: string, limitSeconds = 3): Promise<string> {
    return (await this.run(from, ['curl', '--silent', '--show-error', '--fail', '--noproxy', '*', '--max-time', String(limitSeconds), url]))
      .stdout
  }

  // ── the two programs

  async startControlPlane(): Promise<void> {
    this.#programs.set(CONTROL_PLANE, await this.spawnBramble(CONTROL_PLANE, ['server']))
    await waitFor('the API to answer', () => this.#isServing(), { limitMs: 60_000, explain: () => this.log(CONTROL_PLANE) })
  }

  /** As `kill -9`. */
  async kill(program: NodeName | typeof CONTROL_PLANE): Promise<void> {
    const running = this.#programs.get(program)
    if (!running) return
    process.kill(running.pid, 'SIGKILL')
    await running.ended
    this.#programs.delete(program)
  }

  async startAgent(node: NodeName, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<void> {
    if (args.includes('--token')) this.joinedWith.set(node, args)
    this.#programs.set(node, await this.spawnBramble(node, ['agent', '--keepalive', KEEPALIVE_SECONDS, ...args], env))
  }

  /** Ends as on SIGTERM, e.g. for new settings. */
  async stop(program: NodeName | typeof CONTROL_PLANE): Promise<void> {
    const running = this.#programs.get(program)
    if (!running) return
    process.kill(running.pid, 'SIGTERM')
    await running.ended
    this.#programs.delete(program)
  }

  /** What a new token makes an operator type on the machine that shall join, without `bramble agent`. */
  async joinArguments(node: string): Promise<readonly string[]> {
    const { stdout } = await this.bramble(CONTROL_PLANE, ['token', 'create'])
    const [, args] = /^bramble agent (.*)$/m.exec(stdout) ?? []
    if (args === undefined) throw new Error(`"bramble token create" printed: ${stdout}`)
    return [...args.split(' '), '--node-name', node]
  }

  // ── faults of hosts

  cutLink(node: NodeName): Promise<void> {
    return this.lab.cut(hostOf(node))
  }

  joinLink(node: NodeName): Promise<void> {
    return this.lab.join(hostOf(node))
  }

  async powerCut(node: NodeName): Promise<void> {
    this.#programs.delete(node)
    await this.lab.kill(hostOf(node))
  }

  /** Boots the host and starts its agent, as systemd would. @param prepare Starts what the agent needs. @returns arguments for it. */
  async boot(
    node: NodeName,
    { cut = false, prepare = async () => [] }: { readonly cut?: boolean; readonly prepare?: () => Promise<readonly string[]> } = {},
  ): Promise<void> {
    await this.lab.start(hostOf(node))
    if (cut) await this.cutLink(node)
    await this.showBundle(node)
    await this.startAgent(node, await prepare())
  }

  // ── the inside of hosts

  /** Container ids of a node by `pod/container`, running ones only. */
  async containers(node: NodeName): Promise<Readonly<Record<string, string>>> {
    const { stdout } = await this.run(node, ['podman', 'ps', '--no-trunc', '--format', '{{.Names}} {{.ID}}'])
    return Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split(' ') as [string, string])
        .sort(),
    )
  }

  async firewall(node: NodeName): Promise<string> {
    return (await this.run(node, ['iptables-save'])).stdout
  }

  async log(program: NodeName | typeof CONTROL_PLANE): Promise<string> {
    const running = this.#programs.get(program)
    return running === undefined ? '(not running)' : readFile(running.outputPath, 'utf8').catch(() => '')
  }

  /** For the message of a test that failed. */
  async explain(): Promise<string> {
    const said = async (title: string, text: Promise<string>): Promise<string> =>
      `── ${title}\n${await text.catch((error: Error) => error.message)}`
    const tail = async (text: Promise<string>): Promise<string> => (await text).trimEnd().split('\n').slice(-15).join('\n')
    return (
      await Promise.all([
        said('nodes', this.kubectl(['get', 'nodes', '--output=wide'])),
        said('pods', this.kubectl(['get', 'pods', '--all-namespaces', '--output=wide'])),
        said('events', tail(this.kubectl(['get', 'events', '--all-namespaces']))),
        ...[CONTROL_PLANE, ...NODES].map((program) => said(program, tail(this.log(program as NodeName)))),
      ])
    ).join('\n')
  }

  async loadImages(): Promise<void> {
    const archives = await Promise.all(
      [HELLO_IMAGE, BUSYBOX_IMAGE].map(async (image, index) => {
        const path = join(this.#folder, `image-${index}.tar`)
        await writeFile(path, (await archiveOf(image)).bytes)
        return path
      }),
    )
    await Promise.all(
      NODES.map(async (node) => {
        for (const archive of archives) await this.run(node, ['podman', 'load', '--quiet', '--input', archive])
        await this.run(node, ['podman', 'tag', HELLO_IMAGE, HELLO_2_IMAGE])
      }),
    )
  }

  /** Both programs as they are now: what stands in the repository's own folder of bundles may be old. */
  async bundle(): Promise<void> {
    await runCommand(process.execPath, [join(REPOSITORY, 'tools/bundle.ts'), this.#bundle])
  }

  async showBundle(place: Place): Promise<void> {
    await this.run(place, ['sh', '-c', 'mkdir -p "$2" && mount --bind "$1" "$2"', 'sh', this.#bundle, BUNDLE])
  }

  async writeKubeconfig(): Promise<void> {
    await writeFile(join(this.#folder, 'kubeconfig'), (await this.bramble(CONTROL_PLANE, ['kubeconfig'])).stdout, { mode: 0o600 })
  }

  /** Takes everything away. Again = success. */
  async down(): Promise<void> {
    await this.lab.down()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #isServing(): Promise<boolean> {
    const { stdout } = await this.run(
      CONTROL_PLANE,
      ['curl', '--silent', '--insecure', '--max-time', '2', 'https://127.0.0.1:6443/readyz'],
      { exitCodes: 'any' },
    )
    return stdout.trim() === 'ok'
  }
}

function hostOf(place: Place): string {
  if (place === OUTSIDE) return OUTSIDE
  return place === CONTROL_PLANE ? `h${NODES.length + 1}` : `h${NODES.indexOf(place) + 1}`
}

/** The lines that a program has said so far. */
export const said = async ({ outputPath }: LabProcess): Promise<readonly string[]> =>
  (await readFile(outputPath, 'utf8')).split('\n').filter((line) => line !== '')
