import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../apps/node-agent/src/host/exec.ts'
import { createLab, type Lab, type LabProcess } from '../test/e2e/lab/lab.ts'
import { waitFor } from '../test/e2e/wait.ts'
import { archiveOf, HELLO_IMAGE } from '../tools/images/build.ts'

/** Kept between runs; delete it for newer ones. */
const PROGRAMS = join(tmpdir(), 'bramble-bench-docker')
const PACKAGES = ['docker.io', 'containerd', 'tini', 'runc', 'libdevmapper1.02.1']
const API = '/v1.41'
const MANAGER = 'h1'

/** Docker Swarm cannot be had here, and why. */
export class NoSwarm extends Error {
  override readonly name = 'NoSwarm'
}

export interface SwarmNode {
  readonly ID: string
  readonly Description: { readonly Hostname: string }
  readonly Status: { readonly State: string }
}
export interface SwarmTask {
  readonly ID: string
  readonly NodeID: string
  readonly Status: { readonly State: string; readonly ContainerStatus?: { readonly PID?: number } }
}

/** Docker Swarm on hosts made of namespaces, h1 its manager. Debian's packages are unpacked, not installed. @throws NoSwarm */
export async function createSwarmFleet(name: string, hosts: number): Promise<SwarmFleet> {
  await unpackDocker()
  const lab = await createLab({ hosts, name })
  const fleet = new SwarmFleet(lab)
  try {
    await fleet.start()
    return fleet
  } catch (error) {
    const said = await fleet.lastWords()
    await fleet.down()
    throw new NoSwarm(`${(error as Error).message}\n${said}`, { cause: error })
  }
}

export class SwarmFleet {
  readonly lab: Lab
  readonly #daemons = new Map<string, LabProcess>()

  constructor(lab: Lab) {
    this.lab = lab
  }

  get pids(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#daemons].map(([host, { pid }]) => [host, pid]))
  }

  async start(): Promise<void> {
    for (const host of this.lab.hosts) await this.startDaemon(host)
    await Promise.all(this.lab.hosts.map((host) => this.#loadImage(host)))
    const address = this.lab.ip(MANAGER)
    await this.call(MANAGER, 'POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377', AdvertiseAddr: `${address}:2377` })
    const { JoinTokens } = await this.call<{ JoinTokens: { Worker: string } }>(MANAGER, 'GET', '/swarm')
    for (const host of this.lab.hosts.slice(1))
      await this.call(host, 'POST', '/swarm/join', {
        ListenAddr: '0.0.0.0:2377',
        AdvertiseAddr: `${this.lab.ip(host)}:2377`,
        RemoteAddrs: [`${address}:2377`],
        JoinToken: JoinTokens.Worker,
      })
    await this.waitReady(this.lab.hosts)
  }

  async startDaemon(host: string): Promise<void> {
    const folder = join(this.lab.disk(host), 'docker')
    await mkdir(folder, { recursive: true })
    const path = `${PROGRAMS}/usr/sbin:${PROGRAMS}/usr/bin:${process.env['PATH']}`
    const flags = [
      '--data-root',
      folder,
      '--exec-root',
      '/run/docker',
      '--pidfile',
      '/run/docker.pid',
      '--host',
      'unix:///run/docker.sock',
      '--oom-score-adjust',
      '0',
      '--default-ulimit',
      'nofile=4096:4096',
      '--userland-proxy=false',
      '--storage-driver',
      'overlay2',
    ]
    const library = process.arch === 'x64' ? 'x86_64-linux-gnu' : 'aarch64-linux-gnu'
    this.#daemons.set(
      host,
      await this.lab.spawn(host, [`${PROGRAMS}/usr/sbin/dockerd`, ...flags], {
        env: { PATH: path, LD_LIBRARY_PATH: `${PROGRAMS}/lib/${library}` },
      }),
    )
    await waitFor(`dockerd of ${host}`, () => this.call(host, 'GET', '/version'), { limitMs: 60_000 })
  }

  async boot(host: string): Promise<void> {
    await this.lab.start(host)
    await this.startDaemon(host)
    await this.waitReady([host])
  }

  async waitReady(hosts: readonly string[]): Promise<void> {
    await waitFor(
      `${hosts.join(', ')} to be ready`,
      async () => {
        const ready = (await this.nodes()).filter(({ Status }) => Status.State === 'ready').map(({ Description }) => Description.Hostname)
        return hosts.every((host) => ready.includes(host))
      },
      { limitMs: 90_000 },
    )
  }

  nodes(): Promise<readonly SwarmNode[]> {
    return this.call(MANAGER, 'GET', '/nodes')
  }

  /** Tasks of a service that shall run. */
  tasks(service: string): Promise<readonly SwarmTask[]> {
    return this.call(
      MANAGER,
      'GET',
      `/tasks?filters=${encodeURIComponent(JSON.stringify({ service: [service], 'desired-state': ['running'] }))}`,
    )
  }

  /** @param options Host that all replicas run on, or that none does; port of the host that leads to port 8080 of the container. */
  async createService(
    name: string,
    replicas: number,
    options: { readonly on?: string; readonly notOn?: string; readonly port?: number } = {},
  ): Promise<void> {
    const { on, notOn, port } = options
    const constraints = [...(on === undefined ? [] : [`node.hostname==${on}`]), ...(notOn === undefined ? [] : [`node.hostname!=${notOn}`])]
    await this.call(MANAGER, 'POST', '/services/create', {
      Name: name,
      Mode: { Replicated: { Replicas: replicas } },
      TaskTemplate: { ContainerSpec: { Image: HELLO_IMAGE, StopGracePeriod: 1e9 }, Placement: { Constraints: constraints } },
      ...(port !== undefined && {
        EndpointSpec: { Mode: 'dnsrr', Ports: [{ Protocol: 'tcp', TargetPort: 8080, PublishedPort: port, PublishMode: 'host' }] },
      }),
    })
  }

  async removeService(name: string): Promise<void> {
    await this.call(MANAGER, 'DELETE', `/services/${name}`)
  }

  /** Docker's own API, by the socket of the host's daemon. */
  async call<T>(host: string, method: string, path: string, body?: unknown): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const outgoing = request({
      socketPath: `/proc/${this.#daemons.get(host)!.pid}/root/run/docker.sock`,
      method,
      path: `${API}${path}`,
      agent: false,
      headers: text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
    })
    outgoing.end(text)
    const [response] = await once(outgoing, 'response')
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    const answer = Buffer.concat(chunks).toString()
    if (response.statusCode >= 400) throw new Error(`${method} ${path}: ${answer.trim()}`)
    return (answer.startsWith('{') || answer.startsWith('[') || answer.startsWith('"') ? JSON.parse(answer) : undefined) as T
  }

  async down(): Promise<void> {
    await this.lab.down()
  }

  async lastWords(): Promise<string> {
    const [first] = this.#daemons.values()
    return first === undefined ? '' : (await runCommand('tail', ['-n', '5', first.outputPath])).stdout
  }

  async #loadImage(host: string): Promise<void> {
    const path = `${this.lab.disk(host)}/hello.tar`
    await writeFile(path, (await archiveOf(HELLO_IMAGE)).bytes)
    await this.lab.run(
      host,
      [
        'env',
        `PATH=${PROGRAMS}/usr/bin:${process.env['PATH']}`,
        'docker',
        '--host',
        'unix:///run/docker.sock',
        'load',
        '--quiet',
        '--input',
        path,
      ],
      { timeoutMs: 120_000 },
    )
    await rm(path)
  }
}

async function unpackDocker(): Promise<void> {
  if (process.getuid?.() !== 0) throw new NoSwarm('needs root')
  if (existsSync(`${PROGRAMS}/usr/sbin/dockerd`)) return
  const folder = await mkdtemp(`${PROGRAMS}-`)
  try {
    await runCommand('apt-get', ['download', ...PACKAGES], { cwd: folder, timeoutMs: 180_000 })
    const files = (await readdir(folder)).filter((file) => file.endsWith('.deb'))
    for (const file of files) await runCommand('dpkg', ['-x', file, 'root'], { cwd: folder, timeoutMs: 60_000 })
    await rename(join(folder, 'root'), PROGRAMS)
  } catch (error) {
    throw new NoSwarm(`Docker cannot be had: ${(error as Error).message}`, { cause: error })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
