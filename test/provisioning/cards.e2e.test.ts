import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, stat } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { parse } from 'yaml'
import { AN_SSH_KEY, A_PSK } from '@bramble/provisioning/card/card.fixture'
import { run } from '@bramble/provisioning/run'
import { EXT4_BYTES, EXT4_START, FAT_BYTES, FAT_START, folderOnCard, LAYOUTS, type LayoutName, onCard } from './card-images.ts'
import { A_TOKEN, Bench, flash, loopDevice, SERVER } from './flash.fixture.ts'

const cannot =
  (await run('mtype', ['--version'])).exitCode === 127 || (await run('mkfs.vfat', [])).exitCode === 127
    ? 'needs mtools and dosfstools'
    : false

describe('bramble flash, read back by other tools', { skip: cannot }, () => {
  let bench: Bench
  before(async () => {
    bench = await Bench.make()
    await bench.file('id.pub', `${AN_SSH_KEY}\n`)
    await bench.file('passphrase', 'password\n')
  })
  after(() => bench.remove())

  const everything = (): readonly string[] => [
    ...['--hostname', 'pi-1', '--user', 'anna', '--ssh-key', bench.path('id.pub'), '--timezone', 'Europe/Berlin'],
    ...['--wifi', 'IEEE', '--wifi-passphrase-file', bench.path('passphrase'), '--country', 'DE'],
    ...['--static-ip', '192.168.1.20/24', '--gateway', '192.168.1.1', '--dns', '192.168.1.1', '--dns', '1.1.1.1'],
    ...['--label', 'disktype=ssd', '--taint', 'camera=only:NoSchedule', '--runtime', 'podman', '--metered', '--serial', '10000000ABCDEF12'],
  ]

  for (const layout of Object.keys(LAYOUTS) as LayoutName[])
    test(`a card of ${layout} holds what was asked, and is sound`, async () => {
      const { scheme, files } = LAYOUTS[layout] as { scheme: string; files: Record<string, string> }
      const [image, output] = [await bench.image(layout), bench.path(`${scheme}-${layout}-out.img`.replaceAll(' ', '-'))]
      const { code, stderr, stdout } = await flash(['--image', image, '--output', output, ...bench.usual, ...everything()])
      assert.deepEqual([code, stderr], [0, ''])
      assert.match(stdout, /^writing .* 100 %.*$[\s\S]*^checking .* 100 %.*$[\s\S]*ssh anna@pi-1/m)

      assert.equal(
        await onCard(output, '/bramble/node.env'),
        [
          `FORMAT='1'`,
          `HOSTNAME='pi-1'`,
          `USER='anna'`,
          `SSH_KEY='${AN_SSH_KEY}'`,
          `TIMEZONE='Europe/Berlin'`,
          `WIFI_SSID_HEX='49454545'`,
          `WIFI_PSK_HEX='${A_PSK}'`,
          `WIFI_COUNTRY='DE'`,
          `ADDRESS='192.168.1.20/24'`,
          `GATEWAY='192.168.1.1'`,
          `DNS='192.168.1.1,1.1.1.1'`,
          `SERVER='${SERVER}'`,
          `STREAM_PORT='8444'`,
          `TOKEN='${A_TOKEN}'`,
          `LABELS='disktype=ssd'`,
          `TAINTS='camera=only:NoSchedule'`,
          `RUNTIME='podman'`,
          `METERED='1'`,
          `BUNDLE='bramble-0.1.0-linux-arm64.tar.gz'`,
          `BUNDLE_SHA256='${await sha256OnCard(output, '/bramble/bramble-0.1.0-linux-arm64.tar.gz')}'`,
        ].join('\n'),
      )
      for (const name of ['firstboot.sh', 'launcher'])
        assert.equal(await onCard(output, `/bramble/${name}`), (await readFile(`provisioning/node/${name}`, 'utf8')).trimEnd())

      const cmdlinePath = 'current/cmdline.txt' in files ? 'current/cmdline.txt' : 'cmdline.txt'
      const cmdline = (await onCard(output, `/${cmdlinePath}`))!
      assert.doesNotMatch(cmdline, /\n/)
      for (const word of files[cmdlinePath]!.trim().split(' ')) assert.ok(cmdline.split(' ').includes(word), word)
      assert.match(cmdline, / cgroup_enable=memory cgroup_memory=1 cfg80211\.ieee80211_regdom=DE/)
      assert.match((await onCard(output, '/config.txt'))!, /^dtparam=watchdog=on$/m)
      if (scheme === 'cloud-init') await checkCloudInit(output, layout)
      if (scheme === 'firstrun' || scheme === 'debian') {
        assert.match(cmdline, / systemd\.run=-\/boot\/firmware\/bramble\/firstrun\.sh .*systemd\.run_success_action=reboot/)
        const script = await bench.file('firstrun.sh', `${await onCard(output, '/bramble/firstrun.sh')}\n`)
        assert.equal((await run('sh', ['-n', script])).exitCode, 0)
      }
      await checkSound(output, image)
      assert.equal(((await stat(output)).mode & 0o777).toString(8), '600', 'it holds a token')
    })

  async function checkCloudInit(output: string, layout: LayoutName): Promise<void> {
    const [data, meta, network] = await Promise.all(
      ['user-data', 'meta-data', 'network-config'].map(
        async (name) => parse((await onCard(output, `/${name}`))!) as Record<string, unknown>,
      ),
    )
    assert.match((await onCard(output, '/user-data'))!, /^#cloud-config\n/)
    assert.equal(data!['hostname'], 'pi-1')
    assert.deepEqual(data!['user'], {
      shell: '/bin/bash',
      lock_passwd: true,
      sudo: 'ALL=(ALL) NOPASSWD:ALL',
      name: 'anna',
      ssh_authorized_keys: [AN_SSH_KEY],
    })
    assert.equal(data!['chpasswd'], undefined, 'no password that everybody knows')
    assert.match(String(meta!['instance-id']), /^bramble-/)
    assert.equal(meta!['dsmode'], 'local')
    const { wifis, ethernets } = network!['network'] as { wifis: { wlan0: Record<string, unknown> }; ethernets: Record<string, unknown> }
    assert.deepEqual(wifis.wlan0['access-points'], { IEEE: { password: A_PSK } })
    assert.deepEqual(wifis.wlan0['addresses'], ['192.168.1.20/24'])
    assert.deepEqual(Object.keys(ethernets), layout === 'Ubuntu 25.10' ? ['eth0', 'eth1'] : ['eth0'])
  }

  const sha256OnCard = async (image: string, path: string): Promise<string> =>
    (await run('sh', ['-c', 'mtype -i "$1" "::$2" | sha256sum | cut -c -64', 'sh', `${image}@@${FAT_START}`, path])).stdout

  /** The boot partition is a FAT in order, the release on it unpacks, and the system's partition is that of the image. */
  async function checkSound(output: string, image: string): Promise<void> {
    const fat = bench.path('fat')
    const copy = (path: string, out: string, start: number, bytes: number): Promise<unknown> =>
      run('dd', [`if=${path}`, `of=${out}`, 'bs=1M', `skip=${start >> 20}`, `count=${bytes >> 20}`, 'status=none'])
    await copy(output, fat, FAT_START, FAT_BYTES)
    const checked = await run('fsck.vfat', ['-n', fat])
    assert.equal(checked.exitCode, 0, checked.stdout)
    await copy(output, bench.path('root-out'), EXT4_START, EXT4_BYTES)
    await copy(image, bench.path('root-in'), EXT4_START, EXT4_BYTES)
    assert.equal((await run('cmp', [bench.path('root-out'), bench.path('root-in')])).exitCode, 0)
    const listed = await run('sh', [
      '-c',
      'mtype -i "$1" ::/bramble/bramble-0.1.0-linux-arm64.tar.gz | tar -tz',
      'sh',
      `${output}@@${FAT_START}`,
    ])
    assert.match(listed.stdout, /^bramble-0\.1\.0\/bin\/bramble$/m)
  }

  test('a loop device is written and read back like a card', async (t) => {
    const device = await loopDevice(bench.path('card'), 96 << 20)
    if (device === undefined) return t.skip('there are no loop devices')
    try {
      const image = await bench.image('Raspberry Pi OS 12')
      assert.equal((await run('xz', ['-kf', image])).exitCode, 0)
      const { code, stderr, stdout } = await flash([
        '--image',
        `${image}.xz`,
        '--device',
        device,
        '--yes',
        '--hostname',
        'pi-2',
        ...bench.usual,
      ])
      assert.equal(code, 0, stderr)
      assert.match(stderr, /^bramble: warning: no --ssh-key: nobody will be able to log in\n$/)
      assert.match(stdout, /pi-2: done; take the card out/)
      assert.match((await onCard(device, '/bramble/node.env'))!, /^HOSTNAME='pi-2'$/m)
      await checkSound(device, image)
    } finally {
      await run('losetup', ['--detach', device])
    }
  })

  test('a list makes a card of each line, with what the line says and what the options say for all', async () => {
    const image = await bench.image('bramble')
    await mkdir(bench.path('batch'), { recursive: true })
    await bench.file('tokens', `${A_TOKEN}\n${A_TOKEN.replace('abc123', 'abc124')}\n${A_TOKEN.replace('abc123', 'abc125')}\n`)
    const list = await bench.file(
      'cards.csv',
      'hostname,static-ip,label,wifi\nkitchen,192.168.1.21/24,place=kitchen,\nshed,192.168.1.22/24,"place=shed;roof=tin",IEEE\n,,,\n',
    )
    const args = [
      '--image',
      image,
      '--from',
      list,
      '--output',
      `${bench.path('batch')}/{n}-{hostname}.img`,
      '--label',
      'site=home',
      '--country',
      'DE',
    ]
    const { code, stderr } = await flash([...args, ...bench.usual, '--token-file', bench.path('tokens')], {
      BRAMBLE_WIFI_PASSPHRASE: 'password',
    })
    assert.equal(code, 0, stderr)
    const envs = await Promise.all(
      ['1-kitchen', '2-shed', '3-card-3'].map((name) => onCard(bench.path(`batch/${name}.img`), '/bramble/node.env')),
    )
    assert.match(
      envs[0]!,
      /^HOSTNAME='kitchen'[\s\S]*^ADDRESS='192\.168\.1\.21\/24'[\s\S]*\.abc123\.[\s\S]*^LABELS='site=home,place=kitchen'$/m,
    )
    assert.match(envs[1]!, /^HOSTNAME='shed'[\s\S]*WIFI_PSK_HEX[\s\S]*\.abc124\.[\s\S]*^LABELS='site=home,place=shed,roof=tin'$/m)
    assert.match(envs[2]!, /^HOSTNAME=''[\s\S]*\.abc125\./m)
    assert.doesNotMatch(envs[0]!, /WIFI_SSID_HEX/)
  })

  test('a card that was made is made anew: another name and release, and nothing of the old left', async () => {
    const [image, once, twice] = [await bench.image('Raspberry Pi OS 13'), bench.path('once.img'), bench.path('twice.img')]
    const newer = await bench.bundle('bramble-0.2.0-linux-arm64', 2000)
    await flash(['--image', image, '--output', once, '--hostname', 'pi-1', ...bench.usual])
    const { code, stderr } = await flash(['--image', once, '--output', twice, '--hostname', 'pi-2', ...bench.usual, '--bundle', newer])
    assert.equal(code, 0, stderr)
    assert.deepEqual((await folderOnCard(twice, '/bramble')).toSorted(), [
      ...['bramble/bramble-0.2.0-linux-arm64.tar.gz', 'bramble/firstboot.sh', 'bramble/launcher', 'bramble/node.env'],
    ])
    assert.equal((parse((await onCard(twice, '/user-data'))!) as Record<string, unknown>)['hostname'], 'pi-2')
    assert.equal((await onCard(twice, '/cmdline.txt'))!.split('cgroup_enable=memory').length, 2)
  })

  test('the first boot finds on the card what it needs to join, and takes the token off it', async () => {
    const top = 'bramble-0.5.0'
    const said =
      '#!/bin/sh\nfor word; do echo "$word"; done >"$BRAMBLE_TREE/said"\ncat "$BRAMBLE_TREE/var/lib/bramble/join-token" >"$BRAMBLE_TREE/token"\n'
    for (const folder of ['bin', 'share', 'lib/cni']) await mkdir(bench.path(`${top}/${folder}`), { recursive: true })
    for (const [name, text] of [
      ['bin/bramble', said],
      ['share/launcher', '#!/bin/sh\n'],
      ['lib/cni/bridge', ''],
    ] as const) {
      await bench.file(`${top}/${name}`, text)
      await chmod(bench.path(`${top}/${name}`), 0o755)
    }
    const bundle = bench.path(`${top}-linux-arm64.tar.zst`)
    assert.equal((await run('tar', ['-C', bench.folder, '-I', 'zstd -q', '-cf', bundle, top])).exitCode, 0)
    const output = bench.path('joining.img')
    const card = await flash([
      '--image',
      await bench.image('bramble'),
      '--output',
      output,
      ...bench.usual,
      ...everything(),
      '--bundle',
      bundle,
    ])
    assert.equal(card.code, 0, card.stderr)

    const tree = bench.path('tree')
    for (const folder of ['boot/firmware', 'usr/local/bin', 'etc/systemd/system', 'run', 'proc'])
      await mkdir(`${tree}/${folder}`, { recursive: true })
    const copied = await run('mcopy', ['-s', '-i', `${output}@@${FAT_START}`, '::bramble', `${tree}/boot/firmware/`])
    assert.equal(copied.exitCode, 0, copied.stderr)
    const env = { BRAMBLE_TREE: tree, BRAMBLE_MACHINE: 'aarch64' }
    const joined = await run('sh', [`${tree}/boot/firmware/bramble/firstboot.sh`, 'join'], { env })
    assert.equal(joined.exitCode, 0, joined.stdout)
    const words = (await readFile(`${tree}/said`, 'utf8')).trim().split('\n')
    const after = (flag: string): string | undefined => words[words.indexOf(flag) + 1]
    assert.equal(words[0], 'join')
    assert.deepEqual(['--server', '--stream-port', '--runtime', '--label', '--taint'].map(after), [
      SERVER,
      '8444',
      'podman',
      'disktype=ssd',
      'camera=only:NoSchedule',
    ])
    assert.ok(words.includes('--metered'))
    assert.equal(await readFile(`${tree}/token`, 'utf8'), `${A_TOKEN}\n`)
    assert.doesNotMatch(await readFile(`${tree}/boot/firmware/bramble/node.env`, 'utf8'), /b1\./)
    assert.doesNotMatch(await readFile(`${tree}/boot/firmware/bramble/status.txt`, 'utf8'), / failed /)
  })

  test('images for the Pi go on the card, and without a release when the image has one', async () => {
    const preload = await bench.file('busybox.tar', 'x'.repeat(100_000))
    const args = ['--image', await bench.image('bramble'), '--output', bench.path('preload.img'), '--hostname', 'pi-1']
    const { code, stderr } = await flash([...args, '--preload', preload, ...bench.usual, '--no-bundle'])
    assert.equal(code, 0, stderr)
    assert.equal((await onCard(bench.path('preload.img'), '/bramble/images/busybox.tar'))?.length, 100_000)
    assert.doesNotMatch((await onCard(bench.path('preload.img'), '/bramble/node.env'))!, /BUNDLE/)
  })
})
