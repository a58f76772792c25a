import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { baseTree, ownMirrors } from '@bramble/provisioning/image/base-tree'
import { buildImage } from '@bramble/provisioning/image/build-image'
import type { BaseRecipe } from '@bramble/provisioning/image/recipe'
import { freePorts } from '../../apps/cli/src/cli.fixture.ts'
import { waitFor } from '../e2e/wait.ts'
import { CardFile } from './card.ts'
import { ControlPlane } from './control-plane.ts'
import { Guest } from './guest.ts'
import { type Accelerator, accelerators, type Arch, Machine, PACKAGE, programOf } from './machine.ts'
import { WORDS_IMAGE, wordsArchive } from './words-image.ts'

const exec = promisify(execFile)

export const root = join(import.meta.dirname, '../..')
export const CACHE_FOLDER = '/var/cache/bramble/images'
export const BASE = { suite: 'bookworm' } as const
const VERSION = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string }).version
const NAMESPACE = 'default'
/** A card as large as the smallest that people buy. */
const CARD_BYTES = 4 * 1024 ** 3
/** Of an emulated board, on a machine that does other things too. */
const BOOT_MS_MAX = 240_000
/** With the processor of this machine a kernel speaks within a second. */
const KVM_MS_MAX = 15_000
const READY_MS_MAX = 300_000

/** A test, or a benchmark. */
export interface Scope {
  after(cleanUp: () => Promise<void>): void
  diagnostic(line: string): void
}

/** What a first boot is tried with. */
export interface FirstBootParts {
  readonly arch: Arch
  readonly hostname: string
  readonly runtime: BaseRecipe['runtime']
  /** Whether the release is in the image, or comes with the card. */
  readonly isReleaseInside: boolean
  /** Makes a card of the image, with the settings on it. */
  flash(image: string, card: string, settings: CardWords): Promise<void>
}

/** What the card must say, whoever writes it, and with whose help. */
export interface CardWords {
  readonly hostname: string
  readonly controlPlane: ControlPlane
  readonly publicKey: string
  /** A release, .tar.zst. */
  readonly bundle: string
  readonly folder: string
}

/** A release of the sources as they are, quickly compressed. @returns its path. */
export async function makeRelease(arch: Arch, folder: string): Promise<string> {
  const program = join(root, 'bin/node.cjs')
  await exec(process.execPath, [program, join(root, 'tools/release/release.ts'), '--arch', arch, '--output', folder, '--level', '3'])
  return join(folder, `bramble-${VERSION}-linux-${arch}.tar.zst`)
}

/** Why this machine cannot run such a test; undefined when it can. */
export async function whyNot(arch: Arch): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'images are built by root'
  const needed = {
    [programOf(arch)]: PACKAGE[arch],
    mmdebstrap: 'mmdebstrap',
    mcopy: 'mtools',
    'mkfs.vfat': 'dosfstools',
    sfdisk: 'fdisk',
    'ssh-keygen': 'openssh-client',
    ...(arch === 'arm64' && process.arch !== 'arm64' && { 'qemu-aarch64-static': 'qemu-user-static and binfmt-support' }),
  }
  for (const [program, debianPackage] of Object.entries(needed))
    if (
      await exec('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${program}`]).then(
        () => false,
        () => true,
      )
    )
      return `${program} is not here: apt-get install ${debianPackage}`
  if (arch === 'arm64' && process.arch !== 'arm64' && !existsSync('/proc/sys/fs/binfmt_misc/qemu-aarch64'))
    return 'the kernel does not know who runs programs of arm64: systemctl restart binfmt-support, or a machine that may'
  return undefined
}

/** A card in a machine, its control plane, and a clock that starts with the power. */
export class FirstBoot {
  readonly parts: FirstBootParts
  readonly controlPlane: ControlPlane
  readonly card: CardFile
  readonly guest: Guest
  readonly #folder: string
  readonly #sshPort: number
  readonly #accelerators: Accelerator[]
  readonly #bootsTold = new Set<string>()
  readonly #boots: { readonly machine: Machine; readonly marks: (readonly [string, number])[] }[] = []

  private constructor(parts: FirstBootParts, controlPlane: ControlPlane, card: CardFile, guest: Guest, folder: string, sshPort: number) {
    this.parts = parts
    this.#accelerators = [...accelerators(parts.arch)]
    this.controlPlane = controlPlane
    this.card = card
    this.guest = guest
    this.#folder = folder
    this.#sshPort = sshPort
  }

  /** Builds the image, flashes it, starts a control plane. Everything is gone when the test ends. */
  static async prepare(t: Scope, parts: FirstBootParts): Promise<FirstBoot> {
    const folder = await mkdtemp(join(tmpdir(), 'bramble-qemu-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const say = (line: string): void => t.diagnostic(line)
    const recipe = { ...BASE, arch: parts.arch, runtime: parts.runtime }
    const mirrors = await ownMirrors()
    const { archive } = await baseTree(recipe, { mirrors, cacheFolder: CACHE_FOLDER, say })
    const words = join(folder, 'words.tar')
    await wordsArchive(parts.arch, archive, words)
    const image = join(folder, 'bramble.img')
    const bundle = await makeRelease(parts.arch, folder)
    const nodeFiles = join(root, 'provisioning/node')
    await buildImage({
      ...recipe,
      output: image,
      bundle: parts.isReleaseInside ? bundle : undefined,
      preload: [words],
      mirrors,
      sizeBytes: undefined,
      cacheFolder: CACHE_FOLDER,
      nodeFiles,
      say,
    })
    const controlPlane = await ControlPlane.start(t, join(folder, 'control-plane'))
    const card = join(folder, 'card.img')
    const { path, publicKey } = await Guest.keys(folder)
    await parts.flash(image, card, { hostname: parts.hostname, controlPlane, publicKey, bundle, folder })
    await truncate(card, CARD_BYTES)
    await rm(image)
    const [sshPort] = await freePorts(1)
    const boot = new FirstBoot(parts, controlPlane, new CardFile(card), new Guest(path, sshPort!, 'bramble'), folder, sshPort!)
    t.after(() => boot.cut())
    return boot
  }

  /** Power on. */
  async start(): Promise<void> {
    const files = await this.card.bootFiles(this.parts.arch, this.#folder)
    const log = join(this.#folder, 'console.log')
    const options = { ...files, arch: this.parts.arch, disk: this.card.path, sshPort: this.#sshPort, log }
    for (;;) {
      const accelerator = this.#accelerators[0]!
      const machine = new Machine({ ...options, accelerator })
      this.#boots.push({ machine, marks: [] })
      try {
        await this.#shows(`kernel (${accelerator})`, /Linux version/, accelerator === 'kvm' ? KVM_MS_MAX : BOOT_MS_MAX)
        break
      } catch (error) {
        await machine.cut()
        this.#boots.pop()
        if (accelerator === 'tcg') throw error
        this.#accelerators.shift() // there is a /dev/kvm, and no guest comes up on it: hypervisors within hypervisors
      }
    }
    await this.#shows('systemd', /systemd\[1\]: |Welcome to/)
  }

  get machine(): Machine {
    return this.#boots.at(-1)!.machine
  }

  /** Power off, without a word. */
  async cut(): Promise<void> {
    await this.#boots.at(-1)?.machine.cut()
  }

  /** A step of the first boot, as the console tells it. */
  async firstBootStep(step: string): Promise<void> {
    await this.#shows(step, new RegExp(`bramble: ${step}:`))
  }

  async nodeIsReady(): Promise<void> {
    await this.#until('node Ready', () => this.controlPlane.isReady(this.parts.hostname), READY_MS_MAX)
  }

  /** A pod of the image that was preloaded. It says in which boot of the machine it was started. */
  async applyPod(): Promise<void> {
    const script = 'read -r boot </proc/sys/kernel/random/boot_id; echo "boot $boot of these words"; while :; do sleep 1; done'
    await this.controlPlane.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'words', namespace: NAMESPACE },
      spec: {
        containers: [
          {
            name: 'words',
            image: WORDS_IMAGE,
            imagePullPolicy: 'Never',
            command: ['sh', '-c', script],
            resources: { limits: { memory: '32Mi' } },
          },
        ],
        terminationGracePeriodSeconds: 1,
      },
    })
  }

  /** Until `kubectl logs` shows what the pod says, started in a boot that it has not told of before. */
  async podSaysItsWords(): Promise<void> {
    await this.#until('pod says its words', async () => this.#isNews(await this.controlPlane.kubectl('logs', 'words')), READY_MS_MAX)
  }

  #isNews(log: string): boolean {
    const boot = /^boot (\S+) of these words$/m.exec(log)?.[1]
    if (boot === undefined || this.#bootsTold.has(boot)) return false
    this.#bootsTold.add(boot)
    return true
  }

  /** Until a command can be run in the pod: the agent is there, and knows it. */
  async podAnswers(): Promise<void> {
    await this.#until(
      'pod answers',
      async () => (await this.controlPlane.kubectl('exec', 'words', '--', 'sh', '-c', 'echo here')) === 'here\n',
      READY_MS_MAX,
    )
  }

  /** What the idle node needs, as the guest's kernel counts it. */
  async memory(): Promise<string> {
    const agent = 'grep -h -E "VmRSS|RssAnon" /proc/$(systemctl show -p MainPID --value bramble-agent)/status'
    const text = await this.guest.run(`grep -E "MemTotal|MemAvailable" /proc/meminfo; ${agent}`)
    return text.replaceAll(/\s+/g, ' ')
  }

  /** What happened when, in seconds since power on. */
  timeline(): readonly string[] {
    return this.#boots.flatMap(({ marks }, boot) =>
      marks.map(([what, seconds]) => `boot ${boot + 1}  ${seconds.toFixed(1).padStart(6)} s  ${what}`),
    )
  }

  async #shows(what: string, pattern: RegExp, limitMs = BOOT_MS_MAX): Promise<void> {
    await this.machine.shows(pattern, limitMs)
    this.#mark(what)
  }

  async #until(what: string, good: () => Promise<boolean>, limitMs: number): Promise<void> {
    const explain = async (): Promise<string> => {
      const agent = await this.guest.run('journalctl -u bramble-agent -n 30 --no-pager -o cat').catch((error: Error) => error.message)
      const nodes = await this.controlPlane.kubectl('get', 'nodes,pods', '-A', '-o', 'wide').catch((error: Error) => error.message)
      return `${this.machine.lastLines()}\n${agent}\n${nodes}`
    }
    await waitFor(what, good, { limitMs, lookAgainMs: 500, explain })
    this.#mark(what)
  }

  #mark(what: string): void {
    this.#boots.at(-1)!.marks.push([what, this.machine.seconds])
  }
}
