import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDetached } from '../apps/node-agent/src/host/exec.ts'
import { waitFor } from '../test/e2e/wait.ts'
import { ApiConnection } from './api-connection.ts'
import { Bundles } from './bundles.ts'

export const NAMESPACE = '/api/v1/namespaces/default'
const LOG_CHARACTERS_SHOWN = 2_000
const TICK_MS = 10 // USER_HZ is 100 on every Linux

export interface ServerMemory {
  readonly rssBytes: number
  readonly anonBytes: number
  readonly peakBytes: number
}

/** A control plane with SQLite on the disk, as `bramble` runs it, on the loopback. */
export class ApiServer {
  readonly #bundles: Bundles
  readonly #ports: Readonly<Record<'api-port' | 'mqtt-port' | 'stream-port', number>>
  readonly folder: string
  #pid = 0
  #connection: ApiConnection | undefined

  private constructor(bundles: Bundles, folder: string, [api, mqtt, streams]: readonly [number, number, number]) {
    this.#bundles = bundles
    this.#ports = { 'api-port': api, 'mqtt-port': mqtt, 'stream-port': streams }
    this.folder = folder
  }

  static async make(): Promise<ApiServer> {
    const ports = [await freePort(), await freePort(), await freePort()] as const
    return new ApiServer(await Bundles.make(), await mkdtemp(join(tmpdir(), 'bramble-bench-api-')), ports)
  }

  get kubeconfigPath(): string {
    return join(this.folder, 'server/kubeconfig')
  }
  get address(): { readonly host: string; readonly port: number } {
    return { host: '127.0.0.1', port: this.#ports['api-port'] }
  }

  /** Starts it, or starts it again with what it has stored. @returns milliseconds until it answered. */
  async start(connectionsMax: number): Promise<{ readonly api: ApiConnection; readonly tookMs: number }> {
    const config = { 'data-dir': this.folder, 'listen-address': '127.0.0.1', 'advertise-address': '127.0.0.1', ...this.#ports }
    const [program, ...args] = this.#bundles.command('control-plane')
    await rm(this.kubeconfigPath, { force: true })
    const startMs = performance.now()
    this.#pid = startDetached(program!, args, { outputPath: join(this.folder, 'log'), env: this.#bundles.environment(config) }).pid
    const explain = async (): Promise<string> => (await readFile(join(this.folder, 'log'), 'utf8')).slice(-LOG_CHARACTERS_SHOWN)
    await waitFor('the control plane to listen', async () => (await stat(this.kubeconfigPath)).size > 0, { explain, lookAgainMs: 10 })
    const api = await ApiConnection.open(this.kubeconfigPath, this.address, connectionsMax)
    this.#connection = api
    await waitFor('the API', () => api.call('GET', NAMESPACE), { explain, lookAgainMs: 10 })
    return { api, tookMs: performance.now() - startMs }
  }

  async cpuMs(): Promise<number> {
    const line = await readFile(`/proc/${this.#pid}/stat`, 'utf8')
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  }

  async memory(): Promise<ServerMemory> {
    const status = await readFile(`/proc/${this.#pid}/status`, 'utf8')
    const bytes = (field: string): number => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) * 1024
    return { rssBytes: bytes('VmRSS'), anonBytes: bytes('RssAnon'), peakBytes: bytes('VmHWM') }
  }

  async stop(): Promise<void> {
    this.#connection?.close()
    if (this.#pid === 0 || !existsSync(`/proc/${this.#pid}`)) return
    process.kill(this.#pid)
    await waitFor('the control plane to end', async () => !existsSync(`/proc/${this.#pid}`))
    this.#pid = 0
  }

  async remove(): Promise<void> {
    await this.stop()
    await rm(this.folder, { recursive: true, force: true })
    await this.#bundles.remove()
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
