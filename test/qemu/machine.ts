import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, existsSync } from 'node:fs'
import { systemClock } from '@bramble/reconcile/env'
import { waitFor } from '../e2e/wait.ts'

export type Arch = 'arm64' | 'x64'

export type Accelerator = 'kvm' | 'tcg'

export interface MachineOptions {
  readonly arch: Arch
  readonly disk: string
  readonly kernel: string
  readonly initrd: string
  /** What the kernel is told; the console is added. */
  readonly words: string
  /** TCP port of this machine's loopback that reaches the guest's SSH. */
  readonly sshPort: number
  /** `kvm` where this machine's processor can be lent, else `tcg`: it is emulated, ten times slower. */
  readonly accelerator: Accelerator
  /** What the guest says on its console. */
  readonly log: string
}

/** What QEMU runs: a board much like a Pi 4 for arm64. */
const MACHINES = {
  arm64: {
    program: 'qemu-system-aarch64',
    console: 'ttyAMA0',
    board: 'virt',
    processor: 'cortex-a72',
    disk: 'virtio-blk-device',
    net: 'virtio-net-device',
    random: 'virtio-rng-device',
  },
  x64: {
    program: 'qemu-system-x86_64',
    console: 'ttyS0',
    board: 'q35',
    processor: 'max',
    disk: 'virtio-blk-pci',
    net: 'virtio-net-pci,romfile=',
    random: 'virtio-rng-pci',
  },
} as const
const MEMORY_MIB = 1024
const PROCESSORS = 2

/** Debian package of the program that this kind of machine needs. */
export const PACKAGE = { arm64: 'qemu-system-arm', x64: 'qemu-system-x86' } as const
export const programOf = (arch: Arch): string => MACHINES[arch].program

/** What to try, best first. */
export const accelerators = (arch: Arch): readonly Accelerator[] =>
  arch === process.arch && existsSync('/dev/kvm') ? ['kvm', 'tcg'] : ['tcg']

/** A virtual machine that is switched on; `cut` takes its power away. */
export class Machine {
  readonly startMs = systemClock.monotonicMs()
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  #said = ''

  constructor({ arch, disk, kernel, initrd, words, sshPort, accelerator, log }: MachineOptions) {
    const { program, console, board, processor, disk: diskDevice, net, random } = MACHINES[arch]
    const speed = accelerator === 'kvm' ? ['-cpu', 'host', '-accel', 'kvm'] : ['-cpu', processor, '-accel', 'tcg,thread=multi']
    const file = createWriteStream(log, { flags: 'a' })
    this.#child = spawn(
      'setpriv', // a test that is killed leaves no machine behind
      [
        ...['--pdeathsig', 'KILL', '--', program],
        ...['-M', board, ...speed],
        ...['-smp', `${PROCESSORS}`, '-m', `${MEMORY_MIB}`, '-kernel', kernel, '-initrd', initrd, '-append', `${words} console=${console}`],
        // what the guest has flushed survives a killed QEMU: the page cache is this machine's
        ...['-drive', `if=none,id=card,file=${disk},format=raw,cache=writeback`, '-device', `${diskDevice},drive=card`],
        ...['-netdev', `user,id=net,hostfwd=tcp:127.0.0.1:${sshPort}-:22`, '-device', `${net},netdev=net`, '-device', random],
        ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot'],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.on('data', (piece: Buffer) => {
        this.#said += piece.toString('latin1')
        file.write(piece)
      })
    this.#ended = once(this.#child, 'close').then(() => file.end())
  }

  /** All that it said since it was switched on. */
  get said(): string {
    return this.#said
  }

  /** Seconds since it was switched on. */
  get seconds(): number {
    return (systemClock.monotonicMs() - this.startMs) / 1000
  }

  /** Until the console shows it. @throws Error with the last lines when it does not in time, or when the machine has ended. */
  async shows(what: RegExp, limitMs: number): Promise<void> {
    await waitFor(
      `the console to show ${what}`,
      () => {
        if (this.#child.exitCode !== null && !what.test(this.#said)) throw new Error(`QEMU ended with ${this.#child.exitCode}`)
        return Promise.resolve(what.test(this.#said))
      },
      { limitMs, lookAgainMs: 300, explain: () => Promise.resolve(this.lastLines()) },
    )
  }

  lastLines(count = 25): string {
    const words = this.#said.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, '')
    return words.split('\n').slice(-count).join('\n')
  }

  /** As when somebody pulls the plug. */
  async cut(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}
