import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { temporaryFolder } from './cli.fixture.ts'
import { root as repository } from './programs.ts'
import { parseSlotStatus, restartServer, ServerSlot } from './server-slot.ts'
import { changeServer, type ServerMachine } from './upgrade-server.ts'

const LIMIT = { timeout: 60_000 }
const PROGRAMS = {
  /** Ready at once. */
  works: 'echo VERSION >ANSWER; trap "rm -f ANSWER; exit 0" TERM; while :; do sleep 0.2; done',
  crashes: 'exit 1',
  /** Never ready. */
  hangs: 'trap "exit 0" TERM; while :; do sleep 0.2; done',
} as const

/** The real launcher under the real supervisor; its releases are scripts, and "answering" is a file that they write. */
async function aMachine(t: TestContext, programs: Readonly<Record<string, keyof typeof PROGRAMS>>) {
  const folder = await temporaryFolder(t)
  const answer = join(folder, 'answer')
  const script = async (path: string, text: string): Promise<string> => {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
    await chmod(path, 0o755)
    return `${createHash('sha256').update(text).digest('hex')}  ${path.slice(path.indexOf('/bin/') + 1)}\n`
  }
  for (const [version, behaviour] of Object.entries(programs)) {
    const release = join(folder, 'releases', version)
    const text = `#!/bin/sh\n${PROGRAMS[behaviour].replaceAll('VERSION', version).replaceAll('ANSWER', answer)}\n`
    await writeFile(join(folder, 'sums'), await script(join(release, 'bin/bramble'), text))
    await copyFile(join(folder, 'sums'), join(release, 'SHA256SUMS'))
  }
  await mkdir(join(folder, 'server'))
  await symlink('../releases/0.1.0', join(folder, 'server/current'))
  await mkdir(join(folder, 'log'))
  const launcher = join(folder, 'launcher')
  await copyFile(join(repository, 'provisioning/node/launcher'), launcher)
  await chmod(launcher, 0o755)
  process.env['BRAMBLE_ROOT'] = folder // for the launcher; tests of a file run one after the other
  const supervisor = spawn(join(repository, 'bin/supervise'), ['control-plane', join(folder, 'log'), launcher, 'server', 'run'], {
    stdio: 'ignore',
  })
  t.after(async () => {
    supervisor.kill('SIGTERM')
    await once(supervisor, 'close')
    delete process.env['BRAMBLE_ROOT']
  })
  while (!existsSync(answer)) await delay(20)
  const slot = new ServerSlot(launcher)
  const machine: ServerMachine = {
    status: () => slot.status(),
    stage: (version, seconds) => slot.stage(version, seconds),
    commit: (version) => slot.commit(version),
    restart: async () => {
      await rm(answer, { force: true })
      await restartServer(folder, false)
    },
    answering: async () => (await readFile(answer, 'utf8').catch(() => '')).trim() || undefined,
  }
  const said: string[] = []
  const change = (version: string, seconds = 30) => changeServer(machine, { version, seconds, say: (line) => said.push(line), lookMs: 100 })
  return { machine, change, said, slot }
}

test('a control plane is brought to another release, which stays', LIMIT, async (t) => {
  const { machine, change, said, slot } = await aMachine(t, { '0.1.0': 'works', '0.2.0': 'works' })
  await change('0.2.0')
  assert.deepEqual(await slot.status(), { current: '0.2.0', trial: undefined, givenUp: new Map() })
  assert.equal(await machine.answering(), '0.2.0')
  assert.deepEqual(said, [
    '0.2.0 is staged; starting it (if it is not ready within 30 s, 0.1.0 returns by itself)',
    'the control plane runs 0.2.0; nodes connect again by themselves',
  ])
  await change('0.2.0')
  assert.equal(said.at(-1), 'the control plane runs 0.2.0 already')
})

test('a release that crashes is given up; the old one runs again, and the bad one is refused from then on', LIMIT, async (t) => {
  const { machine, change, slot } = await aMachine(t, { '0.1.0': 'works', '0.2.0': 'crashes' })
  await assert.rejects(
    change('0.2.0'),
    /^Error: 0\.2\.0 was given up: crashed 3 times, the last time with exit code 1; 0\.1\.0 runs again, with its store$/,
  )
  while ((await machine.answering()) !== '0.1.0') await delay(20)
  assert.equal((await slot.status()).trial, undefined)
  await assert.rejects(change('0.2.0'), /0\.2\.0 was given up: crashed 3 times.*"launcher server forget 0\.2\.0" lets it be tried again/)
})

test('a release that is never ready is given up when its time is over', LIMIT, async (t) => {
  const { machine, change } = await aMachine(t, { '0.1.0': 'works', '0.2.0': 'hangs' })
  await assert.rejects(change('0.2.0', 2), /^Error: 0\.2\.0 was given up: not healthy within 2 s; 0\.1\.0 runs again/)
  while ((await machine.answering()) !== '0.1.0') await delay(20)
})

test('what is not there, or damaged, is not staged', LIMIT, async (t) => {
  const { change, slot } = await aMachine(t, { '0.1.0': 'works', '0.2.0': 'works' })
  await assert.rejects(change('0.3.0'), /0\.3\.0 is not complete in/)
  await writeFile(join(process.env['BRAMBLE_ROOT']!, 'releases/0.2.0/bin/bramble'), '#!/bin/sh\nexit 0\n')
  await assert.rejects(change('0.2.0'), /0\.2\.0 is not complete in/)
  assert.equal((await slot.status()).current, '0.1.0')
})

test('what a launcher says of its slot is read', () => {
  const text = 'current 0.1.0\nprevious 0.0.9\ntrial 0.2.0 1 600 - 5 -\nreturned 0.1.5 2 never in contact\nbad 0.1.9 crashed 3 times\n'
  assert.deepEqual(parseSlotStatus(text), {
    current: '0.1.0',
    trial: '0.2.0',
    givenUp: new Map([
      ['0.1.5', 'never in contact'],
      ['0.1.9', 'crashed 3 times'],
    ]),
  })
  assert.deepEqual(parseSlotStatus('current \nprevious \n'), { current: undefined, trial: undefined, givenUp: new Map() })
})

test('where no control plane runs, none is started again', async (t) => {
  await assert.rejects(
    restartServer(await temporaryFolder(t), false),
    /no control plane runs on this machine; start it with "bramble up" first/,
  )
})
