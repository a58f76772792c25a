import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { StatusReport } from '@bramble/link/link'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { PodEvents } from '../pods/events.ts'
import { runChecks } from './all.ts'
import { preflightCommand } from './command.ts'
import { applyFix } from './fixes.ts'
import { preflightConditions, table, withWords } from './plan.ts'
import { MACHINES, PROGRAMS, TreeHost } from './tree-host.fixture.ts'
import { PreflightWatch } from './watch.ts'

const PI = MACHINES['Raspberry Pi OS bookworm']
const BOOT = '/boot/firmware/cmdline.txt'

/** The files of a machine in a folder of the test's. */
async function aRoot(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'bramble-preflight-'))
  t.after(() => rm(root, { recursive: true }))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  return root
}

test('words join the first line, once, and everything else stays', () => {
  assert.equal(withWords('console=tty1 root=x\n', ['a=1', 'b']), 'console=tty1 root=x a=1 b\n')
  assert.equal(withWords('console=tty1 a=1 root=x\n', ['a=1', 'b']), 'console=tty1 a=1 root=x b\n')
  assert.equal(withWords('a=1 b', ['a=1', 'b']), 'a=1 b')
  assert.equal(withWords('', ['a=1']), 'a=1')
})

test('what is mended is mended once, and what was there is kept', async (t) => {
  const root = await aRoot(t, { [BOOT]: PI[BOOT], '/proc/sys/net/ipv4/ip_forward': '0\n' })
  const loaded: string[] = []
  const written: string[] = []
  let isFirst = true
  const look = async (): Promise<TreeHost> => {
    const files = { ...PI, '/proc/sys/net/ipv4/ip_forward': '0\n', '/sys/module/overlay/refcnt': '0' }
    const host = new TreeHost(
      isFirst
        ? Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith('/sys/module/overlay')))
        : { ...files, [BOOT]: await readFile(join(root, BOOT), 'utf8') },
      PROGRAMS,
    )
    isFirst = false
    return host
  }
  const tools = { root, loadModule: async (name: string) => void loaded.push(name) }
  const parts = { look, tools, write: (text: string) => void written.push(text) }
  assert.equal(await preflightCommand('fix', parts), 1, 'a reboot is still missing')
  assert.equal(await readFile(join(root, BOOT), 'utf8'), `${PI[BOOT].trim()} cgroup_enable=memory cgroup_memory=1\n`)
  assert.equal(await readFile(join(root, `${BOOT}.before-bramble`), 'utf8'), PI[BOOT])
  assert.equal(await readFile(join(root, '/proc/sys/net/ipv4/ip_forward'), 'utf8'), '1')
  assert.equal(await readFile(join(root, '/etc/sysctl.d/90-bramble.conf'), 'utf8'), 'net.ipv4.ip_forward = 1\n')
  assert.deepEqual(loaded, ['overlay'])
  assert.match(written.join(''), /memory cgroup: added "cgroup_enable=memory cgroup_memory=1" to \/boot\/firmware\/cmdline.txt/)
  assert.match(written.join(''), /\/boot\/firmware\/cmdline.txt is right already: reboot/)
  await preflightCommand('fix', parts)
  assert.equal(await readFile(join(root, BOOT), 'utf8'), `${PI[BOOT].trim()} cgroup_enable=memory cgroup_memory=1\n`)
  assert.equal(await readFile(join(root, `${BOOT}.before-bramble`), 'utf8'), PI[BOOT])
  assert.equal(await readFile(join(root, '/etc/sysctl.d/90-bramble.conf'), 'utf8'), 'net.ipv4.ip_forward = 1\n')
})

test('what cannot be mended is said, and the rest is mended', async (t) => {
  const root = await aRoot(t, {})
  const written: string[] = []
  const look = async (): Promise<TreeHost> =>
    new TreeHost(Object.fromEntries(Object.entries(MACHINES.Debian).filter(([path]) => !path.startsWith('/sys/module/overlay'))), PROGRAMS)
  const loadModule = async (): Promise<void> => {
    throw new Error('modprobe failed with exit code 1: not found')
  }
  assert.equal(await preflightCommand('fix', { look, tools: { root, loadModule }, write: (text) => void written.push(text) }), 0)
  assert.match(written.join(''), /kernel modules: could not be mended: modprobe failed/)
})

test('a fix that names what is there already changes nothing', async (t) => {
  const root = await aRoot(t, { [BOOT]: 'root=x a=1\n' })
  assert.equal(await applyFix({ type: 'words', path: BOOT, words: ['a=1'] }, { root }), `${BOOT} was right already`)
  await assert.rejects(readFile(join(root, `${BOOT}.before-bramble`)), { code: 'ENOENT' })
})

test('people read a line for each check, and what to do', () => {
  const text = table(runChecks(new TreeHost(PI, PROGRAMS)))
  assert.match(text, /^fail {2}memory cgroup {6}the kernel does not count memory/m)
  assert.match(text, /→ add "cgroup_enable=memory cgroup_memory=1".*\(--fix does it\)$/m)
  assert.match(text, /^ok {4}DNS {2}/m)
})

test('a check only says; it exits with 0 when nothing fails', async () => {
  const written: string[] = []
  const parts = { look: async () => new TreeHost(MACHINES.Debian, PROGRAMS), write: (text: string) => void written.push(text) }
  assert.equal(await preflightCommand('check', parts), 0)
  assert.equal(await preflightCommand('check', { ...parts, look: async () => new TreeHost(PI, PROGRAMS) }), 1)
})

test('conditions of the node are True when there is trouble', () => {
  const states = (host: TreeHost): Record<string, string> =>
    Object.fromEntries(preflightConditions(runChecks(host)).map(({ type, status }) => [type, status]))
  assert.deepEqual(states(new TreeHost(MACHINES.Debian, PROGRAMS)), {
    MemoryCgroupMissing: 'False',
    ClockWrong: 'False',
    PreflightFailed: 'False',
  })
  assert.deepEqual(states(new TreeHost(PI, {}, { nowMs: 0 })), { MemoryCgroupMissing: 'True', ClockWrong: 'True', PreflightFailed: 'True' })
})

test('a wrong clock is told once, and the condition goes when the time is right', async (t) => {
  const env = simEnv()
  const reports: StatusReport[] = []
  let nowMs = 0
  let changes = 0
  const stop = new AbortController()
  const watch = new PreflightWatch({
    env,
    look: () => new TreeHost(MACHINES.Debian, PROGRAMS, { nowMs }),
    events: new PodEvents(env, 'pi-1', (report) => reports.push(report)),
    changed: async () => {
      changes++
    },
  })
  const wrong = (): string | undefined => watch.conditions.find(({ type }) => type === 'ClockWrong')?.status
  assert.equal(wrong(), 'True', 'known before the first status is told')
  const run = watch.run(stop.signal)
  t.after(async () => {
    stop.abort()
    await env.clock.advance(0)
    await run
  })
  await env.clock.advance(1_900_000)
  assert.deepEqual(
    reports.map((report) => report.type === 'event' && report.event.reason),
    ['PreflightFailed'],
  )
  nowMs = Date.UTC(2026, 5, 1)
  await env.clock.advance(700_000)
  assert.deepEqual([wrong(), changes], ['False', 1])
})
