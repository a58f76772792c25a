import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { silentLog } from '@bramble/reconcile/log'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { planRotation, removeLogs, rotateLog, rotateLogs } from './log-rotation.ts'

const STAMP = '20260101-000000'
const plans: readonly {
  readonly name: string
  readonly names: string
  readonly remove?: string
  readonly compress?: string
  readonly next?: string
}[] = [
  { name: 'the first rotation', names: '0.log' },
  { name: 'the second compresses the first', names: '0.log 0.log.1', compress: '0.log.1' },
  { name: 'what is compressed stays so', names: '0.log 0.log.1.gz 0.log.2', compress: '0.log.2' },
  { name: 'the oldest goes', names: '0.log 0.log.1.gz 0.log.11.gz 0.log.12.gz 0.log.13', remove: '0.log.1.gz', compress: '0.log.13' },
  { name: 'other logs are left alone', names: '0.log 10.log.1 1.log 0.logs' },
  { name: 'half a copy goes', names: '0.log 0.log.1 0.log.1.tmp', remove: '0.log.1.tmp', compress: '0.log.1' },
  { name: 'an original whose copy is whole goes', names: '0.log 0.log.1 0.log.1.gz', remove: '0.log.1' },
  { name: 'after a time that was later, names go on', names: '0.log 0.log.30260101-000000.gz', next: '0.log.30260101-000000x' },
  { name: 'twice in a second', names: `0.log 0.log.${STAMP}`, compress: `0.log.${STAMP}`, next: `0.log.${STAMP}x` },
]
for (const { name, names, remove = '', compress = '', next = `0.log.${STAMP}` } of plans)
  test(`rotation: ${name}`, () => {
    const plan = planRotation('0.log', names.split(' '), 5, STAMP)
    assert.deepEqual([plan.remove.join(' '), plan.compress.join(' '), plan.next], [remove, compress, next])
  })

/** A folder with a log that something writes to. */
async function aLog(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-rotation-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, '0.log')
  await writeFile(path, '')
  const clock = new SimClock()
  const reopened: string[] = []
  return {
    folder,
    path,
    clock,
    reopened,
    runtime: {
      reopenLog: async (id: string) => {
        reopened.push(id)
        await writeFile(path, '', { flag: 'a' })
      },
    },
    /** All of it, oldest first. */
    text: async (): Promise<string> => {
      const names = (await readdir(folder)).sort()
      const parts = [...names.filter((name) => name !== '0.log'), '0.log'].map(async (name) => {
        const bytes = await readFile(join(folder, name))
        return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
      })
      return (await Promise.all(parts)).join('')
    },
  }
}

test('a log that is full becomes five, and only what is older than that is lost', async (t) => {
  const { clock, path, folder, runtime, reopened, text } = await aLog(t)
  const stop = new AbortController()
  const logs = () => [{ containerId: 'c', logPath: path }]
  const rotating = rotateLogs({ runtime, logs, clock, log: silentLog, limits: { bytes: 100, files: 5 } }, stop.signal)
  for (let round = 0; round < 10; round++) {
    await appendFile(path, `${round}`.repeat(round === 3 ? 50 : 120))
    const count = reopened.length
    while (round !== 3 && reopened.length === count) await clock.advance(10_000)
    if (round === 3) await clock.advance(10_000)
  }
  const names = (await readdir(folder)).sort()
  assert.equal(names.length, 5)
  assert.deepEqual(
    names.map((name) => name.endsWith('.gz')),
    [false, true, true, true, false],
  )
  assert.equal(await text(), [6, 7, 8, 9].map((round) => `${round}`.repeat(120)).join(''))
  stop.abort()
  await rotating
})

test('a runtime that does not open a new log keeps the one it has', async (t) => {
  const { path, folder, text } = await aLog(t)
  await writeFile(path, 'text')
  await assert.rejects(rotateLog(path, STAMP, 5, () => Promise.reject(new Error('not running'))))
  assert.deepEqual([await readdir(folder), await text()], [['0.log'], 'text'])
})

test('a rotation that was cut off before the new log was opened is brought to its end', async (t) => {
  const { clock, path, runtime, reopened, folder } = await aLog(t)
  await rename(path, `${path}.${STAMP}`)
  const stop = new AbortController()
  const logs = () => [{ containerId: 'c', logPath: path }]
  const rotating = rotateLogs({ runtime, logs, clock, log: silentLog, limits: { bytes: 100, files: 5 } }, stop.signal)
  while (reopened.length === 0) await clock.advance(10_000)
  stop.abort()
  await rotating
  assert.deepEqual((await readdir(folder)).sort(), ['0.log', `0.log.${STAMP}`])
})

test('one log that cannot be rotated holds up no other', async (t) => {
  const { clock, path, runtime } = await aLog(t)
  await writeFile(path, 'x'.repeat(200))
  const stop = new AbortController()
  const warned: string[] = []
  const logs = () => ['bad', 'good'].map((containerId) => ({ containerId, logPath: path }))
  const picky = { reopenLog: async (id: string) => (id === 'bad' ? Promise.reject(new Error('no')) : runtime.reopenLog(id)) }
  const log = { ...silentLog, warn: (message: string) => void warned.push(message) }
  const rotating = rotateLogs({ runtime: picky, logs, clock, log, limits: { bytes: 100, files: 5 } }, stop.signal)
  const good: string[] = []
  while (good.length === 0) {
    await clock.advance(10_000)
    good.push(...(await readdir(join(path, '..'))).filter((name) => name !== '0.log'))
  }
  stop.abort()
  await rotating
  assert.ok(warned.length > 0)
})

test('with a log goes all that was rotated away from it, and nothing else', async (t) => {
  const { folder, path } = await aLog(t)
  for (const name of [`0.log.${STAMP}`, '0.log.1.gz', '10.log', '1.log.1']) await writeFile(join(folder, name), '')
  await removeLogs(path)
  await removeLogs(path)
  await removeLogs(join(folder, 'none', '0.log'))
  assert.deepEqual((await readdir(folder)).sort(), ['1.log.1', '10.log'])
})
