import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@bramble/reconcile/env'
import { archiveOf } from '../../../../../tools/images/build.ts'
import { type DetachedProcess, runCommand, startDetached } from '../../host/exec.ts'
import { CODE, CriClient, CriError } from './cri-client.ts'
import { RuntimeService } from './grpc/api_pb.js'

const LOOK_AGAIN_MS = 50
const START_MS_MAX = 30_000

export interface ContainerdOptions {
  /** Everything that it keeps; made when missing. On a file system that overlayfs can use: no tmpfs, no overlayfs. */
  readonly folder: string
  /** Everything that a reboot empties, with the socket. Default /run/containerd. */
  readonly stateFolder?: string
  /** Default: one that nobody has. */
  readonly sandboxImage?: string
  /** As Debian's and Docker's packages come. */
  readonly criIsOff?: boolean
}

/**
 * containerd as it runs without CAP_SYS_RESOURCE, beside any other: its own folders, CNI from /etc/cni/net.d.
 * Meant for a host of its own (`privateHostTest`), with which its containers die.
 */
export class Containerd {
  readonly socketPath: string
  readonly #options: ContainerdOptions
  readonly #stateFolder: string
  #process: DetachedProcess | undefined

  constructor(options: ContainerdOptions) {
    this.#options = options
    this.#stateFolder = options.stateFolder ?? '/run/containerd'
    this.socketPath = join(this.#stateFolder, 'containerd.sock')
  }

  /** With a folder for each registry. */
  get registryFolder(): string {
    return join(this.#options.folder, 'certs.d')
  }

  /** In a folder of its own, which `remove` removes. */
  static async temporary(options: Partial<ContainerdOptions> = {}): Promise<Containerd> {
    return new Containerd({ folder: await mkdtemp(join(tmpdir(), 'brt-containerd-')), ...options })
  }

  /** Resolves when its CRI answers. */
  async start(): Promise<void> {
    const { folder } = this.#options
    await mkdir(this.#stateFolder, { recursive: true })
    const configPath = join(folder, 'config.toml')
    await mkdir(folder, { recursive: true })
    await writeFile(configPath, containerdConfig({ ...this.#options, stateFolder: this.#stateFolder }))
    this.#process = startDetached('containerd', ['--config', configPath], { outputPath: join(folder, 'log') })
    const client = new CriClient(this.socketPath)
    try {
      for (let waitedMs = 0; ; waitedMs += LOOK_AGAIN_MS) {
        const problem = await client.call(RuntimeService.method.version, {}).then(
          () => undefined,
          (error: unknown) => error,
        )
        if (!problem || (this.#options.criIsOff && problem instanceof CriError && problem.code === CODE.unimplemented)) return
        if (waitedMs > START_MS_MAX) throw new Error(`containerd does not answer; its log is ${join(folder, 'log')}`)
        await systemClock.sleep(LOOK_AGAIN_MS)
      }
    } finally {
      client.close()
    }
  }

  /** With SIGKILL; its containers run on. */
  async kill(): Promise<void> {
    if (!this.#process) return
    let hasEnded = false
    void this.#process.ended.then(() => {
      hasEnded = true
    })
    process.kill(this.#process.pid, 'SIGKILL')
    while (!hasEnded) await systemClock.sleep(LOOK_AGAIN_MS) // its end alone does not keep this process going
    this.#process = undefined
  }

  /**
   * It and everything that it runs end at once, and what a reboot empties is empty. For a host of its own, whose every shim and
   * network namespace is its own.
   */
  async cutPower(): Promise<void> {
    const tasks = (await this.ctr('tasks', 'ls')).split('\n').slice(1)
    await this.kill()
    const shims = (await runCommand('pgrep', ['-x', 'containerd-shim'], { exitCodes: 'any' })).stdout.split('\n')
    for (const pid of [...shims, ...tasks.map((line) => line.split(/\s+/)[1])].map(Number)) if (pid > 1) killNow(pid)
    await removeTree(this.#stateFolder)
    for (const name of await readdir(NETNS_FOLDER).catch(() => [])) await removeTree(join(NETNS_FOLDER, name))
  }

  /** Imports `localhost/busybox` and the like. */
  async load(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      const path = join(this.#options.folder, 'image.tar')
      await writeFile(path, (await archiveOf(name)).bytes)
      await this.ctr('images', 'import', path)
      await rm(path)
    }
  }

  async ctr(...args: readonly string[]): Promise<string> {
    return (await runCommand('ctr', ['--address', this.socketPath, '--namespace', 'k8s.io', ...args])).stdout
  }

  /** Its containers must be gone. */
  async remove(): Promise<void> {
    await this.kill()
    for (const folder of [this.#stateFolder, this.#options.folder]) await removeTree(folder)
  }
}

/** Text of its config.toml. */
export function containerdConfig(options: ContainerdOptions): string {
  const { folder, stateFolder = '/run/containerd', sandboxImage = 'registry.invalid/pause:1', criIsOff = false } = options
  return `
version = 2
root = "${folder}/root"
state = "${stateFolder}"
oom_score = 0
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing",${criIsOff ? ' "io.containerd.grpc.v1.cri",' : ''}
]
[grpc]
  address = "${stateFolder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${sandboxImage}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${folder}/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "runc"
      SystemdCgroup = false
`
}

const NETNS_FOLDER = '/run/netns'

/** With what is mounted on it and below it. */
async function removeTree(path: string): Promise<void> {
  const { stdout } = await runCommand('findmnt', ['--raw', '--noheadings', '--output', 'TARGET'])
  const mounts = stdout.split('\n').filter((target) => target === path || target.startsWith(`${path}/`))
  for (const target of mounts.sort().reverse()) await runCommand('umount', ['--lazy', target], { exitCodes: 'any' })
  await rm(path, { recursive: true, force: true })
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has just ended
  }
}
