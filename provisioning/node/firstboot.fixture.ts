import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { must } from '../src/run.ts'

export const TOKEN = `b1.${'ab'.repeat(32)}.abc123.${'s'.repeat(32)}`
export const BUNDLE = 'bramble-0.1.0-linux-arm64.tar.gz'
const SCRIPT = join(import.meta.dirname, 'firstboot.sh')
const CARD = 'boot/firmware/bramble'

/** Settings as "bramble flash" writes them. */
export const SETTINGS: Readonly<Record<string, string>> = {
  FORMAT: '1',
  HOSTNAME: 'pi-7',
  USER: 'anna',
  SSH_KEY: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMmTCEwrkyF5fO6CgJ1Dqze1vHOI1ZPkGbiVg0kSIfZp anna',
  TIMEZONE: 'Europe/Berlin',
  WIFI_SSID_HEX: '4c6162',
  WIFI_PSK_HEX: 'ab'.repeat(32),
  WIFI_COUNTRY: 'DE',
  ADDRESS: '192.168.1.20/24',
  GATEWAY: '192.168.1.1',
  DNS: '192.168.1.1,1.1.1.1',
  SERVER: 'https://192.168.1.10:6443',
  STREAM_PORT: '8444',
  TOKEN,
  LABELS: 'disktype=ssd,zone=a',
  TAINTS: 'camera=only:NoSchedule',
  RUNTIME: 'podman',
  BUNDLE,
}

interface Scope {
  after(cleanUp: () => Promise<void>): void
}

export interface Ended {
  /** null: it was cut. */
  readonly code: number | null
  readonly output: string
}

/** A root tree as of a Pi that starts from our image for the first time. */
export class Tree {
  readonly root: string
  private constructor(root: string) {
    this.root = root
  }

  static async make(t: Scope, settings: Readonly<Record<string, string | undefined>> = {}): Promise<Tree> {
    const tree = new Tree(await mkdtemp(join(tmpdir(), 'bramble-firstboot-')))
    t.after(() => rm(tree.root, { recursive: true, force: true }))
    await tree.write('etc/passwd', `root:x:0:0::/root:/bin/sh\nanna:x:${process.getuid!()}:${process.getgid!()}::/home/anna:/bin/sh\n`)
    await tree.write('etc/hosts', '127.0.0.1 localhost\n')
    await tree.write('etc/systemd/network/20-wired.network', '')
    for (const folder of [
      'run',
      'usr/lib/cni/bridge',
      'home/anna',
      'root',
      'etc/wpa_supplicant',
      'etc/udev/rules.d',
      'etc/sudoers.d',
      'opt/bramble',
    ])
      await mkdir(join(tree.root, folder), { recursive: true })
    await tree.write('usr/share/zoneinfo/Europe/Berlin', '')
    await tree.write('sys/firmware/devicetree/base/serial-number', '10000000DEADBEEF\0')
    for (const name of ['trigger', 'delay_on', 'delay_off']) await tree.write(`sys/class/leds/ACT/${name}`, '')
    for (const program of ['podman', 'iptables', 'conntrack']) await tree.write(`programs/${program}`, '#!/bin/sh\n', 0o755)
    await tree.write(`${CARD}/images/words.tar`, 'an archive of images')
    const sha256 = await tree.#release()
    await tree.settings({ ...SETTINGS, BUNDLE_SHA256: sha256, ...settings })
    return tree
  }

  /** What the card says. */
  async settings(lines: Readonly<Record<string, string | undefined>>): Promise<void> {
    const text = Object.entries(lines).map(([key, value]) => (value === undefined ? '' : `${key}='${value}'\n`))
    await this.write(`${CARD}/node.env`, text.join(''))
  }

  async write(path: string, text: string, mode = 0o644): Promise<void> {
    await mkdir(dirname(join(this.root, path)), { recursive: true })
    await writeFile(join(this.root, path), text)
    await chmod(join(this.root, path), mode)
  }

  /** '' when it is not there. */
  read(path: string): Promise<string> {
    return readFile(join(this.root, path), 'utf8').catch(() => '')
  }

  card(name: string): Promise<string> {
    return this.read(`${CARD}/${name}`)
  }

  /** Steps in the status file, without their times. */
  async steps(): Promise<readonly string[]> {
    return [...(await this.card('status.txt')).matchAll(/^\d+ (\S+) /gm)].map((match) => match[1]!)
  }

  /** A boot: what is in memory is gone. @param cutBefore Number of the command before which power is lost; 0 = never. */
  async boot(actions: readonly ('os' | 'join')[], cutBefore = 0): Promise<Ended> {
    await rm(join(this.root, 'run'), { recursive: true, force: true })
    await mkdir(join(this.root, 'run'))
    let output = ''
    for (const action of actions) {
      const ended = await this.#run(action, cutBefore)
      output += ended.output
      if (ended.code !== 0) return { ...ended, output }
    }
    return { code: 0, output }
  }

  async #run(action: string, cutBefore: number): Promise<Ended> {
    const env = { PATH: `${join(this.root, 'programs')}:${process.env['PATH']}`, BRAMBLE_TREE: this.root, BRAMBLE_MACHINE: 'aarch64' }
    // the whole group ends at once, as with the power
    const cut = `set -T; n=0; trap 'n=$((n + 1)); [ $n != ${cutBefore} ] || kill -KILL 0' DEBUG; . "$0"`
    const args = cutBefore === 0 ? [SCRIPT, action] : ['--posix', '-c', cut, SCRIPT, action]
    const child = spawn(cutBefore === 0 ? 'sh' : 'bash', args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => (output += piece.toString()))
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, output }
  }

  /** Everything that stays: path, mode and content of each file but what tells of the way. */
  async everything(): Promise<readonly string[]> {
    const found: string[] = []
    for (const entry of await readdir(this.root, { withFileTypes: true, recursive: true })) {
      const path = join(entry.parentPath, entry.name)
      const name = relative(this.root, path)
      if (/^(run|sys|programs)\b|status\.txt$/.test(name)) continue
      if (entry.isSymbolicLink()) found.push(`${name} -> ${await readlink(path)}`)
      else if (entry.isFile()) {
        const { mode } = await stat(path)
        found.push(
          `${name} ${(mode & 0o777).toString(8)} ${createHash('sha256')
            .update(await readFile(path))
            .digest('hex')}`,
        )
      }
    }
    return found.sort()
  }

  /** A release whose command writes down how it was called. @returns its checksum. */
  async #release(): Promise<string> {
    const folder = 'release/bramble-0.1.0'
    await this.write(`${folder}/bin/bramble`, '#!/bin/sh\nprintf "%s\\n" "$@" | sed "s|$BRAMBLE_TREE||" >"$BRAMBLE_TREE/joined"\n', 0o755)
    await this.write(`${folder}/share/launcher`, '#!/bin/sh\n', 0o755)
    const archive = join(this.root, CARD, BUNDLE)
    await must('tar', [
      '--create',
      '--use-compress-program=gzip -n',
      '--sort=name',
      '--mtime=@0',
      '--file',
      archive,
      '-C',
      join(this.root, 'release'),
      'bramble-0.1.0',
    ])
    await rm(join(this.root, 'release'), { recursive: true })
    return createHash('sha256')
      .update(await readFile(archive))
      .digest('hex')
  }
}
