import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import { freePorts } from '../../apps/cli/src/cli.fixture.ts'
import { openCluster } from '../../apps/cli/src/cluster.ts'
import { must, run } from '../../provisioning/src/run.ts'
import { TestReleases } from './test-release.ts'

// A control plane that is installed from a release, upgraded by its own command to one that works and to one that does not.

const LIMIT = { timeout: 240_000 }
const ANSWER_MS_MAX = 90_000
const skip = process.getuid?.() === 0 ? false : 'needs root: it changes what a service runs'

/** Works for a moment, as its store shows, and then changes the store's format and crashes. */
const SPOILS_THE_STORE = `
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
const folder = JSON.parse(process.env.BRAMBLE_CONFIG)['data-dir'] + '/server'
const child = spawn(process.execPath, [import.meta.dirname + '/working.js'], { stdio: 'inherit' })
const looking = setInterval(() => {
  if (readFileSync(folder + '/store.version', 'utf8').trim() === '0.4.0') child.kill('SIGKILL')
}, 50)
child.on('close', () => {
  clearInterval(looking)
  const store = new DatabaseSync(folder + '/store.db')
  store.exec("PRAGMA user_version = 99; DELETE FROM objects")
  store.close()
  process.exit(1)
})
`

let releases: TestReleases
let folder: string
before(async () => {
  if (skip) return
  releases = await TestReleases.create()
  folder = await mkdtemp(join(tmpdir(), 'bramble-server-upgrade-'))
})
after(async () => {
  await releases?.remove()
  if (folder) await rm(folder, { recursive: true, force: true })
})

test('a control plane is upgraded, returns from a release that spoils its store, and goes back to a copy', {
  ...LIMIT,
  skip,
}, async (t) => {
  const machine = await install(await releases.make('0.2.0'))
  t.after(() => machine.stop())
  await machine.answers('0.2.0')
  await machine.note('before')
  await machine.bramble('release', 'import', await releases.make('0.3.0'), await spoiled(machine.controlPlane))

  const upgraded = await machine.bramble('upgrade', '--server', '--version', '0.3.0')
  assert.match(upgraded, /0\.3\.0 is staged.*\nthe control plane runs 0\.3\.0; nodes connect again by themselves$/)
  await machine.answers('0.3.0')
  await machine.note('after')
  assert.deepEqual(await machine.copies(), ['0.2.0'])

  const failed = await machine.tryBramble('upgrade', '--server', '--version', '0.4.0')
  assert.equal(failed.exitCode, 1)
  assert.match(failed.stderr, /0\.4\.0 was given up: crashed 3 times, the last time with exit code 1; 0\.3\.0 runs again, with its store/)
  await machine.answers('0.3.0')
  assert.deepEqual(await machine.notes(), ['after', 'before'])
  assert.ok((await machine.copies()).includes('0.4.0'), 'what the bad one left is kept')

  await machine.stop()
  const copy = (await readdir(machine.backups)).find((name) => name.endsWith('-0.2.0.db'))!
  assert.match(
    await machine.bramble('server', '--restore', join(machine.backups, copy)),
    /^restored .*-0\.2\.0\.db; what stood there is in .*-0\.3\.0\.db$/,
  )
  machine.start()
  await machine.answers('0.3.0')
  assert.deepEqual(await machine.notes(), ['before'])

  await machine.stop()
  await machine.launcher('stage', '0.2.0', '40')
  machine.start()
  await machine.answers('0.2.0')
  assert.match(await machine.launcher('status'), /^trial 0\.2\.0 1 40 /m)
  while (/^trial/m.test(await machine.launcher('status'))) await delay(200) // nobody waits for it: it proves itself
  assert.match(await machine.launcher('status'), /^current 0\.2\.0$/m)
})

/** @param working Path of a control plane of version 0.2.0. */
const spoiled = async (working: string): Promise<string> =>
  await releases.make('0.4.0', undefined, {
    'lib/control-plane/main.js': SPOILS_THE_STORE,
    'lib/control-plane/working.js': (await readFile(working, 'utf8')).replaceAll('0.2.0', '0.4.0'),
  })

async function install(archive: string) {
  const opt = join(folder, 'opt')
  const data = join(folder, 'data')
  const release = join(opt, 'releases/0.2.0')
  await mkdir(release, { recursive: true })
  await mkdir(join(opt, 'server'))
  await mkdir(join(data, 'log'), { recursive: true })
  await must('tar', ['--zstd', '-xf', archive, '-C', release, '--strip-components=1'])
  await copyFile(join(release, 'share/launcher'), join(opt, 'launcher'))
  await symlink('../releases/0.2.0', join(opt, 'server/current'))
  const [api, mqtt, stream] = await freePorts(3)
  const here = ['--data-dir', data]
  const settings = {
    'data-dir': data,
    'listen-address': '127.0.0.1',
    'advertise-address': '127.0.0.1',
    'api-port': String(api),
    'mqtt-port': String(mqtt),
    'stream-port': String(stream),
  }
  const env = { BRAMBLE_ROOT: opt }
  const command = [join(release, 'bin/supervise'), 'control-plane', join(data, 'log'), join(opt, 'launcher'), 'server', 'run'] as const
  const begin = () =>
    spawn(command[0], command.slice(1), { stdio: 'ignore', env: { ...process.env, ...env, BRAMBLE_CONFIG: JSON.stringify(settings) } })
  let supervisor = begin()
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => openCluster(data).call<T>(method, path, body)
  const tryBramble = (...args: readonly string[]) =>
    run(join(opt, 'server/current/bin/bramble'), [...args, ...here], { env, limitMs: 200_000 })
  return {
    controlPlane: join(release, 'lib/control-plane/main.js'),
    backups: join(data, 'server/backups'),
    start: () => {
      supervisor = begin()
    },
    stop: async () => {
      if (supervisor.exitCode !== null || supervisor.signalCode !== null) return
      supervisor.kill('SIGTERM')
      await once(supervisor, 'close')
    },
    /** @throws when that version does not come to answer. */
    answers: async (version: string) => {
      for (let waitedMs = 0; ; waitedMs += 200) {
        const is = await call<{ gitVersion: string }>('GET', '/version').catch((error: Error) => error)
        if (!(is instanceof Error) && is.gitVersion.endsWith(`+bramble.${version}`)) return
        if (waitedMs > ANSWER_MS_MAX) throw new Error(`not ${version} but: ${is instanceof Error ? is.message : is.gitVersion}`)
        await delay(200)
      }
    },
    note: (name: string) => call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name } }),
    notes: async (): Promise<readonly string[]> => {
      const { items } = await call<{ items: { metadata: { name: string } }[] }>('GET', '/api/v1/namespaces/default/configmaps')
      return items
        .map(({ metadata }) => metadata.name)
        .filter((name) => !name.startsWith('kube-'))
        .sort()
    },
    copies: async (): Promise<readonly string[]> => (await readdir(join(data, 'server/backups'))).map((name) => name.slice(21, -3)).sort(),
    launcher: (...args: readonly string[]): Promise<string> => must(join(opt, 'launcher'), ['server', ...args], { env }),
    tryBramble,
    bramble: async (...args: readonly string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await tryBramble(...args)
      assert.equal(exitCode, 0, stderr)
      return stdout
    },
  }
}
