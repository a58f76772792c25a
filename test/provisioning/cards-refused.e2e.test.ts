import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { AN_SSH_KEY } from '@bramble/provisioning/card/card.fixture'
import { must, run } from '@bramble/provisioning/run'
import { FAT_START, LAYOUTS, makeImage } from './card-images.ts'
import { Bench, flash, loopDevice } from './flash.fixture.ts'

const cannot =
  (await run('mtype', ['--version'])).exitCode === 127 || (await run('mkfs.vfat', [])).exitCode === 127
    ? 'needs mtools and dosfstools'
    : false

/** What is wrong; what is typed beside the usual; what is said. `$` is the bench's folder. */
interface Refusal {
  readonly name: string
  readonly args: readonly string[]
  readonly says: RegExp
  readonly environment?: Readonly<Record<string, string>>
  /** Instead of an output file. */
  readonly target?: readonly string[]
}

const GOOD = ['--image', '$/good.img', '--hostname', 'pi-1']
const OPTIONS: readonly Refusal[] = [
  { name: 'no image', args: ['--hostname', 'pi-1'], says: /^bramble: say --image, a file or an address/ },
  { name: 'neither a card nor a file', args: GOOD, target: [], says: /^bramble: say --device, the card, or --output, a file/ },
  { name: 'a card and a file', args: [...GOOD, '--device', '/dev/sdz'], says: /--device and --output: say one of them/ },
  { name: 'an image for 32 bits', args: ['--image', '$/raspios_lite_armhf.img'], says: /is for 32 bits; .* arm64/ },
  { name: 'an image that is not there', args: ['--image', '$/none.img', '--hostname', 'pi-1'], says: /none\.img.*not there/ },
  {
    name: 'a file that is there already',
    args: [...GOOD],
    target: ['--output', '$/good.img'],
    says: /good\.img is there already; --yes replaces it/,
  },
  { name: 'a host name that is none', args: [...GOOD, '--hostname', 'Pi_1'], says: /^bramble: --hostname "Pi_1" must be/ },
  {
    name: 'several cards of one name',
    args: [...GOOD, '--count', '2'],
    target: ['--output', '$/{n}.img'],
    says: /card 2: --hostname "pi-1" is that of card 1 already; put \{n\}/,
  },
  {
    name: 'several cards in one file',
    args: [...GOOD, '--hostname', 'pi-{n}', '--count', '2'],
    says: /--output .* is that of card 1 already/,
  },
  { name: 'no cards', args: [...GOOD, '--count', '0'], says: /--count 0: must be a whole number from 1 to 1000/ },
  { name: 'a country that is none', args: [...GOOD, '--country', 'UK'], says: /--country "UK" must be GB/ },
  { name: 'Wi-Fi without a country', args: [...GOOD, '--wifi', 'x', '--wifi-open'], says: /--country is needed with Wi-Fi/ },
  {
    name: 'Wi-Fi without a passphrase, and nobody to ask',
    args: [...GOOD, '--wifi', 'x', '--country', 'DE'],
    says: /--wifi-passphrase for "x" is needed/,
  },
  {
    name: 'a short passphrase, which is not shown',
    args: [...GOOD, '--wifi', 'x', '--country', 'DE'],
    environment: { BRAMBLE_WIFI_PASSPHRASE: 'hunter2' },
    says: /^(?![\s\S]*hunter2).*8 to 63 characters.*this has 7/,
  },
  {
    name: 'a file of a passphrase that is not there',
    args: [...GOOD, '--wifi', 'x', '--country', 'DE', '--wifi-passphrase-file', '$/none'],
    says: /--wifi-passphrase-file \S+none is not there\n$/,
  },
  { name: 'a private key', args: [...GOOD, '--ssh-key', '$/id'], says: /--ssh-key .*is a private key.*\.pub/ },
  { name: 'a file of keys that is not there', args: [...GOOD, '--ssh-key', '$/none.pub'], says: /--ssh-key \S+none\.pub is not there/ },
  { name: 'a label of Kubernetes itself', args: [...GOOD, '--label', 'kubernetes.io/arch=arm'], says: /--label .*cannot be given/ },
  {
    name: 'a server that is this machine',
    args: [...GOOD, '--server', 'https://localhost:6443'],
    says: /--server .* is this machine only/,
  },
  {
    name: 'a token that is none',
    args: [...GOOD, '--token-file', '$/not-a-token'],
    says: /--token-file \S+, line 1: the join token is malformed/,
  },
  {
    name: 'fewer tokens than cards',
    args: [...GOOD, '--hostname', 'pi-{n}', '--count', '2'],
    target: ['--output', '$/{n}.img'],
    says: /holds 1, and 2 cards need one each/,
  },
  {
    name: 'no control plane on this machine',
    args: [...GOOD, '--token-file', '', '--data-dir', '$/nowhere'],
    says: /no control plane has run on this machine.*"bramble kubeconfig" there prints what --kubeconfig takes/,
  },
  { name: 'a kubeconfig that is none', args: [...GOOD, '--kubeconfig', '$/good.img'], says: /--kubeconfig \S+good\.img is far too large/ },
  { name: 'a kubeconfig in which nothing stands', args: [...GOOD, '--kubeconfig', '$/id'], says: /--kubeconfig \S+id is damaged/ },
  {
    name: 'a release for PCs',
    args: [...GOOD, '--bundle', '$/bramble-0.1.0-linux-x64.tar.zst'],
    says: /is for PCs; a Pi needs bramble-0\.1\.0-linux-arm64\.tar\.zst/,
  },
  {
    name: 'a release that is not there',
    args: [...GOOD, '--bundle', '$/bramble-9.9.9-linux-arm64.tar.zst'],
    says: /is not there; "npm run release" makes it/,
  },
  {
    name: 'a release that was cut short',
    args: [...GOOD, '--bundle', '$/cut/bramble-0.1.0-linux-arm64.tar.zst'],
    says: /is damaged: .*fetch or make it again/,
  },
  {
    name: 'a release with another checksum',
    args: [...GOOD, '--bundle', '$/sums/bramble-0.1.0-linux-arm64.tar.zst'],
    says: /is damaged: SHA256SUMS beside it gives another/,
  },
  {
    name: 'something else for a release',
    args: [...GOOD, '--bundle', '$/bramble-0.3.0-linux-arm64.tar.zst'],
    says: /is no release of Bramble: no tar/,
  },
  {
    name: 'no release, on an image that has none',
    args: [...GOOD, '--no-bundle'],
    says: /has no release of bramble inside.*leave --no-bundle out/,
  },
  { name: 'container images that are packed', args: [...GOOD, '--preload', '$/x.tar.gz'], says: /--preload \S+: must be a \.tar/ },
]

const IMAGES: readonly Refusal[] = [
  {
    name: 'an image with another checksum',
    args: [...GOOD, '--sha256', 'ab'.repeat(32)],
    says: /its SHA-256 is [0-9a-f]{64}, but --sha256 says (ab){32}: download it again/,
  },
  { name: 'a checksum that is none', args: [...GOOD, '--sha256', 'abc'], says: /64 hexadecimal|sha256|checksum/i },
  {
    name: 'an image that was cut short',
    args: ['--image', '$/cut.img.xz', '--hostname', 'pi-1'],
    says: /cut\.img\.xz.*(damaged|ends|short|complete)/,
  },
  { name: 'an image that is not packed as its name says', args: ['--image', '$/lies.img.xz', '--hostname', 'pi-1'], says: /lies\.img\.xz/ },
  {
    name: 'an image cut in its system',
    args: ['--image', '$/half.img', '--hostname', 'pi-1'],
    says: /partition 2 ends at byte \d+, the disk at \d+: was the image cut short/,
  },
  {
    name: 'a file of zeros',
    args: ['--image', '$/zeros.img', '--hostname', 'pi-1'],
    says: /no disk that a Pi starts from: has no partition table: its start is empty/,
  },
  {
    name: 'an image of another system for the Pi',
    args: ['--image', '$/other.img', '--hostname', 'pi-1'],
    says: /unknown kind; its boot partition "BOOT" holds cmdline\.txt, config\.txt, kernel8\.img: neither cloud-init/,
  },
  {
    name: 'an image for PCs',
    args: ['--image', '$/pc.img', '--hostname', 'pi-1'],
    says: /no config\.txt, so no Raspberry Pi starts from it \(this looks like an image for PCs\)/,
  },
  {
    name: 'an image with a user-data that nothing can be added to',
    args: ['--image', '$/script.img', '--hostname', 'pi-1'],
    says: /user-data on the image begins with "#!\/bin\/sh"/,
  },
  {
    name: 'an image whose boot partition is too full, with the numbers',
    args: [...GOOD, '--bundle', '$/bramble-0.4.0-linux-arm64.tar.zst'],
    says: /boot partition "bootfs" of the image is too full: 4\d\.\d MiB are to go on it \(bramble-0\.4\.0-linux-arm64\.tar\.gz alone takes 4\d\.\d MiB\), 39\.\d MiB are free\. Nothing was changed/,
  },
]

describe('what bramble flash refuses', { skip: cannot, concurrency: 2 }, () => {
  let bench: Bench
  before(async () => {
    bench = await Bench.make()
    const { files } = LAYOUTS['Raspberry Pi OS 12']
    await makeImage(bench.path('good.img'), { label: 'bootfs', files })
    const boot = { 'config.txt': 'a=1\n', 'cmdline.txt': 'a\n', 'kernel8.img': 'x' }
    await makeImage(bench.path('other.img'), { label: 'BOOT', files: boot })
    await makeImage(bench.path('pc.img'), { label: 'ESP', files: { 'EFI/BOOT/BOOTX64.EFI': 'x' } })
    await makeImage(bench.path('script.img'), { label: 'bootfs', files: { ...boot, 'user-data': '#!/bin/sh\n' } })
    const good = await readFile(bench.path('good.img'))
    await bench.file('zeros.img', Buffer.alloc(8 << 20))
    await bench.file('half.img', good.subarray(0, FAT_START + (41 << 20)))
    await bench.file('lies.img.xz', good.subarray(0, 8 << 20))
    await must('sh', [
      '-c',
      'xz -1 -c "$1"/good.img >"$1"/whole.xz && head -c $(($(stat -c %s "$1"/whole.xz) / 2)) "$1"/whole.xz >"$1"/cut.img.xz',
      'sh',
      bench.folder,
    ])
    await bench.file('id', '-----BEGIN OPENSSH PRIVATE KEY-----\nx\n')
    await bench.file('not-a-token', 'b1.hello\n')
    await bench.file('bramble-0.1.0-linux-x64.tar.zst', 'x')
    await bench.file('bramble-0.3.0-linux-arm64.tar.zst', 'x')
    await must('sh', ['-c', 'echo hello | zstd -qf - -o "$1"', 'sh', bench.path('bramble-0.3.0-linux-arm64.tar.zst')])
    await bench.bundle('bramble-0.4.0-linux-arm64', 45 << 20)
    for (const folder of ['cut', 'sums']) await mkdir(bench.path(folder))
    const bundle = await readFile(bench.path('bramble-0.1.0-linux-arm64.tar.zst'))
    await bench.file('cut/bramble-0.1.0-linux-arm64.tar.zst', bundle.subarray(0, 300))
    await bench.file('sums/bramble-0.1.0-linux-arm64.tar.zst', bundle)
    await bench.file('sums/SHA256SUMS', `${'ab'.repeat(32)}  bramble-0.1.0-linux-arm64.tar.zst\n`)
  })
  after(() => bench.remove())

  const here = (text: string): string => text.replace('$', bench.folder)
  /** The usual flags, unless the case has its own. */
  const usualFor = (args: readonly string[]): readonly string[] => {
    const usual = bench.usual.flatMap((flag, index) => (index % 2 === 0 ? [[flag, bench.usual[index + 1]!]] : []))
    const isOwn = ([flag]: readonly string[]): boolean =>
      args.includes(flag!) ||
      (flag === '--bundle' && args.includes('--no-bundle')) ||
      (flag === '--token-file' && args.includes('--kubeconfig'))
    return usual.filter((pair) => !isOwn(pair)).flat()
  }

  for (const { name, args, says, environment, target } of [...OPTIONS, ...IMAGES])
    test(name, async () => {
      const output = bench.path(`${name.replaceAll(/\W/g, '-')}.img`)
      const typed = [...args, ...(target ?? ['--output', output])].map(here)
      const given = args.includes('') ? typed.filter((word, index) => word !== '' && typed[index + 1] !== '') : typed
      const { code, stdout, stderr } = await flash([...usualFor(args), ...given], { BRAMBLE_WIFI_PASSPHRASE: '', ...environment })
      assert.equal(code, 2, `${stdout}\n${stderr}`)
      assert.match(stderr.replace(/^bramble: warning: .*\n/gm, ''), says)
      for (const file of [output, `${output}.part`]) assert.ok(!existsSync(file), 'nothing is left behind')
    })

  test('bad lines of a list are told all at once, by their numbers', async () => {
    const list = await bench.file(
      'bad.csv',
      `hostname,country,ssh-key,static-ip,metered\nPi-1,DE,,,\npi-2,UK,/none.pub,,\npi-3,,,192.168.1.0/24,maybe\npi-2,DE,"${AN_SSH_KEY}",,yes\npi-5\n`,
    )
    const { code, stderr } = await flash([
      '--image',
      bench.path('good.img'),
      '--from',
      list,
      '--output',
      bench.path('{n}.img'),
      ...bench.usual,
    ])
    assert.equal(code, 2)
    assert.deepEqual(stderr.trim().split('\n'), [
      'bramble: bad.csv:2: hostname "Pi-1" must be lower case: pi-1',
      'bramble: bad.csv:3: ssh-key /none.pub is not there',
      'bramble: bad.csv:3: country "UK" must be GB',
      'bramble: bad.csv:4: metered "maybe" must be yes or no',
      'bramble: bad.csv:4: static-ip "192.168.1.0/24" is the address of the network itself; take one inside it',
      'bramble: bad.csv:5: hostname "pi-2" is that of bad.csv:3 already',
      'bramble: bad.csv:6: has 1 columns, the first line names 5; text with a comma needs quotes: "a,b"',
    ])
  })

  const DEVICES: readonly { readonly name: string; readonly device: () => Promise<string>; readonly says: RegExp }[] = [
    {
      name: 'a device that is not there',
      device: async () => '/dev/sdzz',
      says: /--device \/dev\/sdzz: is not there: is the card in its reader\?/,
    },
    { name: 'a file as a device', device: async () => bench.path('good.img'), says: /is no device: to make an image file, use --output/ },
    { name: 'the disk that this system runs from', device: systemDisk, says: /is not written: it is the system disk/ },
  ]
  for (const { name, device, says } of DEVICES)
    test(name, async (t) => {
      const path = await device()
      if (path === '') return t.skip('this machine shows no disk of its own')
      const { code, stderr } = await flash([
        ...bench.usual,
        '--image',
        bench.path('good.img'),
        '--hostname',
        'pi-1',
        '--device',
        path,
        '--yes',
      ])
      assert.equal(code, 2)
      assert.match(stderr, says)
    })

  test('a card that is too small, one that is mounted, and one that nobody may be asked about', async (t) => {
    const device = await loopDevice(bench.path('small'), 16 << 20)
    if (device === undefined) return t.skip('there are no loop devices')
    const args = [...bench.usual, '--image', bench.path('good.img'), '--hostname', 'pi-1', '--device', device]
    try {
      const small = await flash([...args, '--yes'])
      assert.deepEqual(
        [small.code, /is too small: it holds 16777216 bytes, the image needs 54525952/.test(small.stderr)],
        [2, true],
        small.stderr,
      )
      const alone = await flash(args)
      assert.match(alone.stderr, /nobody can be asked whether the card may be erased: say --yes/)
      await must('mkfs.ext4', ['-q', device])
      await mkdir(bench.path('mounted'))
      if ((await run('mount', [device, bench.path('mounted')])).exitCode !== 0) return t.skip('nothing can be mounted here')
      try {
        const mounted = await flash([...args, '--yes'])
        assert.match(mounted.stderr, /it is mounted at \S+mounted: unmount it first/)
      } finally {
        await must('umount', [bench.path('mounted')])
      }
    } finally {
      await run('losetup', ['--detach', device])
    }
  })

  test('a card stays as it was when its image can be looked into and has no room', async (t) => {
    const device = await loopDevice(bench.path('kept'), 96 << 20)
    if (device === undefined) return t.skip('there are no loop devices')
    try {
      await must('mkfs.ext4', ['-q', '-L', 'photos', device])
      const full = bench.path('bramble-0.4.0-linux-arm64.tar.zst')
      const args = [...usualFor(['--bundle']), '--bundle', full, '--image', bench.path('good.img'), '--hostname', 'pi-1']
      const { code, stderr } = await flash([...args, '--device', device, '--yes'])
      assert.deepEqual([code, /is too full/.test(stderr)], [2, true], stderr)
      assert.equal((await run('e2label', [device])).stdout, 'photos')
    } finally {
      await run('losetup', ['--detach', device])
    }
  })

  test('a card whose image turns out to be of no use is blank afterwards, not half a system', async (t) => {
    const device = await loopDevice(bench.path('blank'), 96 << 20)
    if (device === undefined) return t.skip('there are no loop devices')
    try {
      await must('sh', ['-c', 'xz -1kf "$1"', 'sh', bench.path('other.img')])
      const { code, stderr } = await flash([
        ...bench.usual,
        '--image',
        bench.path('other.img.xz'),
        '--hostname',
        'pi-1',
        '--device',
        device,
        '--yes',
      ])
      assert.deepEqual([code, /unknown kind/.test(stderr)], [2, true], stderr)
      const start = Buffer.alloc(1 << 20, 1)
      const disk = await open(device)
      await disk.read(start, 0, start.length, 0)
      await disk.close()
      assert.ok(start.every((byte) => byte === 0))
    } finally {
      await run('losetup', ['--detach', device])
    }
  })
})

async function systemDisk(): Promise<string> {
  const { stdout } = await run('lsblk', ['--json', '--output', 'path,type,mountpoints'])
  const blocks = (JSON.parse(stdout || '{"blockdevices":[]}') as { blockdevices: { path: string; type: string }[] }).blockdevices
  return blocks.find((block) => block.type === 'disk' && JSON.stringify(block).includes('"/"'))?.path ?? ''
}
