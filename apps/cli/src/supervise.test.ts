import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, watch } from 'node:fs'
import { chmod, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { binSupervise } from './programs.ts'

const LIMIT = { timeout: 20_000 }

/**
 * `bin/supervise` with a program in sh. Time does not pass: `sleep` is ours, notes what it was asked for and returns at once, but
 * for those of the rotation and of the end, which wait until the file `go` is there.
 */
async function supervised(t: TestContext, program: string, prepare: (folder: string) => Promise<void> = async () => {}) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-supervise-'))
  await prepare(folder)
  const sleep = `#!/bin/sh\necho "$1" >>${folder}/sleeps\ncase $1 in 0.1) [ -e ${folder}/go ] || /bin/sleep 0.1;; 60) until [ -e ${folder}/go ]; do /bin/sleep 0.02; done;; esac\n`
  await writeFile(join(folder, 'sleep'), sleep)
  await chmod(join(folder, 'sleep'), 0o755)
  const child = spawn(binSupervise, ['x', folder, '/bin/sh', '-c', program], {
    stdio: 'ignore',
    env: { PATH: `${folder}:${process.env['PATH']}`, FOLDER: folder },
  })
  const exited = once(child, 'exit')
  t.after(async () => {
    await writeFile(join(folder, 'go'), '')
    child.kill()
    await exited
    await rm(folder, { recursive: true, force: true })
  })
  const read = (name: string): string => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '')
  return { folder, child, exited, read, until: (condition: () => boolean) => becomesTrue(folder, condition) }
}

/** Looks whenever something changes in the folder. */
function becomesTrue(folder: string, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!condition()) return
      watcher.close()
      resolve()
    }
    const watcher = watch(folder, look)
    look()
  })
}

/** The process of a shell that has written its pid. */
const isAlive = (pid: number): boolean => {
  const state = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : ''
  return state !== '' && !/\) Z /.test(state)
}

const exitCode = async ({ exited }: { readonly child: ChildProcess; readonly exited: Promise<unknown[]> }): Promise<unknown> =>
  (await exited)[0]

test('a program that crashes is started again, after a pause that doubles up to half a minute', LIMIT, async (t) => {
  const it = await supervised(t, 'echo run >>$FOLDER/runs; exit 3')
  await it.until(() => it.read('runs').split('\n').length > 8)
  const pauses = it
    .read('sleeps')
    .split('\n')
    .filter((pause) => pause !== '60' && pause !== '')
  assert.deepEqual(pauses.slice(0, 7), ['1', '2', '4', '8', '16', '30', '30'])
  assert.match(it.read('x.log'), /^supervise: x starts\nsupervise: x ended with 3, again in 1 s\nsupervise: x ended with 3, again in 2 s\n/)
})

test('exit code 78 says that starting again cannot help', LIMIT, async (t) => {
  const it = await supervised(t, 'echo "--api-port is wrong" >&2; exit 78')
  assert.equal(await exitCode(it), 78)
  assert.equal(it.read('x.log'), 'supervise: x starts\n--api-port is wrong\n')
  assert.ok(!existsSync(join(it.folder, 'x.pid')))
})

test('TERM reaches the program, and both end when it does', LIMIT, async (t) => {
  const it = await supervised(t, 'trap "echo bye; exit 0" TERM; echo $$ >$FOLDER/pid; while :; do /bin/sleep 0.05; done')
  await it.until(() => it.read('pid') !== '')
  assert.equal(Number(it.read('x.pid')), it.child.pid)
  it.child.kill('SIGTERM')
  assert.equal(await exitCode(it), 0)
  assert.equal(it.read('x.log'), 'supervise: x starts\nbye\n')
  assert.ok(!existsSync(join(it.folder, 'x.pid')))
  assert.ok(!isAlive(Number(it.read('pid'))))
})

test('TERM during the pause ends at once', LIMIT, async (t) => {
  const it = await supervised(t, 'exit 1', async (folder) => writeFile(join(folder, 'x.log'), ''))
  await it.until(() => it.read('sleeps').includes('1'))
  it.child.kill('SIGTERM')
  assert.equal(await exitCode(it), 0)
})

test('a program that does not heed TERM is killed', LIMIT, async (t) => {
  const it = await supervised(t, 'trap "" TERM; echo $$ >$FOLDER/pid; while :; do /bin/sleep 0.05; done')
  await it.until(() => it.read('pid') !== '')
  it.child.kill('SIGTERM')
  await it.until(() => it.read('sleeps').includes('0.1'))
  assert.ok(isAlive(Number(it.read('pid'))))
  await writeFile(join(it.folder, 'go'), '')
  assert.equal(await exitCode(it), 0)
  assert.ok(!isAlive(Number(it.read('pid'))))
})

test('a log of 5 MB is moved aside while the program goes on writing, and only one old one is kept', LIMIT, async (t) => {
  const it = await supervised(
    t,
    'echo $$ >$FOLDER/pid; until [ -e $FOLDER/go ]; do /bin/sleep 0.02; done; until [ -s $FOLDER/x.log.1 ] && [ ! -s $FOLDER/x.log ]; do /bin/sleep 0.02; done; echo new; echo done >$FOLDER/done; exec /bin/sleep 1000',
  )
  await it.until(() => it.read('pid') !== '')
  await truncate(join(it.folder, 'x.log'), 5_000_001)
  await writeFile(join(it.folder, 'go'), '')
  await it.until(() => it.read('done') !== '')
  assert.equal(it.read('x.log.1').length, 5_000_001)
  assert.equal(it.read('x.log'), 'new\n')
})

test('a log that was full before is moved aside at the start', LIMIT, async (t) => {
  const it = await supervised(t, 'exit 78', async (folder) => {
    await writeFile(join(folder, 'x.log.1'), 'oldest')
    await writeFile(join(folder, 'x.log'), 'o'.repeat(5_000_000))
  })
  await exitCode(it)
  assert.match(it.read('x.log.1'), /^o{5000000}supervise: x starts\n$/)
  assert.equal(it.read('x.log'), '')
})
