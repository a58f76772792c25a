import { addressProblem, hostProblem, isInNetwork, type StaticAddress } from './address.ts'
import { type CardSettings, type Problem, RUNTIMES, type RuntimeChoice } from './card.ts'
import { countryProblem } from './countries.ts'
import { plainSshKey, sshKeyProblem } from './ssh-key.ts'
import { timezoneProblem } from './timezones.ts'
import { passphraseProblem, pskOf, ssidProblem, type Wifi } from './wifi.ts'

/** What was asked for one card, as text: from options or from a line of cards.csv. Absent means not asked. */
export interface CardOptions {
  readonly hostname?: string
  readonly serial?: string
  readonly user?: string
  /** Lines as in authorized_keys. */
  readonly sshKeys?: readonly string[]
  readonly wifi?: string
  readonly passphrase?: string
  readonly isWifiOpen?: boolean
  readonly isWifiHidden?: boolean
  readonly country?: string
  readonly timezone?: string
  readonly staticIp?: string
  readonly gateway?: string
  readonly dns?: readonly string[]
  readonly server?: string
  readonly streamPort?: string
  readonly labels?: readonly string[]
  readonly taints?: readonly string[]
  readonly runtime?: string
  readonly isMetered?: boolean
}

export const USER_DEFAULT = 'bramble'
const STREAM_PORT_DEFAULT = '8444'

const LABEL =
  /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?=([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/
const TAINT =
  /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?(=([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?)?:(NoSchedule|PreferNoSchedule|NoExecute)$/
const SYSTEM_USERS = new Set([
  'root',
  'daemon',
  'bin',
  'sys',
  'sync',
  'games',
  'man',
  'mail',
  'news',
  'www-data',
  'backup',
  'nobody',
  'sshd',
  'admin',
])

/** Checks everything that was asked for one card: either the settings, or every problem at once. */
export function checkCard(options: CardOptions): { readonly settings: CardSettings | undefined; readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  const check = (option: string, value: string | undefined, problemOf: (text: string) => string | undefined): void => {
    const message = value === undefined ? undefined : problemOf(value)
    if (message !== undefined) problems.push({ option, message: `${shown(value!)} ${message}`.trim() })
  }
  check('hostname', options.hostname, hostnameProblem)
  check('serial', options.serial, serialProblem)
  check('user', options.user, userProblem)
  for (const key of options.sshKeys ?? []) check('ssh-key', key, sshKeyProblem)
  check('country', options.country, countryProblem)
  check('timezone', options.timezone, timezoneProblem)
  for (const label of options.labels ?? [])
    check('label', label, (text) => (LABEL.test(text) ? undefined : 'must be a label such as disktype=ssd'))
  for (const taint of options.taints ?? [])
    check('taint', taint, (text) => (TAINT.test(text) ? undefined : 'must be a taint such as camera=only:NoSchedule'))
  check('server', options.server ?? '', serverProblem)
  check('stream-port', options.streamPort, portProblem)
  check('runtime', options.runtime, (text) =>
    RUNTIMES.includes(text as RuntimeChoice) ? undefined : `must be one of ${RUNTIMES.join(', ')}`,
  )
  problems.push(...wifiProblems(options), ...addressProblems(options))
  return { settings: problems.length === 0 ? settingsOf(options) : undefined, problems }
}

/** Why `text` is no name of one machine (RFC 1123, one label). */
export function hostnameProblem(text: string): string | undefined {
  if (text.length > 63) return `has ${text.length} characters; a host name has at most 63`
  if (text.includes('.')) return 'must be a name without its domain, such as pi-1'
  if (/[A-Z]/.test(text)) return `must be lower case: ${text.toLowerCase()}`
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(text)) return 'must be letters, digits and "-", beginning and ending with a letter or digit'
  if (text === 'localhost') return 'is the name that every machine has for itself'
  return undefined
}

/** As the Pi tells it: 16 hex digits, lower case. */
export const plainSerial = (text: string): string => text.toLowerCase().replace(/^0x/, '').padStart(16, '0')

function serialProblem(text: string): string | undefined {
  return /^(0x)?[0-9a-f]{8}([0-9a-f]{8})?$/i.test(text)
    ? undefined
    : 'must be the 8 or 16 hex digits that "cat /sys/firmware/devicetree/base/serial-number" prints on the Pi'
}

function userProblem(text: string): string | undefined {
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(text)) return 'must be at most 32 lower case letters, digits, "-" or "_", beginning with a letter'
  return SYSTEM_USERS.has(text) ? 'belongs to the system; choose another name' : undefined
}

function serverProblem(text: string): string | undefined {
  if (text === '') return 'is needed: the address of the control plane as the Pi sees it, such as https://192.168.1.10:6443'
  const match = /^https:\/\/([A-Za-z0-9.-]+)(:(\d{1,5}))?\/?$/.exec(text)
  if (!match || portProblem(match[3] ?? '1') !== undefined) return 'must be an address such as https://192.168.1.10:6443'
  if (/^(localhost|127\..*|0\.0\.0\.0)$/.test(match[1]!)) return 'is this machine only; give its address on the network of the Pi'
  return undefined
}

const portProblem = (text: string): string | undefined =>
  /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535 ? undefined : 'must be a port from 1 to 65535'

function wifiProblems({ wifi, passphrase, isWifiOpen, isWifiHidden, country }: CardOptions): readonly Problem[] {
  if (wifi === undefined) return isWifiHidden || isWifiOpen ? [{ option: 'wifi', message: 'is needed: the name of the network' }] : []
  const problems: Problem[] = []
  const ssid = ssidProblem(wifi)
  if (ssid !== undefined) problems.push({ option: 'wifi', message: `${shown(wifi)} ${ssid}` })
  if (country === undefined)
    problems.push({ option: 'country', message: 'is needed with Wi-Fi: a Pi keeps its radio off until it knows where it is' })
  if (!isWifiOpen) {
    const why =
      passphrase === undefined || passphrase === ''
        ? 'is needed; --wifi-open is for networks that have none'
        : passphraseProblem(passphrase)
    if (why !== undefined) problems.push({ option: 'wifi-passphrase', message: `for ${shown(wifi)} ${why}` })
  }
  return problems
}

function addressProblems({ staticIp, gateway, dns = [] }: CardOptions): readonly Problem[] {
  if (staticIp === undefined) {
    const alone = [...(gateway === undefined ? [] : ['gateway']), ...(dns.length === 0 ? [] : ['dns'])]
    return alone.map((option) => ({ option, message: 'goes with --static-ip only; without one, the network tells the Pi' }))
  }
  const problems: Problem[] = []
  const why = addressProblem(staticIp)
  if (why !== undefined) problems.push({ option: 'static-ip', message: `${shown(staticIp)} ${why}` })
  const gatewayProblem =
    gateway === undefined ? undefined : (hostProblem(gateway) ?? (why === undefined ? outside(gateway, staticIp) : undefined))
  if (gatewayProblem !== undefined) problems.push({ option: 'gateway', message: `${shown(gateway!)} ${gatewayProblem}` })
  for (const server of dns) {
    const problem = hostProblem(server)
    if (problem !== undefined) problems.push({ option: 'dns', message: `${shown(server)} ${problem}` })
  }
  return problems
}

function outside(gateway: string, staticIp: string): string | undefined {
  if (gateway === staticIp.split('/')[0]) return 'is the address of the Pi itself'
  return isInNetwork(gateway, staticIp) ? undefined : `is not in the network of ${staticIp}, so the Pi could not reach it`
}

/** @param options Without problems. */
function settingsOf(options: CardOptions): CardSettings {
  const {
    hostname,
    serial,
    user,
    sshKeys = [],
    country,
    timezone,
    server,
    streamPort,
    labels = [],
    taints = [],
    runtime,
    isMetered,
  } = options
  return {
    hostname,
    serial: serial === undefined ? undefined : plainSerial(serial),
    user: user ?? USER_DEFAULT,
    sshKeys: [...new Set(sshKeys.map(plainSshKey))],
    wifi: wifiOf(options),
    country,
    timezone,
    staticAddress: staticAddressOf(options),
    server: server!.replace(/\/$/, ''),
    streamPort: Number(streamPort ?? STREAM_PORT_DEFAULT),
    labels: [...new Set(labels)],
    taints: [...new Set(taints)],
    runtime: (runtime ?? 'auto') as RuntimeChoice,
    metered: isMetered ?? false,
  }
}

const wifiOf = ({ wifi, passphrase, isWifiOpen, isWifiHidden }: CardOptions): Wifi | undefined =>
  wifi === undefined
    ? undefined
    : { ssid: wifi, pskHex: isWifiOpen ? undefined : pskOf(wifi, passphrase!), isHidden: isWifiHidden ?? false }

const staticAddressOf = ({ staticIp, gateway, dns = [] }: CardOptions): StaticAddress | undefined =>
  staticIp === undefined ? undefined : { address: staticIp, gateway, dns }

/** The value in the message, unless it would fill the screen. */
const shown = (value: string): string => (value === '' ? '' : `"${value.length > 70 ? `${value.slice(0, 67)}…` : value}"`)
