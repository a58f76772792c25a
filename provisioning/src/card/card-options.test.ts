import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CardOptions, checkCard } from './card-options.ts'

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMmTCEwrkyF5fO6CgJ1Dqze1vHOI1ZPkGbiVg0kSIfZp'
const good: CardOptions = { hostname: 'pi-1', server: 'https://192.168.1.10:6443' }
const wifi = { wifi: 'shed', passphrase: 'correct horse', country: 'DE' }

test('what is not asked has its default', () => {
  const { settings, problems } = checkCard({ server: 'https://192.168.1.10:6443/' })
  assert.deepEqual(problems, [])
  assert.equal(settings?.server, 'https://192.168.1.10:6443')
  assert.deepEqual(
    [settings?.hostname, settings?.user, settings?.streamPort, settings?.runtime, settings?.metered],
    [undefined, 'bramble', 8444, 'auto', false],
  )
})

test('what is asked is kept in the form that files have', () => {
  const { settings, problems } = checkCard({
    ...good,
    ...wifi,
    serial: '0x10000000ABCDEF12',
    sshKeys: [`${ED25519} anna's "laptop" ü`, `${ED25519} anna's "laptop" ü`],
    staticIp: '192.168.1.20/24',
    gateway: '192.168.1.1',
    dns: ['1.1.1.1'],
    timezone: 'Europe/Berlin',
    labels: ['disktype=ssd', 'disktype=ssd'],
    taints: ['camera=only:NoSchedule', 'spare:NoExecute'],
  })
  assert.deepEqual(problems, [])
  assert.equal(settings?.serial, '10000000abcdef12')
  assert.deepEqual(settings?.sshKeys, [`${ED25519} annas laptop `.trim()])
  assert.deepEqual(settings?.labels, ['disktype=ssd'])
  assert.equal(settings?.wifi?.pskHex?.length, 64)
  assert.deepEqual(settings?.staticAddress, { address: '192.168.1.20/24', gateway: '192.168.1.1', dns: ['1.1.1.1'] })
})

const bad: readonly { readonly name: string; readonly options: CardOptions; readonly option: string; readonly says: RegExp }[] = [
  { name: 'an upper-case host name', options: { hostname: 'Pi-1' }, option: 'hostname', says: /"Pi-1" must be lower case: pi-1/ },
  { name: 'a host name with a blank', options: { hostname: 'pi 1' }, option: 'hostname', says: /letters, digits/ },
  { name: 'a host name with an underscore', options: { hostname: 'pi_1' }, option: 'hostname', says: /letters, digits/ },
  { name: 'a host name that begins with "-"', options: { hostname: '-pi' }, option: 'hostname', says: /beginning and ending/ },
  { name: 'a host name with a domain', options: { hostname: 'pi.local' }, option: 'hostname', says: /without its domain/ },
  {
    name: 'a host name of 64 characters',
    options: { hostname: 'a'.repeat(64) },
    option: 'hostname',
    says: /has 64 characters; .* at most 63/,
  },
  { name: 'an empty host name', options: { hostname: '' }, option: 'hostname', says: /must be letters/ },
  { name: 'localhost', options: { hostname: 'localhost' }, option: 'hostname', says: /every machine/ },
  { name: 'a pattern of host names with a typing error', options: { hostname: 'pi-{m}' }, option: 'hostname', says: /letters, digits/ },
  { name: 'a serial that is none', options: { serial: '1234' }, option: 'serial', says: /8 or 16 hex digits/ },
  { name: 'root as the user', options: { user: 'root' }, option: 'user', says: /belongs to the system/ },
  { name: 'a user with a capital letter', options: { user: 'Anna' }, option: 'user', says: /lower case/ },
  {
    name: 'a private key',
    options: { sshKeys: ['-----BEGIN OPENSSH PRIVATE KEY-----'] },
    option: 'ssh-key',
    says: /is a private key.*\.pub/,
  },
  { name: 'a key that was cut', options: { sshKeys: [ED25519.slice(0, 20)] }, option: 'ssh-key', says: /damaged/ },
  {
    name: 'a key of another type than it says',
    options: { sshKeys: [ED25519.replace('ed25519', 'rsa')] },
    option: 'ssh-key',
    says: /damaged/,
  },
  { name: 'a DSA key', options: { sshKeys: ['ssh-dss AAAA'] }, option: 'ssh-key', says: /no OpenSSH public key/ },
  { name: 'a country in small letters', options: { country: 'de' }, option: 'country', says: /must be DE/ },
  { name: 'the UK', options: { country: 'UK' }, option: 'country', says: /must be GB/ },
  { name: 'a country by its name', options: { country: 'Germany' }, option: 'country', says: /two letters/ },
  { name: 'a country that is none', options: { country: 'XX' }, option: 'country', says: /no radio rules for XX/ },
  { name: 'a time zone in small letters', options: { timezone: 'europe/berlin' }, option: 'timezone', says: /did you mean Europe\/Berlin/ },
  { name: 'a city for a time zone', options: { timezone: 'New York' }, option: 'timezone', says: /did you mean America\/New_York/ },
  { name: 'an offset for a time zone', options: { timezone: '+02:00' }, option: 'timezone', says: /is no time zone/ },
  { name: 'a path for a time zone', options: { timezone: '../../etc/shadow' }, option: 'timezone', says: /is no time zone/ },
  {
    name: 'an address without its prefix',
    options: { staticIp: '192.168.1.20' },
    option: 'static-ip',
    says: /needs the prefix.*192\.168\.1\.20\/24/,
  },
  { name: 'an address out of range', options: { staticIp: '192.168.1.256/24' }, option: 'static-ip', says: /must be an IPv4 address/ },
  { name: 'an IPv6 address', options: { staticIp: 'fe80::1/64' }, option: 'static-ip', says: /must be an IPv4 address/ },
  { name: 'the address of a network', options: { staticIp: '192.168.1.0/24' }, option: 'static-ip', says: /of the network itself/ },
  { name: 'a broadcast address', options: { staticIp: '192.168.1.255/24' }, option: 'static-ip', says: /broadcast/ },
  { name: 'a multicast address', options: { staticIp: '224.0.0.5/24' }, option: 'static-ip', says: /no address that a machine/ },
  { name: 'a prefix of 33', options: { staticIp: '192.168.1.20/33' }, option: 'static-ip', says: /prefix from 1 to 30/ },
  {
    name: 'a gateway elsewhere',
    options: { staticIp: '192.168.1.20/24', gateway: '10.0.0.1' },
    option: 'gateway',
    says: /not in the network/,
  },
  {
    name: 'the Pi as its own gateway',
    options: { staticIp: '192.168.1.20/24', gateway: '192.168.1.20' },
    option: 'gateway',
    says: /the Pi itself/,
  },
  { name: 'a gateway alone', options: { gateway: '10.0.0.1' }, option: 'gateway', says: /goes with --static-ip/ },
  {
    name: 'a name server that is a name',
    options: { staticIp: '192.168.1.20/24', dns: ['dns.local'] },
    option: 'dns',
    says: /IPv4 address/,
  },
  { name: 'Wi-Fi without a country', options: { ...wifi, country: undefined }, option: 'country', says: /needed with Wi-Fi/ },
  { name: 'Wi-Fi without a passphrase', options: { ...wifi, passphrase: '' }, option: 'wifi-passphrase', says: /--wifi-open/ },
  {
    name: 'a short passphrase',
    options: { ...wifi, passphrase: 'secret7' },
    option: 'wifi-passphrase',
    says: /8 to 63 characters.*this has 7/,
  },
  { name: 'a passphrase of 64 letters', options: { ...wifi, passphrase: 'x'.repeat(64) }, option: 'wifi-passphrase', says: /8 to 63/ },
  {
    name: 'a network name of 33 bytes',
    options: { ...wifi, wifi: 'ü'.repeat(16) + 'x' },
    option: 'wifi',
    says: /is 33 bytes long.*at most 32/,
  },
  { name: 'an empty network name', options: { ...wifi, wifi: '' }, option: 'wifi', says: /must not be empty/ },
  { name: 'a label without a value', options: { labels: ['disktype'] }, option: 'label', says: /such as disktype=ssd/ },
  { name: 'two labels in one', options: { labels: ['a=b,c=d'] }, option: 'label', says: /such as/ },
  { name: 'a taint without its effect', options: { taints: ['camera=only'] }, option: 'taint', says: /:NoSchedule/ },
  { name: 'a taint with an unknown effect', options: { taints: ['camera=only:Never'] }, option: 'taint', says: /:NoSchedule/ },
  { name: 'no server', options: { server: undefined }, option: 'server', says: /is needed/ },
  { name: 'a server without https', options: { server: 'http://192.168.1.10:6443' }, option: 'server', says: /such as https/ },
  { name: 'a server with a port that is none', options: { server: 'https://a:99999' }, option: 'server', says: /such as https/ },
  { name: 'a server that is this machine', options: { server: 'https://127.0.0.1:6443' }, option: 'server', says: /this machine only/ },
  { name: 'an unknown runtime', options: { runtime: 'docker' }, option: 'runtime', says: /auto, podman, containerd/ },
  { name: 'a port that is none', options: { streamPort: '0' }, option: 'stream-port', says: /from 1 to 65535/ },
]

for (const { name, options, option, says } of bad)
  test(`refuses ${name}`, () => {
    const { settings, problems } = checkCard({ ...good, ...options })
    assert.equal(settings, undefined)
    assert.deepEqual(
      problems.map((problem) => problem.option),
      [option],
    )
    assert.match(problems[0]!.message, says)
  })

test('says everything that is wrong at once, and no passphrase', () => {
  const { problems } = checkCard({
    hostname: 'A',
    country: 'xx',
    wifi: 'w',
    passphrase: 'topsec',
    timezone: 'Mars',
    labels: ['?'],
    staticIp: '1',
  })
  assert.deepEqual(problems.map(({ option }) => option).sort(), [
    'country',
    'hostname',
    'label',
    'server',
    'static-ip',
    'timezone',
    'wifi-passphrase',
  ])
  assert.ok(!JSON.stringify(problems).includes('topsec'))
})

test('takes newer names of time zones and networks without a passphrase', () => {
  for (const timezone of ['UTC', 'Asia/Kolkata', 'Europe/Kyiv', 'America/Argentina/Buenos_Aires'])
    assert.deepEqual(checkCard({ ...good, timezone }).problems, [])
  const { settings } = checkCard({ ...good, wifi: 'café', isWifiOpen: true, isWifiHidden: true, country: 'FR' })
  assert.deepEqual(settings?.wifi, { ssid: 'café', pskHex: undefined, isHidden: true })
})
