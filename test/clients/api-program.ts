import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../../apps/cli/src/cli.fixture.ts'
import { waitFor } from '../e2e/wait.ts'

const MAIN = fileURLToPath(new URL('../../apps/control-plane/src/main.ts', import.meta.url))
const LOG_CHARACTERS_SHOWN = 2_000

/** The control plane as a process of its own, with SQLite on the disk and real ports on the loopback; it may be killed at any moment. */
export class ApiProgram {
  readonly folder: string
  readonly #main: string
  readonly #ports: readonly number[]
  #process: ChildProcess | undefined
  #log = ''

  private constructor(folder: string, ports: readonly number[], main: string) {
    this.folder = folder
    this.#main = main
    this.#ports = ports
  }

  /** @param main The program's file; default: the sources. */
  static async make(main = MAIN): Promise<ApiProgram> {
    return new ApiProgram(await mkdtemp(join(tmpdir(), 'bramble-program-')), await freePorts(3), main)
  }

  /** An administrator's; the same over all its lives. */
  get kubeconfig(): string {
    return join(this.folder, 'server', 'kubeconfig')
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const [apiPort, mqttPort, streamPort] = this.#ports
    const config = {
      'data-dir': this.folder,
      'listen-address': '127.0.0.1',
      'advertise-address': '127.0.0.1',
      'api-port': apiPort,
      'mqtt-port': mqttPort,
      'stream-port': streamPort,
    }
    await rm(this.kubeconfig, { force: true })
    this.#process = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', this.#main], {
      env: { ...process.env, BRAMBLE_CONFIG: JSON.stringify(config), NODE_TEST_CONTEXT: undefined },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#process.stderr!.on('data', (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString()).slice(-LOG_CHARACTERS_SHOWN)
    })
    await waitFor('the control plane to listen', async () => (await stat(this.kubeconfig)).size > 0, {
      explain: async () => this.#log,
      lookAgainMs: 20,
    })
  }

  /** Power cut: nothing that it still wanted to do happens. */
  async kill(): Promise<void> {
    const running = this.#process
    this.#process = undefined
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const ended = once(running, 'exit')
    running.kill('SIGKILL')
    await ended
  }

  async remove(): Promise<void> {
    await this.kill()
    await rm(this.folder, { recursive: true, force: true })
  }
}
