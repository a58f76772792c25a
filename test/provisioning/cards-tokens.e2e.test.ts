import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { A_PSK } from '@bramble/provisioning/card/card.fixture'
import { must, run } from '@bramble/provisioning/run'
import { bramble, serverFlags, startServer, temporaryFolder } from '../../apps/cli/src/cli.fixture.ts'
import { openCluster } from '../../apps/cli/src/cluster.ts'
import { findBundle } from '../../apps/cli/src/flash/find-bundle.ts'
import { binBramble } from '../../apps/cli/src/programs.ts'
import { VERSION } from '../../apps/cli/src/version.ts'
import { onCard } from './card-images.ts'
import { Bench, flash, loopDevice, SERVER } from './flash.fixture.ts'

const cannot =
  (await run('mtype', ['--version'])).exitCode === 127 || (await run('mkfs.vfat', [])).exitCode === 127
    ? 'needs mtools and dosfstools'
    : false

const dataDir = await temporaryFolder({ after })
const server = cannot ? undefined : startServer({ after }, ...(await serverFlags(dataDir)))

describe('cards and the control plane', { skip: cannot }, () => {
  let bench: Bench
  before(async () => {
    bench = await Bench.make()
    await server!.ready
  })
  after(() => bench.remove())

  const common = async (): Promise<readonly string[]> => [
    ...[
      '--image',
      await bench.image('Raspberry Pi OS 12'),
      '--bundle',
      bench.path('bramble-0.1.0-linux-arm64.tar.zst'),
      '--data-dir',
      dataDir,
    ],
    ...['--server', SERVER],
  ]
  /** Rows of `bramble token list`, without their heads. */
  const tokens = async (): Promise<readonly string[]> =>
    (await bramble('token', 'list', '--data-dir', dataDir)).stdout.trim().split('\n').slice(1)
  const tokenOn = async (image: string): Promise<string> => /^TOKEN='(.*)'$/m.exec((await onCard(image, '/bramble/node.env'))!)![1]!

  test('each card gets a token of its own: short-lived, for one use, bound to its name and serial', async () => {
    const args = [
      ...(await common()),
      '--hostname',
      'pi-{n}',
      '--count',
      '2',
      '--output',
      bench.path('{hostname}.img'),
      '--label',
      'disktype=ssd',
    ]
    const { code, stderr } = await flash([...args, '--token-ttl', '2h'])
    assert.equal(code, 0, stderr)
    const [first, second] = [await tokenOn(bench.path('pi-1.img')), await tokenOn(bench.path('pi-2.img'))]
    assert.notEqual(first, second)
    const rows = await tokens()
    for (const [token, name] of [
      [first, 'pi-1'],
      [second, 'pi-2'],
    ] as const) {
      const row = rows.find((line) => line.startsWith(token.split('.')[2]!))
      assert.match(row!, / (119|120)m | 2h /)
      assert.match(row!, new RegExp(` 0/1 .* ${name} .* disktype=ssd$`))
    }
    const serial = await flash([...(await common()), '--serial', '10000000ABCDEF12', '--output', bench.path('serial.img')])
    assert.equal(serial.code, 0, serial.stderr)
    assert.match((await tokens()).find((line) => line.includes('bramble-abcdef12'))!, / 0\/1 /)
  })

  test('a card that could not be made leaves no token behind', async () => {
    const before = await tokens()
    const full = await bench.bundle('bramble-0.4.0-linux-arm64', 45 << 20)
    const { code, stderr } = await flash([...(await common()), '--bundle', full, '--hostname', 'full', '--output', bench.path('full.img')])
    assert.deepEqual([code, /too full/.test(stderr)], [2, true], stderr)
    assert.deepEqual(await tokens(), before)
  })

  test('from another machine it takes a kubeconfig, and the address that a Pi can reach', async () => {
    const kubeconfig = await bench.file('kubeconfig', (await bramble('kubeconfig', '--data-dir', dataDir)).stdout)
    const args = (await common()).slice(0, -4)
    const elsewhere = [
      '--data-dir',
      bench.path('nowhere'),
      '--kubeconfig',
      kubeconfig,
      '--hostname',
      'far',
      '--output',
      bench.path('far.img'),
    ]
    const alone = await flash([...args, ...elsewhere])
    assert.match(alone.stderr, /^bramble: --server is needed: the address of the control plane as the Pi sees it/)
    const { code, stderr } = await flash([...args, ...elsewhere, '--server', SERVER])
    assert.equal(code, 0, stderr)
    assert.ok((await tokens()).some((line) => line.includes(' far ')))
  })

  test('a release that is not here comes from the control plane, once, and is believed by its checksum alone', async () => {
    const name = `bramble-${VERSION}-linux-arm64.tar.zst`
    const content = await readFile(bench.path('bramble-0.1.0-linux-arm64.tar.zst'))
    const note = { sizeBytes: content.length, sha256: createHash('sha256').update(content).digest('hex') }
    const nowhere = { built: bench.path('nowhere'), imported: bench.path('nowhere') }
    const said: string[] = []
    const cluster = openCluster(dataDir)
    process.env['XDG_CACHE_HOME'] = bench.path('cache')
    const find = (): Promise<string> => findBundle(nowhere, cluster, (text) => said.push(text))
    await assert.rejects(find, /no release for the Pi: .* the control plane has none of version .*"npm run release" makes one/)
    await mkdir(join(dataDir, 'releases'), { recursive: true })
    await writeFile(join(dataDir, 'releases', name), content)
    await writeFile(join(dataDir, 'releases', `${name}.json`), JSON.stringify(note))
    const path = await find()
    assert.deepEqual(await readFile(path), content)
    assert.equal(await find(), path)
    assert.equal(said.length, 1)
    await writeFile(path, 'cut')
    assert.deepEqual(await readFile(await find()), content)
    assert.equal(said.length, 2)
    assert.equal(
      await findBundle({ ...nowhere, imported: join(dataDir, 'releases') }, undefined, assert.fail),
      join(dataDir, 'releases', name),
    )
    await assert.rejects(findBundle(nowhere, undefined, assert.fail), /is neither in .* nor in .*; "npm run release" makes one/)
  })

  test('stopped in the middle, it leaves no file and no token', async () => {
    const [before, output] = [await tokens(), bench.path('stopped.img')]
    const large = bench.path('large.img')
    await must('cp', [await bench.image('Raspberry Pi OS 12'), large])
    await truncate(large, 6 * 2 ** 30)
    const flashing = typing([...(await common()), '--image', large, '--hostname', 'stopped', '--output', output])
    await flashing.until(/writing/)
    flashing.child.kill('SIGINT')
    assert.deepEqual(await flashing.ended, 1)
    assert.match(flashing.said(), /bramble: stopped; a card that was being written is blank or unfinished/)
    for (const file of [output, `${output}.part`]) assert.ok(!existsSync(file))
    assert.deepEqual(await tokens(), before)
  })

  describe('with somebody at the keyboard', () => {
    let device: string | undefined
    before(async () => {
      if ((await run('script', ['--version'])).exitCode === 0) device = await loopDevice(bench.path('card'), 96 << 20)
    })
    after(async () => {
      if (device !== undefined) await run('losetup', ['--detach', device])
    })
    const MISSING = 'needs loop devices and script(1)'

    test('only "yes" erases a card', async (t) => {
      if (device === undefined) return t.skip(MISSING)
      const flashing = atTerminal([...(await common()), '--hostname', 'pi-1', '--device', device])
      await flashing.until(/Everything on \/dev\/loop\d+ \(loop device, 101 MB\) will be erased\. Type yes to go on: /)
      flashing.child.stdin!.write('y\n')
      assert.equal(await flashing.ended, 2)
      assert.match(flashing.said(), /nothing was erased/)
      const start = Buffer.alloc(512)
      const disk = await open(device)
      await disk.read(start, 0, 512, 0)
      await disk.close()
      assert.ok(start.every((byte) => byte === 0))
    })

    for (const { name, key } of [
      { name: 'Ctrl-C', key: '\x03' },
      { name: 'the end of what is typed', key: '\x04' },
    ])
      test(`${name} at a question ends it`, async (t) => {
        if (device === undefined) return t.skip(MISSING)
        const flashing = atTerminal([...(await common()), '--hostname', 'pi-1', '--device', device])
        await flashing.until(/Type yes to go on: /)
        flashing.child.stdin!.write(key)
        assert.equal(await flashing.ended, 1)
        assert.match(flashing.said(), /bramble: stopped/)
      })

    test('a batch asks for the passphrase once, unseen, for yes once, and for each card', async (t) => {
      if (device === undefined) return t.skip(MISSING)
      const args = [...(await common()), '--hostname', 'pi-{n}', '--count', '2', '--device', device, '--wifi', 'IEEE', '--country', 'DE']
      const flashing = atTerminal(args)
      await flashing.until(/Passphrase of the Wi-Fi "IEEE": /)
      flashing.child.stdin!.write('passwoxx\x7f\x7frd\r')
      await flashing.until(/Type yes to go on: /)
      flashing.child.stdin!.write('yes\n')
      await flashing.until(/Put the next card into \/dev\/loop\d+, for pi-2, and press Enter/)
      assert.match((await onCard(device, '/bramble/node.env'))!, new RegExp(`^HOSTNAME='pi-1'[\\s\\S]*^WIFI_PSK_HEX='${A_PSK}'$`, 'm'))
      flashing.child.stdin!.write('\n')
      assert.equal(await flashing.ended, 0, flashing.said())
      assert.match((await onCard(device, '/bramble/node.env'))!, /^HOSTNAME='pi-2'$/m)
      assert.doesNotMatch(flashing.said(), /passwo/)
      assert.equal(flashing.said().split('Type yes').length, 2)
      assert.match(flashing.said(), /What next:/)
    })
  })
})

interface Typing {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  said(): string
  /** Resolves when this has been said; rejects when the program ends before. */
  until(what: RegExp): Promise<void>
}

const typing = (args: readonly string[]): Typing => watched(spawn(process.execPath, [binBramble, 'flash', ...args], { stdio: 'pipe' }))

/** On a terminal of its own. */
function atTerminal(args: readonly string[]): Typing {
  const quoted = [process.execPath, binBramble, 'flash', ...args].map((word) => `'${word}'`).join(' ')
  return watched(spawn('script', ['--quiet', '--return', '--command', quoted, '/dev/null'], { stdio: 'pipe' }))
}

function watched(child: ChildProcess): Typing {
  let text = ''
  const ended = once(child, 'close').then(([code]) => code as number | null)
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  return {
    child,
    ended,
    said: () => text,
    until: (what) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (what.test(text)) resolve()
        }
        child.stdout!.on('data', look)
        ended.then(() => reject(new Error(`ended without ${what}: ${text}`))).catch(reject)
        look()
      }),
  }
}
