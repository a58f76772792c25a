import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@bramble/reconcile/env'
import { runCommand, startPiped } from '../host/exec.ts'
import { CriClient } from '../runtime/cri/cri-client.ts'
import { RuntimeService } from '../runtime/cri/grpc/api_pb.js'

export const SOCKET = '/run/bramble/cri.sock'
export const POD_CIDR = '10.42.9.0/24'

const BRAMBLE = fileURLToPath(new URL('../../../../bin/bramble', import.meta.url))
const PAUSE_MS = 20
const PAUSES_MAX = 1_000

/** `bramble cri` as a process of its own. */
export class CriProcess {
  readonly #child: ReturnType<typeof startPiped>
  #errors = ''

  private constructor(child: ReturnType<typeof startPiped>) {
    this.#child = child
    child.stderr.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-10_000)
    })
  }

  /** Resolves when it answers. */
  static async start(...args: readonly string[]): Promise<CriProcess> {
    const child = startPiped(BRAMBLE, ['cri', '--pod-cidr', POD_CIDR, '--log-level', 'warn', ...args], { stdin: false, stdout: false })
    const started = new CriProcess(child)
    const client = new CriClient(SOCKET)
    try {
      for (let pauses = 0; ; pauses++) {
        const isThere = await client.call(RuntimeService.method.version, {}, { timeoutMs: 20_000 }).then(
          () => true,
          () => false,
        )
        if (isThere) return started
        assert.ok(pauses < PAUSES_MAX && child.isRunning(), `it answers in time; it said: ${started.#errors}`)
        await systemClock.sleep(PAUSE_MS)
      }
    } finally {
      client.close()
    }
  }

  get said(): string {
    return this.#errors
  }

  async pid(): Promise<number> {
    for (const name of await readdir('/proc'))
      if (/^\d+$/.test(name) && /cri-main\.(ts|js)/.test(await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')))
        return Number(name)
    throw new Error('it does not run')
  }

  /** Gently. @returns its exit code. */
  async stop(): Promise<number | undefined> {
    process.kill(await this.pid(), 'SIGTERM')
    return (await this.#child.ended).exitCode
  }

  /** As a power cut would, for this process alone. */
  async kill(): Promise<void> {
    process.kill(await this.pid(), 'SIGKILL')
    await this.#child.ended
  }
}

/** @throws when containers, namespaces, records or cgroups are left. */
export async function nothingIsLeft(cgroupName: string): Promise<void> {
  assert.equal((await runCommand('podman', ['ps', '--all', '--quiet'])).stdout, '')
  assert.equal((await runCommand('ip', ['netns', 'list'])).stdout, '')
  for (const folder of ['sandboxes', 'pods']) assert.deepEqual(await readdir(`/run/bramble/cri/${folder}`).catch(() => []), [])
  for (const name of [cgroupName, 'bramble-cri']) await assert.rejects(readdir(`/sys/fs/cgroup/memory/${name}`), { code: 'ENOENT' })
}
