import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { BUNDLE, SETTINGS, TOKEN, Tree } from './firstboot.fixture.ts'

test('a machine takes name, person, keys, time zone, Wi-Fi and address from its card', async (t) => {
  const tree = await Tree.make(t)
  const { code, output } = await tree.boot(['os'])
  assert.equal(code, 0, output)
  assert.equal(await tree.read('etc/hostname'), 'pi-7\n')
  assert.match(await tree.read('etc/hosts'), /^127\.0\.1\.1 pi-7$/m)
  assert.equal(await tree.read('home/anna/.ssh/authorized_keys'), `${SETTINGS['SSH_KEY']}\n`)
  assert.match(await tree.read('etc/sudoers.d/bramble'), /^anna ALL=/)
  assert.equal(await tree.read('etc/timezone'), 'Europe/Berlin\n')
  const wifi = await tree.read('etc/wpa_supplicant/wpa_supplicant-wlan0.conf')
  assert.match(wifi, /^country=DE\nnetwork={\n {2}ssid=4c6162\n {2}psk=(ab){32}$/m)
  assert.match(
    await tree.read('etc/systemd/network/05-bramble.network'),
    /Name=wl\*\n\n\[Network\]\nMulticastDNS=yes\nAddress=192.168.1.20\/24\nGateway=192.168.1.1\nDNS=192.168.1.1\nDNS=1.1.1.1\n/,
  )
  assert.deepEqual(await tree.steps(), ['start', 'token-stored', 'identity', 'network-config'])
  assert.equal(await tree.read('sys/class/leds/ACT/trigger'), 'heartbeat\n')
})

test('without a name it is called after its serial number', async (t) => {
  const tree = await Tree.make(t, { HOSTNAME: '' })
  await tree.boot(['os'])
  assert.equal(await tree.read('etc/hostname'), 'bramble-deadbeef\n')
})

test('a system of ifupdown, as in Debian’s own images, gets its address and its Wi-Fi that way', async (t) => {
  const tree = await Tree.make(t)
  await rm(join(tree.root, 'etc/systemd/network'), { recursive: true })
  await tree.write('etc/network/interfaces.d/wlan0', 'iface wlan0 inet dhcp\n')
  await tree.boot(['os'])
  assert.equal(await tree.read('etc/network/interfaces.d/wlan0'), '')
  assert.match(
    await tree.read('etc/network/interfaces.d/bramble'),
    /^iface wlan0 inet static\n {2}address 192.168.1.20\/24\n {2}gateway 192.168.1.1\n/m,
  )
})

test('it joins with the release of the card, and the token is off the card before', async (t) => {
  const tree = await Tree.make(t)
  const { code, output } = await tree.boot(['join'])
  assert.equal(code, 0, output)
  const args = (await tree.read('joined')).trim().split('\n').join(' ')
  const words = ['--stream-port 8444', '--runtime podman', '--label disktype=ssd', '--label zone=a', '--taint camera=only:NoSchedule']
  assert.match(args, /^join --no-start --server https:\/\/192.168.1.10:6443 --token-file \S+join-token /)
  for (const word of words) assert.ok(args.includes(word), word)
  assert.equal(await tree.read('var/lib/bramble/join-token'), `${TOKEN}\n`)
  assert.ok(!(await tree.card('node.env')).includes('b1.'))
  assert.ok(!(await tree.read('var/lib/bramble/card.env')).includes('b1.'))
  assert.ok(!`${output}${args}`.includes('b1.'), 'no secret is said or shown')
  assert.equal(await tree.read('var/lib/bramble/images/words.tar'), 'an archive of images')
  assert.deepEqual(await tree.steps(), ['start', 'token-stored', 'bundle', 'agent-started'])
})

test('joining stays a service of the machine until it is done, whoever called it first', async (t) => {
  const tree = await Tree.make(t)
  await tree.boot(['join'])
  assert.match(await tree.read('etc/systemd/system/bramble-firstboot-join.service'), /^ExecStart=\/usr\/lib\/bramble\/firstboot.sh join$/m)
  assert.ok(
    (await tree.everything()).includes(
      'etc/systemd/system/multi-user.target.wants/bramble-firstboot-join.service -> ../bramble-firstboot-join.service',
    ),
  )
  assert.match(await tree.read('usr/lib/bramble/firstboot.sh'), /^#!\/bin\/sh\n/)
})

test('a node that has joined does nothing: only its name is left on the card', async (t) => {
  const tree = await Tree.make(t)
  await tree.boot(['os', 'join'])
  await tree.write('boot/firmware/bramble/node.env', "# this card has joined; flash it again to join anew\nHOSTNAME='pi-7'\n")
  await rm(join(tree.root, 'joined'))
  const before = await tree.card('status.txt')
  assert.deepEqual(await tree.boot(['os', 'join']), { code: 0, output: '' })
  assert.equal(await tree.read('joined'), '')
  assert.equal(await tree.card('status.txt'), before)
})

const failures = [
  {
    name: 'a damaged bundle',
    settings: { BUNDLE_SHA256: '0'.repeat(64) },
    says: `${BUNDLE} is damaged (its checksum is another): flash the card again`,
  },
  {
    name: 'a bundle that is not there',
    settings: { BUNDLE: 'bramble-0.2.0-linux-arm64.tar.gz' },
    says: 'bramble-0.2.0-linux-arm64.tar.gz is missing on the boot partition: flash the card again',
  },
  {
    name: 'a bundle for other machines',
    settings: { BUNDLE: 'bramble-0.1.0-linux-x64.tar.gz' },
    says: 'bramble-0.1.0-linux-x64.tar.gz does not run on this machine (aarch64)',
  },
  { name: 'no bundle at all', settings: { BUNDLE: undefined }, says: 'this card brings no release of bramble' },
  { name: 'no server', settings: { SERVER: undefined }, says: 'node.env says no SERVER: flash the card again with --server' },
  { name: 'no token', settings: { TOKEN: undefined }, says: 'there is no join token: make one with "bramble token create"' },
  {
    name: 'settings of another time',
    settings: { FORMAT: '2' },
    says: 'node.env on the boot partition has the format 2, and this image knows 1',
  },
  { name: 'damaged settings', settings: { FORMAT: undefined }, says: 'node.env on the boot partition is damaged: flash the card again' },
] as const

for (const { name, settings, says } of failures)
  test(`${name}: it says so on the card, blinks, and would try again`, async (t) => {
    const tree = await Tree.make(t, settings)
    for (const _ of ['first', 'again']) assert.equal((await tree.boot(['join'])).code, 1)
    const failed = (await tree.card('status.txt')).split('\n').filter((line) => line.includes(' failed '))
    assert.ok(failed[0]?.includes(says), failed.join('\n'))
    assert.equal(await tree.read('sys/class/leds/ACT/trigger'), 'timer\n')
  })

test('what a person mended on the card holds from the next start on', async (t) => {
  const tree = await Tree.make(t, { SERVER: undefined })
  await tree.boot(['join'])
  const mended = `${await tree.card('node.env')}SERVER='https://192.168.1.11:6443'\r\n`
  await tree.write('boot/firmware/bramble/node.env', mended)
  assert.equal((await tree.boot(['join'])).code, 0)
  assert.match(await tree.read('joined'), /^https:\/\/192\.168\.1\.11:6443$/m)
})

test('a boot partition that lost its settings in a cut is no loss', async (t) => {
  const tree = await Tree.make(t)
  await tree.boot(['os'])
  await tree.write('boot/firmware/bramble/node.env', '\0'.repeat(512))
  assert.equal((await tree.boot(['os', 'join'])).code, 0)
  assert.equal(await tree.read('var/lib/bramble/join-token'), `${TOKEN}\n`)
})

test('the scripts of the first boot are as ShellCheck wants them', (t) => {
  const checked = spawnSync('shellcheck', [join(import.meta.dirname, 'firstboot.sh')], { encoding: 'utf8' })
  if (checked.error) return t.skip('shellcheck is not here: apt-get install shellcheck')
  assert.equal(checked.stdout, '')
})
