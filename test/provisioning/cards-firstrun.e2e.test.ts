import assert from 'node:assert/strict'
import { cp, mkdir, readFile } from 'node:fs/promises'
import { describe, test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { aCard, aPlainCard, AN_SSH_KEY } from '@bramble/provisioning/card/card.fixture'
import type { Card } from '@bramble/provisioning/card/card'
import { planCard } from '@bramble/provisioning/card/plan'
import { run } from '@bramble/provisioning/run'
import { LAYOUTS, type LayoutName } from './card-images.ts'
import { RootTree } from './root-tree.ts'

const scripts = fileURLToPath(new URL('../../provisioning/node/', import.meta.url))
const firstrun = await readFile(`${scripts}/firstrun.sh`, 'utf8')
const BUNDLE = { file: 'bramble-0.1.0-linux-arm64.tar.gz', sha256: 'ab'.repeat(32) }
const REASON = 'needs root and overlay mounts'

/** What keeps the network on the systems that need firstrun.sh, and where its words then stand. */
const NETWORKS = ['NetworkManager', 'dhcpcd', 'systemd-networkd', 'ifupdown'] as const
type Network = (typeof NETWORKS)[number]

/** A tree with the card's boot partition in it, as the system finds it when it starts from the card. */
async function started(
  t: TestContext,
  card: Card,
  network: Network,
  layout: LayoutName = 'Raspberry Pi OS 12',
): Promise<RootTree | undefined> {
  const tree = process.getuid?.() === 0 ? await RootTree.make() : undefined
  if (!tree) {
    t.skip(REASON)
    return undefined
  }
  t.after(() => tree.remove())
  const { label, files } = LAYOUTS[layout]
  const boot = { label, names: Object.keys(files), texts: new Map<string, string>(Object.entries(files)) }
  for (const [path, text] of Object.entries(files)) await tree.write(`boot/firmware/${path}`, text)
  for (const { path, content } of planCard(boot, card, BUNDLE, firstrun).texts) await tree.write(`boot/firmware/${path}`, content, 0o755)
  await cp(`${scripts}/firstboot.sh`, tree.path('boot/firmware/bramble/firstboot.sh'))
  await tree.write('etc/hostname', 'raspberrypi\n')
  await tree.write('etc/hosts', '127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n')
  const unit = '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n'
  for (const name of ['ssh', ...(network === 'ifupdown' ? [] : [network])]) await tree.write(`etc/systemd/system/${name}.service`, unit)
  await tree.write('etc/systemd/system/wpa_supplicant@.service', unit)
  await mkdir(tree.path('etc/network/interfaces.d'), { recursive: true })
  await mkdir(tree.path('etc/sudoers.d'), { recursive: true })
  if (network === 'dhcpcd') await tree.write('etc/dhcpcd.conf', 'hostname\n')
  if (network !== 'ifupdown') await tree.inside('systemctl', '-q', 'enable', network)
  return tree
}

const firstBoot = (tree: RootTree): ReturnType<RootTree['inside']> => tree.inside('/boot/firmware/bramble/firstrun.sh')

describe('the first boot of a system without cloud-init', () => {
  test('firstrun.sh is a script for any sh, and shellcheck has nothing to say', async (t) => {
    assert.equal((await run('sh', ['-n', `${scripts}/firstrun.sh`])).exitCode, 0)
    const checked = await run('shellcheck', ['-s', 'sh', '-S', 'warning', `${scripts}/firstrun.sh`])
    if (checked.exitCode === 127) return t.skip('shellcheck is missing')
    assert.equal(checked.stdout, '')
  })

  test('name, user, keys, time zone and the service that joins are there, and the script is out of the way', async (t) => {
    const tree = await started(t, aCard(), 'NetworkManager')
    if (!tree) return
    const ran = await firstBoot(tree)
    assert.equal(ran.exitCode, 0, ran.stderr)
    assert.doesNotMatch((await tree.read('boot/firmware/bramble/status.txt'))!, /failed/)
    assert.equal(await tree.read('etc/hostname'), 'pi-1\n')
    assert.equal(await tree.read('etc/hosts'), '127.0.0.1\tlocalhost\n127.0.1.1\tpi-1\n')
    assert.match((await tree.read('etc/shadow'))!, /^bramble:\*:/m)
    assert.equal(await tree.read('home/bramble/.ssh/authorized_keys'), `${AN_SSH_KEY}\n`)
    const owner = (await tree.inside('id', '-u', 'bramble')).stdout
    assert.equal(await tree.rights('home/bramble/.ssh'), `700 ${owner}`)
    assert.equal(await tree.rights('home/bramble/.ssh/authorized_keys'), `600 ${owner}`)
    assert.equal(await tree.read('etc/sudoers.d/010-bramble'), 'bramble ALL=(ALL) NOPASSWD:ALL\n')
    assert.equal(await tree.rights('etc/sudoers.d/010-bramble'), '440 0')
    assert.equal(await tree.read('etc/timezone'), 'Europe/Berlin\n')
    assert.equal((await tree.inside('readlink', '/etc/localtime')).stdout, '/usr/share/zoneinfo/Europe/Berlin')
    for (const unit of ['ssh', 'bramble-firstboot-join'])
      assert.equal((await tree.inside('systemctl', 'is-enabled', `${unit}.service`)).stdout, 'enabled', unit)
    assert.equal(await tree.read('usr/lib/bramble/firstboot.sh'), await readFile(`${scripts}/firstboot.sh`, 'utf8'))
    const cmdline = (await tree.read('boot/firmware/cmdline.txt'))!
    assert.doesNotMatch(cmdline, /systemd\.run/)
    assert.match(cmdline, /^console=serial0,115200 [^\n]* cgroup_enable=memory cgroup_memory=1 cfg80211\.ieee80211_regdom=DE\n$/)
  })

  const WORDS: Readonly<
    Record<Network, { readonly file: string; readonly wifi: RegExp; readonly cable: RegExp; readonly cableFile?: RegExp }>
  > = {
    NetworkManager: {
      file: 'etc/NetworkManager/system-connections/bramble.nmconnection',
      wifi: /^type=wifi[\s\S]*^ssid=73;69;69;69;$[\s\S]*^psk=f42c6fc5\w{56}$[\s\S]*^address1=192\.168\.1\.20\/24,192\.168\.1\.1$\n^dns=192\.168\.1\.1;1\.1\.1\.1;$/m,
      cable: /^type=ethernet[\s\S]*^method=manual\naddress1=192\.168\.1\.20\/24,192\.168\.1\.1$/m,
    },
    dhcpcd: {
      file: 'etc/wpa_supplicant/wpa_supplicant.conf',
      wifi: /^country=DE$[\s\S]*^\tssid=49454545\n\tpsk=f42c6fc5\w{56}$/m,
      cable:
        /^hostname\n# bramble: begin\ninterface \w+\nstatic ip_address=192\.168\.1\.20\/24\nstatic routers=192\.168\.1\.1\nstatic domain_name_servers=192\.168\.1\.1 1\.1\.1\.1\n# bramble: end\n$/,
      cableFile: /etc\/dhcpcd\.conf/,
    },
    'systemd-networkd': {
      file: 'etc/systemd/network/05-bramble.network',
      wifi: /^Name=wlan0\n\n\[Network\]\nAddress=192\.168\.1\.20\/24\nGateway=192\.168\.1\.1\nDNS=192\.168\.1\.1\nDNS=1\.1\.1\.1$/m,
      cable: /^Name=\w+\n\n\[Network\]\nAddress=192\.168\.1\.20\/24$/m,
    },
    ifupdown: {
      file: 'etc/network/interfaces.d/wlan0',
      wifi: /^iface wlan0 inet static\n\taddress 192\.168\.1\.20\/24\n\tgateway 192\.168\.1\.1\n\tdns-nameservers 192\.168\.1\.1 1\.1\.1\.1\n\twpa-conf/m,
      cable: /^iface eth0 inet static\n\taddress 192\.168\.1\.20\/24$/m,
    },
  }
  for (const network of NETWORKS)
    test(`Wi-Fi and a fixed address, where ${network} keeps the network; the key is for root alone`, async (t) => {
      const tree = await started(t, aCard(), network)
      if (!tree) return
      await firstBoot(tree)
      assert.match((await tree.read(WORDS[network].file))!, WORDS[network].wifi)
      const holders = (await tree.inside('grep', '-rlE', aCard().wifi!.pskHex!, '/etc')).stdout.split('\n').filter(Boolean)
      assert.ok(holders.length > 0)
      for (const holder of holders) assert.equal(await tree.rights(holder), '600 0', holder)
    })
  for (const network of NETWORKS)
    test(`a fixed address on the cable, where ${network} keeps the network`, async (t) => {
      const tree = await started(t, aCard({ wifi: undefined }), network)
      if (!tree) return
      await firstBoot(tree)
      const { file, cable, cableFile } = WORDS[network]
      const path = cableFile ? 'etc/dhcpcd.conf' : file.replace('wlan0', 'eth0')
      assert.match((await tree.read(path))!, cable)
    })

  test('a name of a network that means something to a shell is only a name', async (t) => {
    const ssid = `'; touch /oops; "$(touch /oops)`
    const tree = await started(t, aCard({ wifi: { ssid, pskHex: undefined, isHidden: true } }), 'NetworkManager')
    if (!tree) return
    await firstBoot(tree)
    assert.equal(await tree.read('oops'), undefined)
    const file = (await tree.read(WORDS.NetworkManager.file))!
    assert.match(file, new RegExp(`^ssid=${[...Buffer.from(ssid)].join(';')};\nhidden=true$`, 'm'))
    assert.doesNotMatch(file, /wifi-security/)
  })

  test('what a card does not ask for stays as the image has it', async (t) => {
    const tree = await started(t, aPlainCard({ hostname: 'pi-9' }), 'NetworkManager')
    if (!tree) return
    await firstBoot(tree)
    assert.equal(await tree.read(WORDS.NetworkManager.file), undefined)
    assert.equal(await tree.read('home/bramble/.ssh/authorized_keys'), '')
  })

  test('without a name and without a serial number the rest is done, and the status file says what is missing', async (t) => {
    const tree = await started(t, aCard({ hostname: undefined }), 'NetworkManager')
    if (!tree) return
    assert.equal((await firstBoot(tree)).exitCode, 0)
    assert.match((await tree.read('boot/firmware/bramble/status.txt'))!, /^\d+ failed set_name: /m)
    assert.equal((await tree.inside('systemctl', 'is-enabled', 'bramble-firstboot-join.service')).stdout, 'enabled')
  })

  test('Debian keeps the words of the kernel through the next update of it', async (t) => {
    const tree = await started(t, aCard(), 'ifupdown', 'Debian')
    if (!tree) return
    await tree.write('etc/default/raspi-firmware', '')
    await tree.write('etc/default/raspi-extra-cmdline', 'quiet\n')
    await tree.write('etc/shadow', (await tree.read('etc/shadow'))!.replace(/^root:[^:]*:/m, 'root::'))
    for (const _ of [1, 2]) await firstBoot(tree)
    assert.equal(
      await tree.read('etc/default/raspi-extra-cmdline'),
      'quiet cgroup_enable=memory cgroup_memory=1 cfg80211.ieee80211_regdom=DE\n',
    )
    assert.equal(await tree.read('etc/default/raspi-firmware-custom'), '\n[all]\ndtparam=watchdog=on\n')
    assert.match((await tree.read('etc/shadow'))!, /^root:\*:/m)
  })

  const steps = firstrun.match(/^ {2}step .*$/gm) ?? []
  for (const step of steps)
    test(`power is cut after "${step.trim()}": the next start ends as if it had not been`, async (t) => {
      const [cut, whole] = [await started(t, aCard(), 'NetworkManager'), await started(t, aCard(), 'NetworkManager')]
      if (!cut || !whole) return
      await cut.write('boot/firmware/bramble/firstrun.sh', firstrun.replace(step, `${step}\n  exit 0`), 0o755)
      await firstBoot(cut)
      await cut.write('boot/firmware/bramble/firstrun.sh', firstrun, 0o755)
      await firstBoot(cut)
      await firstBoot(whole)
      const made = [
        'etc/hostname',
        'etc/hosts',
        'etc/passwd',
        'etc/group',
        'etc/sudoers.d/010-bramble',
        'home/bramble/.ssh/authorized_keys',
        WORDS.NetworkManager.file,
      ]
      for (const file of [...made, 'boot/firmware/cmdline.txt']) assert.equal(await cut.read(file), await whole.read(file), file)
    })

  test('somebody else’s command at the first boot stays in cmdline.txt', async (t) => {
    const tree = await started(t, aCard(), 'NetworkManager')
    if (!tree) return
    const theirs = 'systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target'
    await tree.write(
      'boot/firmware/cmdline.txt',
      `a systemd.run=-/boot/firmware/bramble/firstrun.sh systemd.run=-/boot/bramble/firstrun.sh ${theirs}\n`,
    )
    await firstBoot(tree)
    assert.equal(await tree.read('boot/firmware/cmdline.txt'), `a ${theirs}\n`)
  })

  test('systemd runs our script, wherever the partition is mounted, and starts the machine again', async (t) => {
    const generator = '/usr/lib/systemd/system-generators/systemd-run-generator'
    const tree = await started(t, aCard(), 'NetworkManager')
    if (!tree) return
    if ((await tree.inside('test', '-x', generator)).exitCode !== 0) return t.skip('systemd is missing')
    const cmdline = (await tree.read('boot/firmware/cmdline.txt'))!.trim()
    await mkdir(tree.path('run/generated'), { recursive: true })
    await tree.inside('env', `SYSTEMD_PROC_CMDLINE=${cmdline}`, generator, '/run/generated', '/run/generated', '/run/generated')
    const unit = (await tree.read('run/generated/kernel-command-line.service'))!
    assert.match(unit, /^ExecStart=-\/boot\/firmware\/bramble\/firstrun\.sh$/m)
    assert.match(unit, /^ExecStart=-\/boot\/bramble\/firstrun\.sh$/m)
    assert.match(unit, /^SuccessAction=reboot$/m)
  })
})
