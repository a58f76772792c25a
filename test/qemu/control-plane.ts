import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { bramble, freePorts, startServer } from '../../apps/cli/src/cli.fixture.ts'
import { findKubectls } from '../e2e/kubectl.ts'

const exec = promisify(execFile)

/** Where guests of QEMU's user network find this machine's loopback. */
const HOST_SEEN_BY_GUEST = '10.0.2.2'

interface Scope {
  after(cleanUp: () => Promise<void>): void
}

/** A real control plane on this machine's loopback, and real kubectl. */
export class ControlPlane {
  readonly server: string
  readonly streamPort: number
  /** Its --data-dir. */
  readonly folder: string
  readonly #kubectl: string
  readonly #config: string

  private constructor(folder: string, ports: readonly number[], kubectl: string, config: string) {
    this.folder = folder
    this.#kubectl = kubectl
    this.#config = config
    this.server = `https://${HOST_SEEN_BY_GUEST}:${ports[0]}`
    this.streamPort = ports[2]!
  }

  static async start(t: Scope, folder: string): Promise<ControlPlane> {
    const ports = await freePorts(3)
    const [api, mqtt, stream] = ports.map(String)
    const addresses = ['--listen-address', '127.0.0.1', '--advertise-address', HOST_SEEN_BY_GUEST, '--tls-name', '127.0.0.1']
    const listeners = ['--api-port', api!, '--mqtt-port', mqtt!, '--stream-port', stream!]
    await startServer(t, '--data-dir', folder, ...addresses, ...listeners).ready
    // nodes and this machine reach it at different addresses, and a kubeconfig has one
    const path = join(folder, 'server/kubeconfig')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replaceAll(`https://${HOST_SEEN_BY_GUEST}:`, 'https://127.0.0.1:'))
    return new ControlPlane(folder, ports, (await findKubectls()).at(-1)!.path, path)
  }

  /** A join token, for a node of this name alone. */
  async token(hostname: string): Promise<string> {
    const { stdout, stderr } = await bramble('token', 'create', '--data-dir', this.folder, '--hostname', hostname, '--ttl', '1h')
    const token = /--token (\S+)/.exec(stdout)?.[1]
    if (token === undefined) throw new Error(`no token: ${stderr}`)
    return token
  }

  /** Resolves with what kubectl printed. @throws Error when it failed. */
  async kubectl(...args: readonly string[]): Promise<string> {
    const { stdout } = await exec(this.#kubectl, ['--kubeconfig', this.#config, ...args], { timeout: 60_000 })
    return stdout
  }

  async apply(object: object): Promise<void> {
    const path = join(this.folder, 'object.json')
    await writeFile(path, JSON.stringify(object))
    await this.kubectl('apply', '-f', path)
  }

  async isReady(node: string): Promise<boolean> {
    const path = `{.status.conditions[?(@.type=="Ready")].status}`
    return (await this.kubectl('get', 'node', node, '-o', `jsonpath=${path}`)) === 'True'
  }
}
