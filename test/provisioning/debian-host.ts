import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CommandOptions, type CommandResult, runCommand } from '../../apps/node-agent/src/host/exec.ts'
import { waitFor } from '../e2e/wait.ts'

// A Debian as its installer leaves it, with systemd as first process: a container of Podman in a network namespace that the test made.

/** What one needs to type `curl … | sudo sh`. */
const CLEAN = ['systemd-sysv', 'dbus', 'curl', 'ca-certificates', 'iproute2']
/** What our installer fetches: downloaded before, as the machine of the test has no way out. */
const FETCHED = [
  ...['containernetworking-plugins', 'iptables', 'conntrack', 'procps', 'util-linux', 'zstd', 'podman', 'crun', 'runc', 'conmon'],
]
const SUITE = 'bookworm'
const IMAGE = 'localhost/clean-debian'
const MAKE_LIMIT_MS = 300_000
const BOOT_LIMIT_MS = 60_000
const OUTPUT_BYTES_MAX = 8 << 20

export interface DebianHostOptions {
  /** Prefix of all that is made. */
  readonly name: string
  /** Named network namespace that it lives in. */
  readonly netns: string
}

/** Needs root, mmdebstrap, Podman and runc. `remove` must be called whatever happens. */
export async function startDebian(options: DebianHostOptions): Promise<DebianHost> {
  const host = new DebianHost(options)
  await host.remove() // of a run that was killed
  try {
    await host.boot()
    return host
  } catch (error) {
    await host.remove()
    throw error
  }
}

export class DebianHost {
  readonly #options: DebianHostOptions
  readonly #folder: string

  constructor(options: DebianHostOptions) {
    this.#options = options
    this.#folder = join(tmpdir(), `bramble-${options.name}`)
  }

  async boot(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    await this.#podman(['import', '--quiet', await cleanTree(), IMAGE])
    // runc: this machine's cgroups may be of both versions at once, which crun refuses
    const limits = ['--ulimit', 'nofile=8192:8192', '--ulimit', 'nproc=4096:4096']
    const place = ['--network', `ns:/run/netns/${this.#options.netns}`, '--name', this.#options.name, '--hostname', this.#options.name]
    // storage of containers cannot lie on an overlay
    const storage = ['--volume', `${join(this.#folder, 'containers')}:/var/lib/containers`]
    await mkdir(join(this.#folder, 'containers'), { recursive: true })
    await this.#podman(['run', '--detach', '--systemd=always', '--privileged', ...limits, ...place, ...storage, IMAGE, '/sbin/init'])
    await waitFor('systemd to be up', () => this.#isUp(), { limitMs: BOOT_LIMIT_MS })
  }

  /** Runs a script there. @throws HostError when it fails, unless `exitCodes` allows it. */
  shell(script: string, options: CommandOptions = {}): Promise<CommandResult> {
    return this.#podman(
      ['exec', ...(options.input === undefined ? [] : ['--interactive']), this.#options.name, 'sh', '-c', script],
      options,
    )
  }

  async copyIn(from: string, to: string): Promise<void> {
    await this.#podman(['cp', from, `${this.#options.name}:${to}`])
  }

  /** Takes everything away. Again = success. */
  async remove(): Promise<void> {
    if (!existsSync(this.#folder)) return
    await this.#podman(['rm', '--force', '--time', '0', this.#options.name], { exitCodes: 'any' })
    await this.#podman(['rmi', '--force', IMAGE], { exitCodes: 'any' })
    const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '')
    for (const mount of mounts.filter((path) => path.startsWith(this.#folder)).reverse())
      await runCommand('umount', ['--lazy', mount], { exitCodes: 'any' })
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #isUp(): Promise<boolean> {
    const { stdout } = await this.shell('systemctl is-system-running', { exitCodes: 'any' })
    return /^(running|degraded)/.test(stdout)
  }

  #podman(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const own = ['--runtime', 'runc', '--root', join(this.#folder, 'store'), '--runroot', join(this.#folder, 'run')]
    const ours = ['--cgroup-manager', 'cgroupfs', '--events-backend', 'none']
    return runCommand('podman', [...own, ...ours, ...args], { timeoutMs: MAKE_LIMIT_MS, maxOutputBytes: OUTPUT_BYTES_MAX, ...options })
  }
}

/** Its files as an archive, made once per machine. */
async function cleanTree(): Promise<string> {
  const path = join(tmpdir(), `bramble-clean-${SUITE}.tar`)
  if (existsSync(path)) return path
  const part = `${path}.part.tar`
  await runCommand(
    'mmdebstrap',
    [
      ...['--variant=minbase', `--include=${CLEAN.join(',')}`],
      ...['--skip=cleanup/apt/lists', '--skip=cleanup/apt/cache'],
      `--customize-hook=chroot "$1" apt-get -qq clean`,
      `--customize-hook=chroot "$1" apt-get -qq -y --no-install-recommends --download-only install ${FETCHED.join(' ')}`,
      ...[SUITE, part],
    ],
    { timeoutMs: MAKE_LIMIT_MS, maxOutputBytes: OUTPUT_BYTES_MAX },
  )
  await rename(part, path)
  return path
}
