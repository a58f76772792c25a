import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { CardError } from './card.ts'
import { aCard, aPlainCard, AN_SSH_KEY } from './card.fixture.ts'
import { type BootFolder, recogniseLayout, type Scheme } from './layout.ts'
import { type CardPlan, planCard } from './plan.ts'

const BUNDLE = { file: 'bramble-0.1.0-linux-arm64.tar.gz', sha256: 'ab'.repeat(32) }
const FIRSTRUN = '#!/bin/sh\n'

function aBoot(files: Readonly<Record<string, string>>, label = 'bootfs'): BootFolder {
  const names = [...new Set(Object.keys(files).map((path) => path.split('/')[0]!))]
  return { label, names, texts: new Map(Object.entries(files)) }
}
const pi = { 'config.txt': 'arm_64bit=1\n', 'cmdline.txt': 'root=PARTUUID=1-02 rootwait\n' }
const reference = 'Raspberry Pi reference 2025-10-01\nGenerated using pi-gen\n'

const layouts: readonly { readonly name: string; readonly boot: BootFolder; readonly scheme: Scheme }[] = [
  { name: 'an image of our own', boot: aBoot({ ...pi, 'bramble/image.json': '{}' }), scheme: 'bramble' },
  {
    name: 'Raspberry Pi OS Trixie',
    boot: aBoot({ ...pi, 'issue.txt': reference, 'user-data': '', 'meta-data': 'instance_id: rpios-image\n' }),
    scheme: 'cloud-init',
  },
  {
    name: 'Ubuntu, with its command line in a folder',
    boot: aBoot({ 'config.txt': '[all]\nos_prefix=current/\n', 'current/cmdline.txt': 'a\n', 'user-data': '#cloud-config\n' }),
    scheme: 'cloud-init',
  },
  {
    name: 'cloud-init that only the command line tells of',
    boot: aBoot({ ...pi, 'cmdline.txt': 'a ds=nocloud;i=x\n' }),
    scheme: 'cloud-init',
  },
  { name: 'Raspberry Pi OS Bookworm', boot: aBoot({ ...pi, 'issue.txt': reference }), scheme: 'firstrun' },
  {
    name: 'Raspberry Pi OS without its issue.txt',
    boot: aBoot({ ...pi, 'cmdline.txt': 'a init=/usr/lib/raspberrypi-sys-mods/firstboot\n' }),
    scheme: 'firstrun',
  },
  { name: 'Debian', boot: aBoot({ ...pi, 'sysconf.txt': '# root_pw=\n' }, 'RASPIFIRM'), scheme: 'debian' },
]
for (const { name, boot, scheme } of layouts) test(`recognises ${name}`, () => assert.equal(recogniseLayout(boot).scheme, scheme))

const unknown: readonly { readonly name: string; readonly boot: BootFolder; readonly says: RegExp }[] = [
  {
    name: 'another system for the Pi',
    boot: aBoot({ ...pi, 'kernel8.img': '' }),
    says: /partition "bootfs" holds config\.txt, cmdline\.txt, kernel8\.img: neither cloud-init.*bramble join/,
  },
  { name: 'a PC', boot: aBoot({ 'EFI/BOOT/x': '' }, 'EFI'), says: /holds EFI: no config\.txt.*image for PCs/ },
  { name: 'NOOBS', boot: aBoot({ 'config.txt': '', 'recovery.cmdline': '', os: '' }), says: /NOOBS/ },
  { name: 'nothing', boot: aBoot({}, ''), says: /boot partition holds nothing/ },
  {
    name: 'a Pi without its command line',
    boot: aBoot({ 'config.txt': 'cmdline=my.txt\n', 'cmdline.txt': 'a\n' }),
    says: /config\.txt names my\.txt, which is not there/,
  },
]
for (const { name, boot, says } of unknown)
  test(`refuses ${name}, and says what it found`, () => {
    assert.throws(
      () => recogniseLayout(boot),
      (error) => error instanceof CardError && says.test(error.message),
    )
  })

/** The boot folder after a plan was written. */
function written(boot: BootFolder, plan: CardPlan): BootFolder {
  const texts = new Map(boot.texts)
  for (const { path, content } of plan.texts) texts.set(path, content)
  return { ...boot, names: [...new Set([...boot.names, ...[...texts.keys()].map((path) => path.split('/')[0]!)])], texts }
}

for (const { name, boot } of layouts)
  for (const card of [aCard(), aPlainCard()])
    test(`written twice, ${name} is as written once (${card.hostname ?? 'plain'})`, () => {
      const once = written(boot, planCard(boot, card, BUNDLE, FIRSTRUN))
      assert.deepEqual(planCard(once, card, BUNDLE, FIRSTRUN).texts, [])
      for (const path of recogniseLayout(once).cmdlines)
        assert.match(once.texts.get(path)!, /^[^\n]* cgroup_enable=memory cgroup_memory=1[^\n]*\n$/)
      assert.match(once.texts.get('config.txt')!, /^dtparam=watchdog=on$/m)
    })

const trixie = layouts[1]!.boot
const yamlOf = (boot: BootFolder, path: string): Record<string, unknown> => parse(boot.texts.get(path)!) as Record<string, unknown>

test('cloud-init is told name, user, keys, network and what to start', () => {
  const after = written(trixie, planCard(trixie, aCard(), BUNDLE, FIRSTRUN))
  const data = yamlOf(after, 'user-data')
  assert.match(after.texts.get('user-data')!, /^#cloud-config\n/)
  assert.equal(data['hostname'], 'pi-1')
  assert.equal(data['timezone'], 'Europe/Berlin')
  assert.deepEqual(data['user'], {
    shell: '/bin/bash',
    lock_passwd: true,
    sudo: 'ALL=(ALL) NOPASSWD:ALL',
    name: 'bramble',
    ssh_authorized_keys: [AN_SSH_KEY],
  })
  assert.match(JSON.stringify(data['runcmd']), /\/boot\/firmware\/bramble\/firstboot\.sh .*enable.*bramble-firstboot-join\.service/)
  const meta = yamlOf(after, 'meta-data')
  assert.match(String(meta['instance-id']), /^bramble-[0-9a-f]{16}$/)
  assert.ok(!('instance_id' in meta))
  assert.match(
    after.texts.get('cmdline.txt')!,
    new RegExp(` cfg80211\\.ieee80211_regdom=DE ds=nocloud;i=${String(meta['instance-id'])}\\n`),
  )
  assert.deepEqual((yamlOf(after, 'network-config')['network'] as Record<string, unknown>)['wifis'], {
    wlan0: {
      dhcp4: false,
      addresses: ['192.168.1.20/24'],
      routes: [{ to: 'default', via: '192.168.1.1' }],
      nameservers: { addresses: ['192.168.1.1', '1.1.1.1'] },
      'regulatory-domain': 'DE',
      'access-points': { IEEE: { password: aCard().wifi!.pskHex } },
      optional: true,
    },
  })
})

test('a card that asks for no network leaves it to the image', () => {
  assert.ok(!planCard(trixie, aPlainCard(), BUNDLE, FIRSTRUN).texts.some(({ path }) => path === 'network-config'))
})

test('another token is another instance, so that cloud-init runs again', () => {
  const [one, other] = [aCard(), aCard({ token: `${aCard().token}x` })].map((card) =>
    yamlOf(written(trixie, planCard(trixie, card, BUNDLE, FIRSTRUN)), 'meta-data'),
  )
  assert.notEqual(one!['instance-id'], other!['instance-id'])
})

const OPERATORS = `#cloud-config
# ours, do not touch
package_update: true
hostname: old
users:
  - default
  - name: bramble
    groups: [gpio]
    ssh_authorized_keys: [ssh-ed25519 AAAAold]
  - name: eve
runcmd:
  - [echo, hello]
write_files:
  - path: /etc/motd
    content: hi
chpasswd:
  expire: true
  users:
    - {name: ubuntu, password: ubuntu, type: text}
    - {name: eve, password: hers, type: text}
`

test('what the operator had in user-data stays: keys, users, commands, comments', () => {
  const boot = aBoot({ ...pi, 'user-data': OPERATORS, 'network-config': 'version: 2\nethernets:\n  eth1:\n    dhcp4: true\n' })
  const after = written(boot, planCard(boot, aCard(), BUNDLE, FIRSTRUN))
  const data = yamlOf(after, 'user-data')
  assert.match(after.texts.get('user-data')!, /# ours, do not touch/)
  assert.equal(data['package_update'], true)
  assert.equal(data['hostname'], 'pi-1')
  assert.equal(data['user'], undefined)
  const users = data['users'] as { name: string; groups?: unknown; ssh_authorized_keys?: unknown }[]
  assert.deepEqual(
    users.map((user) => user.name ?? user),
    ['default', 'bramble', 'eve'],
  )
  assert.deepEqual(users[1]!.groups, ['gpio'])
  assert.deepEqual(users[1]!.ssh_authorized_keys, ['ssh-ed25519 AAAAold', AN_SSH_KEY])
  assert.deepEqual((data['runcmd'] as unknown[])[0], ['echo', 'hello'])
  assert.deepEqual(data['write_files'], [{ path: '/etc/motd', content: 'hi' }])
  assert.deepEqual(data['chpasswd'], { expire: true, users: [{ name: 'eve', password: 'hers', type: 'text' }] })
  const network = yamlOf(after, 'network-config')
  assert.deepEqual(Object.keys(network['ethernets'] as object), ['eth1', 'eth0'])
  assert.ok('wlan0' in (network['wifis'] as object))
})

for (const { name, text, says } of [
  { name: 'a script', text: '#!/bin/sh\necho\n', says: /begins with "#!\/bin\/sh"/ },
  { name: 'broken YAML', text: '#cloud-config\na: [\n', says: /user-data on the image is no YAML/ },
  { name: 'a list', text: '#cloud-config\n- a\n', says: /no YAML mapping/ },
])
  test(`user-data that is ${name} is refused, not overwritten`, () => {
    const boot = aBoot({ ...pi, 'user-data': text })
    assert.throws(
      () => planCard(boot, aCard(), BUNDLE, FIRSTRUN),
      (error) => error instanceof CardError && says.test(error.message),
    )
  })

test('names of networks and users cannot break out of the files they are in', () => {
  const ssid = "\"; reboot: 'x' #\t%{"
  const boot = aBoot({ ...pi, 'user-data': '#cloud-config\n' })
  const after = written(boot, planCard(boot, aCard({ wifi: { ssid, pskHex: undefined, isHidden: true } }), BUNDLE, FIRSTRUN))
  const wifis = (yamlOf(after, 'network-config')['network'] as { wifis: { wlan0: Record<string, unknown> } }).wifis
  assert.deepEqual(wifis.wlan0['access-points'], { [ssid]: { auth: { 'key-management': 'none' }, hidden: true } })
  for (const line of after.texts.get('bramble/node.env')!.trimEnd().split('\n')) assert.match(line, /^[A-Z_0-9]+='[^']*'$/)
})

test('node.env holds what the first boot reads, and no passphrase', () => {
  const text = planCard(trixie, aCard({ metered: true }), BUNDLE, FIRSTRUN).texts.find(({ path }) => path === 'bramble/node.env')!.content
  assert.equal(
    text,
    `FORMAT='1'
HOSTNAME='pi-1'
USER='bramble'
SSH_KEY='${AN_SSH_KEY}'
TIMEZONE='Europe/Berlin'
WIFI_SSID_HEX='49454545'
WIFI_PSK_HEX='${aCard().wifi!.pskHex}'
WIFI_COUNTRY='DE'
ADDRESS='192.168.1.20/24'
GATEWAY='192.168.1.1'
DNS='192.168.1.1,1.1.1.1'
SERVER='https://192.168.1.10:6443'
STREAM_PORT='8444'
TOKEN='${aCard().token}'
LABELS='disktype=ssd'
TAINTS='camera=only:NoSchedule'
RUNTIME='auto'
METERED='1'
BUNDLE='${BUNDLE.file}'
BUNDLE_SHA256='${BUNDLE.sha256}'
`,
  )
})
