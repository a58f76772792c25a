import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { parseNodeLabel } from '@bramble/api/node-words'
import type { Problem } from '@bramble/provisioning/card/card'
import { type Batch, cardsByCount, cardsFromCsv, type OptionsOf, type Row } from '@bramble/provisioning/card/card-list'
import type { CardOptions } from '@bramble/provisioning/card/card-options'
import { sshKeyLines } from '@bramble/provisioning/card/ssh-key'
import { UsageError } from '../fail.ts'
import type { FlashOptions } from './flash-options.ts'

const COUNT_MAX = 1000
const PASSPHRASE_VARIABLE = 'BRAMBLE_WIFI_PASSPHRASE'

/**
 * Every card that is asked for, checked.
 *
 * @param server Where the control plane is, unless the options say.
 * @param askPassphrase Asks the person; undefined when nobody is there. Asked once per network.
 * @throws UsageError with every problem of every card, a line each.
 */
export async function askedCards(
  options: FlashOptions,
  server: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  askPassphrase: ((network: string) => Promise<string>) | undefined,
): Promise<Batch['cards']> {
  const listed = options.from === undefined ? undefined : readList(options.from)
  const read = (passphrases: ReadonlyMap<string, string>): Batch => {
    const optionsOf: OptionsOf = (row) => merged(options, row, server, environment, passphrases)
    return listed ? cardsFromCsv(basename(options.from!), listed, optionsOf) : cardsByCount(countOf(options.count), optionsOf)
  }
  const wanting = new Set<string>()
  const first = read({ get: (network: string) => void wanting.add(network) } as unknown as ReadonlyMap<string, string>)
  // Asked when all else is right: nobody likes to type a passphrase for nothing.
  const others = first.problems.filter(({ option }) => option !== 'wifi-passphrase')
  if (others.length === 0 && wanting.size > 0 && askPassphrase) {
    const given = new Map<string, string>()
    for (const network of wanting) given.set(network, await askPassphrase(network))
    return checked(read(given))
  }
  return checked(first)
}

function checked({ cards, problems }: Batch): Batch['cards'] {
  if (problems.length > 0) throw new UsageError([...new Set(problems.map(problemLine))].join('\n'))
  return cards
}

/** `cards.csv:3: hostname "Pi" must…`; `--hostname "Pi" must…` */
function problemLine({ from, option, message }: Problem & { readonly from: string }): string {
  const isLine = /:\d+$/.test(from)
  const subject = option === '' ? message : `${isLine ? '' : '--'}${option} ${message}`
  return from === '' ? subject : `${from}: ${subject}`
}

function countOf(count: string | undefined): number {
  if (count === undefined) return 1
  if (!/^[1-9]\d{0,3}$/.test(count) || Number(count) > COUNT_MAX)
    throw new UsageError(`--count ${count}: must be a whole number from 1 to ${COUNT_MAX}`)
  return Number(count)
}

function readList(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(
      `--from ${path}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : (error as Error).message}`,
    )
  }
}

/** What a line says goes before what the options say; labels, taints and keys of both are taken. */
function merged(
  given: FlashOptions,
  row: Row,
  server: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  passphrases: ReadonlyMap<string, string>,
): ReturnType<OptionsOf> {
  const problems: Problem[] = []
  const several = (cell: string | undefined): readonly string[] =>
    cell === undefined
      ? []
      : cell
          .split(';')
          .map((one) => one.trim())
          .filter(Boolean)
  const attempt = <T>(option: string, act: () => T): T | undefined => {
    try {
      return act()
    } catch (error) {
      problems.push({ option, message: (error as Error).message })
      return undefined
    }
  }
  const flag = (option: 'wifi-hidden' | 'wifi-open' | 'metered', byOption: boolean | undefined): boolean =>
    row[option] === undefined ? (byOption ?? false) : (attempt(option, () => yesOrNo(row[option]!)) ?? false)

  const keys = [...(given.sshKey ?? []), ...several(row['ssh-key'])].flatMap((key) => attempt('ssh-key', () => keysOf(key)) ?? [])
  const labels = [...(given.label ?? []), ...several(row.label)]
  // The cluster would refuse them when the Pi joins, long after.
  for (const label of labels) attempt('label', () => parseNodeLabel(label.replaceAll('{n}', '1')))
  const wifi = row.wifi ?? given.wifi
  const isWifiOpen = flag('wifi-open', given.wifiOpen)
  const file = row['wifi-passphrase-file'] ?? (row.wifi === undefined ? given.wifiPassphraseFile : undefined) ?? given.wifiPassphraseFile
  const passphrase =
    wifi === undefined || isWifiOpen
      ? undefined
      : file !== undefined
        ? attempt('wifi-passphrase-file', () => firstLine(file))
        : (environment[PASSPHRASE_VARIABLE] ?? passphrases.get(wifi))
  const options: CardOptions = {
    hostname: row.hostname ?? given.hostname,
    serial: row.serial ?? given.serial,
    user: row.user ?? given.user,
    sshKeys: keys,
    wifi,
    // What could not be read has been told; it is not to be asked for as well.
    passphrase: passphrase ?? (problems.some(({ option }) => option === 'wifi-passphrase-file') ? 'unreadable' : undefined),
    isWifiOpen,
    isWifiHidden: flag('wifi-hidden', given.wifiHidden),
    country: row.country ?? given.country,
    timezone: row.timezone ?? given.timezone,
    staticIp: row['static-ip'] ?? given.staticIp,
    gateway: row.gateway ?? given.gateway,
    dns: row.dns === undefined ? (given.dns ?? []).flatMap((text) => text.split(',')) : several(row.dns.replaceAll(',', ';')),
    server: row.server ?? given.server ?? server,
    streamPort: row['stream-port'] ?? given.streamPort,
    labels,
    taints: [...(given.taint ?? []), ...several(row.taint)],
    runtime: row.runtime ?? given.runtime,
    isMetered: flag('metered', given.metered),
  }
  return { options, output: row.output ?? given.output, problems }
}

function yesOrNo(text: string): boolean {
  const lower = text.toLowerCase()
  if (['yes', 'true', '1', 'x'].includes(lower)) return true
  if (['no', 'false', '0'].includes(lower)) return false
  throw new Error(`"${text}" must be yes or no`)
}

/** A key itself, or the file that holds it. */
function keysOf(keyOrFile: string): readonly string[] {
  if (/^(ssh|ecdsa|sk)-\S+\s/.test(keyOrFile)) return [keyOrFile]
  const lines = sshKeyLines(readText(keyOrFile))
  if (lines.length === 0) throw new Error(`${keyOrFile} holds no key`)
  return lines.some((line) => line.includes('PRIVATE KEY')) ? [lines[0]!] : lines
}

const firstLine = (path: string): string => readText(path).split(/\r?\n/, 1)[0]!

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(`${path} ${code === 'ENOENT' ? 'is not there' : `cannot be read: ${message}`}`)
  }
}
