import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { BOOT_BYTES, BOOT_START, bootPartition } from '@bramble/provisioning/image/disk-image'
import type { Arch } from './machine.ts'

const exec = promisify(execFile)

/** The boot partition of a card, as others see it: mtools. */
export class CardFile {
  readonly path: string
  constructor(path: string) {
    this.path = path
  }

  async read(name: string): Promise<string> {
    const { stdout } = await exec('mtype', ['-i', bootPartition(this.path), `::${name}`], {
      env: { ...process.env, MTOOLS_SKIP_CHECK: '1' },
    })
    return stdout
  }

  /** Whether the boot partition has `text` anywhere, also in what is free. */
  async holds(text: string): Promise<boolean> {
    const end = BOOT_START + BOOT_BYTES
    const { stdout } = await exec('sh', ['-c', `head -c ${end} "$1" | grep -c --text --fixed-strings -e "$2" || :`, 'sh', this.path, text])
    return Number(stdout) > 0
  }

  async write(name: string, text: string, folder: string): Promise<void> {
    const draft = join(folder, basename(name))
    await writeFile(draft, text)
    await exec('mcopy', ['-o', '-i', bootPartition(this.path), draft, `::${name}`])
  }

  /** Kernel, initramfs and command line, as the board's firmware would take them. */
  async bootFiles(arch: Arch, folder: string): Promise<{ readonly kernel: string; readonly initrd: string; readonly words: string }> {
    const { stdout } = await exec('mdir', ['-b', '-i', bootPartition(this.path), '::'])
    const names = stdout.split('\n').map((line) => line.replace(/^::\//, '').trim())
    const find = (start: string): string => {
      const name = names.find((each) => each.startsWith(start))
      if (name === undefined) throw new Error(`no ${start}… on the boot partition: ${names.join(' ')}`)
      return name
    }
    const fetch = async (name: string): Promise<string> => {
      const path = join(folder, `${arch}-${name}`)
      await exec('mcopy', ['-n', '-o', '-i', bootPartition(this.path), `::${name}`, path])
      return path
    }
    const words = (await this.read('cmdline.txt')).trim().replaceAll(/console=\S+ ?/g, '')
    return { kernel: await fetch(find('vmlinuz')), initrd: await fetch(find('initrd.img')), words }
  }
}
