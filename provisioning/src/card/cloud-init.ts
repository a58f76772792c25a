import { createHash } from 'node:crypto'
import { type Document, isMap, parseDocument, type YAMLMap } from 'yaml'
import { type Card, CardError } from './card.ts'

/** Where the systems that have cloud-init mount the boot partition. */
const FOLDER = '/boot/firmware/bramble'
/** What `firstboot.sh unit` prints. */
const JOIN_UNIT = 'bramble-firstboot-join.service'
const HEADER = '#cloud-config'
const WIDTH_MAX = 0 // never folds a line: a key of SSH is one

type Data = Record<string, unknown>

/** Another for each join token: cloud-init does everything anew when it sees another. */
export const instanceId = (card: Card): string => `bramble-${createHash('sha256').update(card.token).digest('hex').slice(0, 16)}`

/** meta-data with our instance id; `instance_id`, which Raspberry Pi OS has and cloud-init does not read, goes. */
export function mergeMetaData(existing: string, card: Card): string {
  const document = mappingOf('meta-data', existing)
  document.delete('instance_id')
  document.set('instance-id', instanceId(card))
  if (card.hostname !== undefined) document.set('local-hostname', card.hostname)
  return document.toString({ lineWidth: WIDTH_MAX })
}

/**
 * user-data with what the card asks for. What the operator wrote stays, keys, users and commands alike; only where both say one thing (the host
 * name, the time zone) the card wins. The password `ubuntu` that Ubuntu's image sets for everybody goes.
 *
 * Applied twice, it changes nothing more. @throws CardError when the existing file is no cloud-config that can be added to.
 */
export function mergeUserData(existing: string, card: Card): string {
  if (existing.trim() !== '' && !/^\uFEFF?#cloud-config\b/.test(existing))
    throw new CardError(
      `user-data on the image begins with "${existing.split(/\r?\n/)[0]!.slice(0, 40)}", not with ${HEADER}: nothing can be added to it`,
    )
  const document = mappingOf('user-data', existing)
  const before = document.toJS() as Data
  const isNamedBySerial = card.hostname === undefined && before['hostname'] === undefined
  if (isNamedBySerial) document.set('preserve_hostname', true)
  if (card.hostname !== undefined) {
    document.set('hostname', card.hostname)
    document.set('manage_etc_hosts', true)
  }
  if (card.timezone !== undefined) document.set('timezone', card.timezone)
  setUser(document, before, card)
  dropKnownPassword(document, before)
  if (card.wifi !== undefined) document.set('bootcmd', document.createNode(withCommands(before['bootcmd'], [RADIO_ON])))
  document.set('runcmd', document.createNode(withCommands(before['runcmd'], [...(isNamedBySerial ? [NAME_FROM_SERIAL] : []), ...COMMANDS])))
  const text = document.toString({ lineWidth: WIDTH_MAX })
  return text.startsWith(HEADER) ? text : `${HEADER}\n${text}`
}

/** Raspberry Pi OS ships with the radio blocked and NetworkManager told so; once per instance, so that who switches it off later keeps it off. */
const RADIO_ON = [
  'cloud-init-per',
  'instance',
  'bramble-radio',
  'sh',
  '-c',
  'rfkill unblock wifi; for f in /var/lib/systemd/rfkill/*:wlan; do [ ! -e "$f" ] || echo 0 >"$f"; done; ' +
    'f=/var/lib/NetworkManager/NetworkManager.state; [ ! -e $f ] || sed -i s/WirelessEnabled=false/WirelessEnabled=true/ $f',
]
/** Where a card says no name. cloud-init would give it back to the image's own at the next start, hence preserve_hostname. */
const NAME_FROM_SERIAL = [
  'sh',
  '-c',
  's=$(tr -d \'\\0\' </sys/firmware/devicetree/base/serial-number) && n=bramble-$(printf %s "$s" | tail -c 8) && hostnamectl set-hostname "$n" && ' +
    '{ sed -i \'/^127\\.0\\.1\\.1[[:space:]]/d\' /etc/hosts; echo "127.0.1.1 $n" >>/etc/hosts; }',
]
/** The rest is a service: it is repeated until it succeeds, which commands of cloud-init are not. */
const COMMANDS = [
  ['systemctl', 'enable', '--now', 'ssh'],
  [
    'sh',
    '-c',
    `install -D -m 755 ${FOLDER}/firstboot.sh /usr/lib/bramble/firstboot.sh && ` +
      `/usr/lib/bramble/firstboot.sh unit >/etc/systemd/system/${JOIN_UNIT} && systemctl daemon-reload`,
  ],
  ['systemctl', 'enable', '--now', '--no-block', JOIN_UNIT],
]

/** Under `user` (the image's own first user, renamed: it keeps its groups) unless the operator has used that for another. */
function setUser(document: Document, before: Data, card: Card): void {
  const { user } = before
  const users = Array.isArray(before['users']) ? (before['users'] as readonly unknown[]) : undefined
  const isNamed = (entry: unknown): entry is Data => (entry as Data | null)?.['name'] === card.user
  const isOurs = users === undefined && (user === undefined || user === null || isNamed(user))
  if (isOurs) return document.set('user', document.createNode(withLogin(isNamed(user) ? user : {}, card)))
  const kept = users ?? ['default']
  const changed = kept.some(isNamed)
    ? kept.map((entry) => (isNamed(entry) ? withLogin(entry, card) : entry))
    : [...kept, withLogin({ groups: 'sudo' }, card)]
  document.set('users', document.createNode(changed))
}

function withLogin(entry: Data, card: Card): Data {
  const keys = Array.isArray(entry['ssh_authorized_keys']) ? (entry['ssh_authorized_keys'] as readonly string[]) : []
  const all = [...new Set([...keys, ...card.sshKeys])]
  return {
    shell: '/bin/bash',
    lock_passwd: true,
    sudo: 'ALL=(ALL) NOPASSWD:ALL',
    ...entry,
    name: card.user,
    ...(all.length > 0 && { ssh_authorized_keys: all }),
  }
}

function dropKnownPassword(document: Document, before: Data): void {
  const chpasswd = before['chpasswd'] as Data | null | undefined
  const users = Array.isArray(chpasswd?.['users']) ? (chpasswd['users'] as readonly Data[]) : undefined
  if (!users) return
  const others = users.filter(({ name, password }) => !(name === 'ubuntu' && password === 'ubuntu'))
  if (others.length === users.length) return
  if (others.length === 0) document.delete('chpasswd')
  else document.setIn(['chpasswd', 'users'], document.createNode(others))
}

function withCommands(existing: unknown, commands: readonly unknown[]): readonly unknown[] {
  const before = listOf(existing)
  const known = new Set(before.map((command) => JSON.stringify(command)))
  return [...before, ...commands.filter((command) => !known.has(JSON.stringify(command)))]
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** network-config with the card's Wi-Fi and address, or undefined when it asks for neither: then the system's own way, DHCP, stays. */
export function mergeNetworkConfig(existing: string, card: Card): string | undefined {
  const { wifi, staticAddress } = card
  if (!wifi && !staticAddress) return undefined
  const document = mappingOf('network-config', existing)
  const root = isMap(document.get('network')) || isEmpty(document) ? ['network'] : []
  const address = staticAddress
    ? {
        dhcp4: false,
        addresses: [staticAddress.address],
        ...(staticAddress.gateway !== undefined && { routes: [{ to: 'default', via: staticAddress.gateway }] }),
        ...(staticAddress.dns.length > 0 && { nameservers: { addresses: [...staticAddress.dns] } }),
      }
    : { dhcp4: true }
  const set = (path: readonly string[], value: unknown): void => document.setIn([...root, ...path], document.createNode(value))
  set(['version'], 2)
  set(['ethernets', 'eth0'], { ...(wifi ? { dhcp4: true } : address), optional: true })
  if (wifi) {
    const point = {
      ...(wifi.pskHex === undefined ? { auth: { 'key-management': 'none' } } : { password: wifi.pskHex }),
      ...(wifi.isHidden && { hidden: true }),
    }
    set(['wifis', 'wlan0'], {
      ...address,
      ...(card.country !== undefined && { 'regulatory-domain': card.country }),
      'access-points': { [wifi.ssid]: point },
      optional: true,
    })
  }
  return document.toString({ lineWidth: WIDTH_MAX })
}

const isEmpty = (document: Document): boolean => (document.contents as YAMLMap).items.length === 0

function mappingOf(name: string, text: string): Document {
  const document = parseDocument(text.replace(/^\uFEFF/, ''))
  const [error] = document.errors
  if (error) throw new CardError(`${name} on the image is no YAML: ${error.message.split('\n')[0]}`)
  if (document.contents === null) document.contents = document.createNode({}) as never
  if (!isMap(document.contents)) throw new CardError(`${name} on the image is no YAML mapping, so nothing can be added to it`)
  return document
}
