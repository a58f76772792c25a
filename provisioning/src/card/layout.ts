import { CardError } from './card.ts'
import { cmdlinePaths, includesOf } from './config-txt.ts'

export const SCHEMES = ['bramble', 'cloud-init', 'firstrun', 'debian'] as const
/**
 * Who configures the system at its first boot: our own image, cloud-init (Raspberry Pi OS from Trixie on, Ubuntu), our script started by
 * `systemd.run=` (Raspberry Pi OS before), or that script on Debian's own images.
 */
export type Scheme = (typeof SCHEMES)[number]

/** What the boot partition holds, as far as it matters here. */
export interface BootFolder {
  readonly label: string
  /** Of the top folder, as they are written there. */
  readonly names: readonly string[]
  /** Those of {@link TEXT_FILES} and of the command lines that are there. Keys as asked for. */
  readonly texts: ReadonlyMap<string, string>
}

export interface Layout {
  readonly scheme: Scheme
  /** Files that the firmware takes the kernel's command line from. */
  readonly cmdlines: readonly string[]
}

export const IMAGE_MARKER = 'bramble/image.json'
export const TEXT_FILES = [IMAGE_MARKER, 'config.txt', 'user-data', 'meta-data', 'network-config', 'issue.txt'] as const

const NAMES_SHOWN_MAX = 12
const RASPBERRY_PI_OS = /raspberrypi-sys-mods\/|raspi-config\/init_resize/

/** Which of the four layouts a boot partition has. @throws CardError that names what was found instead. */
export function recogniseLayout(boot: BootFolder): Layout {
  const names = new Set(boot.names.map((name) => name.toLowerCase()))
  const config = boot.texts.get('config.txt')
  if (config === undefined) throw new CardError(`${found(boot)}: no config.txt, so no Raspberry Pi starts from it${guess(names)}`)
  const included = includesOf(config).map((name) => boot.texts.get(name) ?? '')
  const candidates = cmdlinePaths([config, ...included].join('\n[all]\n'))
  const cmdlines = candidates.filter((path) => boot.texts.has(path))
  if (cmdlines.length === 0)
    throw new CardError(`${found(boot)}: config.txt names ${candidates.join(' and ')}, which is not there${guess(names)}`)
  const lines = cmdlines.map((path) => boot.texts.get(path)!).join(' ')
  const scheme = schemeOf(boot, names, lines)
  if (scheme === undefined)
    throw new CardError(
      `${found(boot)}: neither cloud-init (user-data), nor Raspberry Pi OS (issue.txt), nor Debian (sysconf.txt), nor an image of ` +
        `"bramble image build"${guess(names)}; start this system by itself and use "bramble join" on it`,
    )
  return { scheme, cmdlines }
}

function schemeOf(boot: BootFolder, names: ReadonlySet<string>, cmdline: string): Scheme | undefined {
  if (boot.texts.has(IMAGE_MARKER)) return 'bramble'
  if (names.has('user-data') || names.has('meta-data') || /\bds=nocloud\b/.test(cmdline)) return 'cloud-init'
  if (isRaspberryPiOs(boot) || RASPBERRY_PI_OS.test(cmdline)) return 'firstrun'
  return names.has('sysconf.txt') ? 'debian' : undefined
}

/** issue.txt of Raspberry Pi OS begins "Raspberry Pi reference 2025-10-01". */
export const isRaspberryPiOs = (boot: BootFolder): boolean => /Raspberry Pi reference/i.test(boot.texts.get('issue.txt') ?? '')

function guess(names: ReadonlySet<string>): string {
  if (names.has('recovery.cmdline')) return ' (this looks like the NOOBS installer, not like a system)'
  if (names.has('efi')) return ' (this looks like an image for PCs)'
  return ''
}

function found({ label, names }: BootFolder): string {
  const shown =
    names.slice(0, NAMES_SHOWN_MAX).join(', ') + (names.length > NAMES_SHOWN_MAX ? ` and ${names.length - NAMES_SHOWN_MAX} more` : '')
  return `the image is of an unknown kind; its boot partition${label === '' ? '' : ` "${label}"`} holds ${shown === '' ? 'nothing' : shown}`
}
