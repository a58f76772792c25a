import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { Signal } from '@bramble/reconcile/signal'
import { lastLines, type LogOptions, readLogFile } from './log-file.ts'
import { type ContainerLogs, podLogs, type PodLogsRequest } from './logs.ts'

const NEVER = new AbortController().signal
const line = (second: number, text: string, tag = 'F', stream = 'stdout'): string =>
  `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000001+00:00 ${stream} ${tag} ${text}\n`

async function aLog(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-log-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, '0.log')
  await writeFile(path, text)
  return path
}

async function read(path: string, options: Partial<LogOptions> = {}): Promise<string> {
  const blocks: Uint8Array[] = []
  for await (const block of readLogFile(path, { timestamps: false, ...options }, NEVER)) blocks.push(block)
  return Buffer.concat(blocks).toString()
}

const three = line(1, 'one') + line(2, 'two', 'F', 'stderr') + line(3, 'three')
const cases: readonly { readonly name: string; readonly log: string; readonly options?: Partial<LogOptions>; readonly text: string }[] = [
  { name: 'all lines of both streams', log: three, text: 'one\ntwo\nthree\n' },
  { name: 'an empty log', log: '', text: '' },
  { name: 'the last two lines', log: three, options: { tailLines: 2 }, text: 'two\nthree\n' },
  { name: 'more lines than there are', log: three, options: { tailLines: 9 }, text: 'one\ntwo\nthree\n' },
  { name: 'no line', log: three, options: { tailLines: 0 }, text: '' },
  { name: 'times', log: line(1, 'one'), options: { timestamps: true }, text: '2026-01-01T00:00:01.000000001Z one\n' },
  { name: 'since a time', log: three, options: { sinceTimeMs: Date.UTC(2026, 0, 1, 0, 0, 2) }, text: 'two\nthree\n' },
  { name: 'a limit in bytes', log: three, options: { limitBytes: 6 }, text: 'one\ntw' },
  { name: 'pieces of one long line', log: line(1, 'long ', 'P') + line(1, 'line'), text: 'long line\n' },
  {
    name: 'pieces with one time',
    log: line(1, 'a', 'P') + line(1, 'b'),
    options: { timestamps: true },
    text: '2026-01-01T00:00:01.000000001Z ab\n',
  },
  {
    name: 'times of other zones and with fewer digits',
    log: '2026-01-01T02:00:01.5+02:00 stdout F a\n2026-01-01T00:00:02Z stdout F b\n',
    options: { timestamps: true },
    text: '2026-01-01T02:00:01.500000000+02:00 a\n2026-01-01T00:00:02.000000000Z b\n',
  },
  { name: 'what went to stderr', log: three, options: { stream: 'stderr' }, text: 'two\n' },
  {
    name: 'what went to stdout, since a time',
    log: three,
    options: { stream: 'stdout', sinceTimeMs: Date.UTC(2026, 0, 1, 0, 0, 2) },
    text: 'three\n',
  },
  { name: 'a line that is being written', log: line(1, 'one') + line(2, 'tw').slice(0, -1), text: 'one\ntw' },
  { name: 'lines after zeros, as after a power cut', log: `${line(1, 'one')}${'\0'.repeat(70_000)}${line(2, 'two')}`, text: 'one\ntwo\n' },
  { name: 'lines after what is no line, however long', log: `${'x'.repeat(200_000)}\n${line(2, 'two')}`, text: 'two\n' },
  { name: 'a line with nothing, not even a space, after its tag', log: '2026-01-01T00:00:01Z stdout F\n', text: '\n' },
  { name: 'several tags', log: '2026-01-01T00:00:01Z stdout P:x a\n2026-01-01T00:00:01Z stdout F:y b\n', text: 'ab\n' },
  { name: 'empty lines', log: line(1, '') + line(2, 'x'), text: '\nx\n' },
  { name: 'words without end, as after a power cut, are left out', log: `${three}2026-01-01T00:00:04.0Z std`, text: 'one\ntwo\nthree\n' },
  { name: 'zeros, as after a power cut, are left out', log: `${line(1, 'one')}${'\0'.repeat(50)}\n${line(2, 'two')}`, text: 'one\ntwo\n' },
]
for (const { name, log, options, text } of cases)
  test(`a log is read: ${name}`, async (t) => assert.equal(await read(await aLog(t, log), options), text))

test('a log that is longer than a block is read whole, and from its tail', async (t) => {
  const path = await aLog(t, Array.from({ length: 5_000 }, (_, index) => line(1, `line ${index}`)).join(''))
  assert.equal((await read(path)).split('\n').length, 5_001)
  assert.equal(await lastLines(path, 2), 'line 4998\nline 4999\n')
  assert.equal((await read(path, { tailLines: 3_000 })).split('\n')[0], 'line 2000')
})

test('a line of ten million bytes is handed on in pieces, and not held', async (t) => {
  const path = await aLog(t, line(1, 'y'.repeat(10_000_000)) + line(2, 'end'))
  let bytes = 0
  for await (const block of readLogFile(path, { timestamps: false }, NEVER)) {
    assert.ok(block.length <= 65_536)
    bytes += block.length
  }
  assert.equal(bytes, 10_000_005)
})

test('however lines fall on blocks, the text is what was printed', async (t) => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = seeded(seed)
    const printed: { readonly stream: string; readonly tag: string; readonly text: string }[] = []
    for (let bytes = 0; bytes < 300_000; bytes += printed.at(-1)!.text.length + 45)
      printed.push({
        stream: random() < 0.5 ? 'stdout' : 'stderr',
        tag: random() < 0.2 ? 'P' : 'F',
        text: ' x'.repeat(Math.floor(random() * (random() < 0.1 ? 60_000 : 40))),
      })
    const path = await aLog(t, printed.map(({ stream, tag, text }) => line(1, text, tag, stream)).join(''))
    const textOf = (stream: string): string =>
      printed
        .filter((each) => each.stream === stream)
        .map(({ tag, text }) => text + (tag === 'F' ? '\n' : ''))
        .join('')
    for (const stream of ['stdout', 'stderr'] as const) assert.ok((await read(path, { stream })) === textOf(stream), `seed ${seed}`)
  }
})

test('a log that grows while it is read ends where it ended when it was opened', async (t) => {
  const path = await aLog(t, line(1, 'one'))
  const blocks: Uint8Array[] = []
  for await (const block of readLogFile(path, { timestamps: false }, NEVER)) {
    blocks.push(block)
    await appendFile(path, line(2, 'two'))
  }
  assert.equal(Buffer.concat(blocks).toString(), 'one\n')
})

test('a missing log is an empty one', async () => assert.equal(await read('/no/such/log'), ''))

/** A container whose log is followed. */
async function following(t: TestContext, request: Partial<PodLogsRequest> = {}, before = async (_path: string) => {}) {
  const path = await aLog(t, line(1, 'one'))
  await before(path)
  const change = new Signal()
  let running = true
  let isThere = true
  const containers = (): readonly ContainerLogs[] => [{ name: 'main', attempts: [{ logPath: path, running }] }]
  const open = podLogs({ containers: (uid) => (uid === 'u' && isThere ? containers() : undefined), change: () => change }, systemClock)
  const stop = new AbortController()
  const asked = { namespace: 'default', pod: 'web', podUid: 'u', container: 'main', follow: true, previous: false, timestamps: false }
  const blocks = open({ ...asked, ...request }, stop.signal)[Symbol.asyncIterator]()
  t.after(async () => {
    stop.abort()
    await blocks.return?.()
  })
  return {
    path,
    stop,
    end: () => {
      running = false
      change.notify()
    },
    remove: () => {
      isThere = false
      change.notify()
    },
    next: async (): Promise<string | undefined> => {
      const { value, done } = await blocks.next()
      return done ? undefined : Buffer.from(value).toString()
    },
  }
}

test('following shows what is added, and ends when the container has', async (t) => {
  const log = await following(t)
  assert.equal(await log.next(), 'one\n')
  const second = log.next()
  await appendFile(log.path, line(2, 'two'))
  assert.equal(await second, 'two\n')
  const third = log.next()
  await appendFile(log.path, line(3, 'three'))
  log.end()
  assert.equal(await third, 'three\n')
  assert.equal(await log.next(), undefined)
})

test('following survives rotation, by truncation and by rename', async (t) => {
  const log = await following(t)
  await log.next()
  const truncated = log.next()
  await truncate(log.path, 0)
  await appendFile(log.path, line(2, 'b'))
  assert.equal(await truncated, 'b\n')
  const renamed = log.next()
  await writeFile(`${log.path}.tmp`, line(3, 'after'))
  await rename(`${log.path}.tmp`, log.path)
  assert.equal(await renamed, 'after\n')
})

test('what was written before a log was rotated away is not lost to a follower who is late', async (t) => {
  const log = await following(t)
  await log.next()
  await appendFile(log.path, line(2, 'before'))
  await rename(log.path, `${log.path}.20260101-000000`)
  await appendFile(`${log.path}.20260101-000000`, line(3, 'meanwhile'))
  await writeFile(log.path, line(4, 'after'))
  assert.equal((await log.next())! + (await log.next()), 'before\nmeanwhile\nafter\n')
})

test('between the old log and the new one, a follower waits', async (t) => {
  const log = await following(t, { tailLines: 1 })
  await log.next()
  const next = log.next()
  await rename(log.path, `${log.path}.20260101-000000`)
  await writeFile(log.path, line(2, 'a') + line(3, 'b'))
  assert.equal(await next, 'a\nb\n')
})

test('the log of a pod that is deleted meanwhile ends', async (t) => {
  const log = await following(t)
  await log.next()
  const next = log.next()
  await rm(log.path)
  log.remove()
  assert.equal(await next, undefined)
})

test('following needs no folder to watch', async (t) => {
  const log = await following(t, {}, (path) => rm(dirname(path), { recursive: true }))
  const next = log.next()
  log.end()
  assert.equal(await next, undefined)
})

test('following ends when the reader goes away', async (t) => {
  const log = await following(t)
  await log.next()
  const waiting = log.next()
  log.stop.abort()
  assert.equal(await waiting, undefined)
})

const refusals: readonly {
  readonly name: string
  readonly request: Partial<PodLogsRequest>
  readonly code: number
  readonly message: RegExp
}[] = [
  { name: 'an unknown pod', request: { podUid: 'none' }, code: 404, message: /pods "web" not found/ },
  { name: 'an unknown container', request: { container: 'x' }, code: 400, message: /container x is not valid for pod web/ },
  {
    name: 'no previous attempt',
    request: { previous: true },
    code: 400,
    message: /previous terminated container "main" in pod "web" not found/,
  },
]
for (const { name, request, code, message } of refusals)
  test(`logs of ${name} are refused`, async (t) => {
    const refused = (error: { code?: number; message: string }): boolean => error.code === code && message.test(error.message)
    await assert.rejects(following(t, request), refused)
  })

test('a container that waits says why it has no log', async () => {
  const open = podLogs(
    { containers: () => [{ name: 'main', attempts: [], waitingReason: 'ImagePullBackOff' }], change: () => new Signal() },
    systemClock,
  )
  const request = { namespace: 'default', pod: 'web', podUid: 'u', container: 'main', follow: false, previous: false, timestamps: false }
  assert.throws(() => open(request, NEVER), {
    message: 'container "main" in pod "web" is waiting to start: trying and failing to pull image',
  })
})
