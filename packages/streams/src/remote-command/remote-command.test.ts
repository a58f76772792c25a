import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { badRequest, StatusError } from '@bramble/api/status-error'
import { systemClock } from '@bramble/reconcile/env'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { WebSocket } from 'ws'
import { childProcess } from '../child.fixture.ts'
import type { RemoteProcess, Stdio, TerminalSize } from '../remote-process.ts'
import { upgradeServer } from '../upgrade-server.fixture.ts'
import { serveRemoteCommand } from './serve-remote-command.ts'
import { openRemoteProcess } from './spdy-client.ts'

const clock = systemClock
const ALL: Stdio = { stdin: true, stdout: true, stderr: true, tty: false }
const never = new AbortController().signal

interface Served {
  readonly url: URL
  readonly sizes: TerminalSize[]
  /** Aborts when the server is done with the process. */
  readonly over: Promise<unknown>
}

async function serving(
  t: TestContext,
  command: readonly string[],
  stdio: Stdio = ALL,
  open?: () => Promise<RemoteProcess>,
): Promise<Served> {
  const sizes: TerminalSize[] = []
  const { promise: over, resolve } = Promise.withResolvers<unknown>()
  const url = await upgradeServer(t, (upgrade) =>
    serveRemoteCommand(upgrade, {
      stdio,
      clock,
      open: async (signal) => {
        signal.addEventListener('abort', resolve, { once: true })
        return open ? open() : childProcess(command, stdio, signal, { sizes })
      },
    }),
  )
  return { url, sizes, over }
}

const shell = (script: string): readonly string[] => ['sh', '-c', script]

test('SPDY: output, errors and exit code arrive', async (t) => {
  const { url } = await serving(t, shell('echo out; echo err >&2; exit 7'))
  const process = await openRemoteProcess({ url }, ALL, clock, never)
  assert.deepEqual(await Promise.all([text(process.stdout!), text(process.stderr!), process.ended]), ['out\n', 'err\n', { exitCode: 7 }])
})

test('SPDY: megabytes go in and come out whole, and the end of input is seen', async (t) => {
  const { url } = await serving(t, ['cat'])
  const process = await openRemoteProcess({ url }, ALL, clock, never)
  const sent = createHash('sha256').update('seed').digest().toString('hex').repeat(100_000)
  process.stdin!.end(sent)
  assert.equal(await text(process.stdout!), sent)
  assert.deepEqual(await process.ended, { exitCode: 0 })
})

test('SPDY: a terminal is resized', async (t) => {
  const stdio = { ...ALL, stderr: false, tty: true }
  const { url, sizes } = await serving(t, ['cat'], stdio)
  const process = await openRemoteProcess({ url }, stdio, clock, never)
  process.resize({ width: 80, height: 24 })
  process.stdin!.write('x')
  await once(process.stdout!, 'data')
  process.stdin!.end()
  await process.ended
  assert.deepEqual(sizes, [{ width: 80, height: 24 }])
})

test('SPDY: the client leaves, and the process ends', async (t) => {
  const { url, over } = await serving(t, ['cat'])
  const process = await openRemoteProcess({ url }, ALL, clock, never)
  process.stdout!.destroy()
  await over
  await assert.rejects(process.ended, /ended the connection/)
})

test('SPDY: aborting ends the process', async (t) => {
  const { url, over } = await serving(t, ['cat'])
  const stop = new AbortController()
  const process = await openRemoteProcess({ url }, ALL, clock, stop.signal)
  stop.abort()
  await over
  await assert.rejects(process.ended)
})

test('what the server says instead of an upgrade is the error', async (t) => {
  const { url } = await serving(t, [], ALL, () => Promise.reject(badRequest('container not found ("x")')))
  await assert.rejects(openRemoteProcess({ url }, ALL, clock, never), (error) => {
    assert.ok(error instanceof StatusError)
    return error.code === 400 && error.message === 'container not found ("x")'
  })
})

test('a process that cannot be followed ends with the words for it', async (t) => {
  const fails = async (): Promise<RemoteProcess> => ({
    stdout: new PassThrough().end('half'),
    resize: () => {},
    ended: Promise.reject(new StatusError(503, 'ServiceUnavailable', 'node "pi" went away')),
  })
  const { url } = await serving(t, [], ALL, fails)
  const process = await openRemoteProcess({ url }, ALL, clock, never)
  await assert.rejects(
    process.ended,
    (error) => error instanceof StatusError && error.code === 503 && error.message === 'node "pi" went away',
  )
})

/** A client of channels: what came on each, and the close code. */
function channels(url: URL, protocols: readonly string[]) {
  const socket = new WebSocket(url, [...protocols])
  const seen: Record<number, string> = { 0: '', 1: '', 2: '', 3: '', 4: '' }
  const closed = once(socket, 'close').then(([code]) => code as number)
  socket.on('message', (data: Buffer, isBinary) => {
    const channel: number = isBinary ? data[0]! : Number(data.toString('latin1', 0, 1))
    seen[channel] = seen[channel]! + (isBinary ? data.subarray(1) : Buffer.from(data.toString('latin1', 1), 'base64').toString())
  })
  const send = (channel: number, bytes: string): void => socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(bytes)]))
  return { socket, seen, closed, send, opened: once(socket, 'open') }
}

const success = '{"metadata":{},"status":"Success"}'
const versions = [
  { protocols: ['v5.channel.k8s.io'], spoken: 'v5.channel.k8s.io', end: success },
  { protocols: ['v4.channel.k8s.io'], spoken: 'v4.channel.k8s.io', end: success },
  { protocols: ['v4.base64.channel.k8s.io'], spoken: 'v4.base64.channel.k8s.io', end: success },
  { protocols: ['v3.channel.k8s.io'], spoken: 'v3.channel.k8s.io', end: '' },
  { protocols: ['base64.binary.k8s.io', 'v4.channel.k8s.io'], spoken: 'v4.channel.k8s.io', end: success },
  { protocols: ['base64.channel.k8s.io'], spoken: 'base64.channel.k8s.io', end: '' },
  { protocols: ['channel.k8s.io'], spoken: 'channel.k8s.io', end: '' },
  { protocols: [], spoken: '', end: '' },
]
for (const { protocols, spoken, end } of versions)
  test(`WebSocket [${protocols}]: output, then the end`, async (t) => {
    const { url } = await serving(t, shell('echo out; echo err >&2'))
    const { socket, seen, closed } = channels(url, protocols)
    assert.equal(await closed, 1000)
    assert.deepEqual(seen, { 0: '', 1: 'out\n', 2: 'err\n', 3: end, 4: '' })
    assert.equal(socket.protocol, spoken)
  })

test('WebSocket v5: input ends with its close message; exit codes are causes', async (t) => {
  const { url } = await serving(t, shell('cat; exit 3'))
  const { seen, closed, send, opened } = channels(url, ['v5.channel.k8s.io'])
  await opened
  send(0, 'hello ')
  send(9, 'nobody listens here')
  send(0, 'world')
  send(255, '\0')
  assert.equal(await closed, 1000)
  assert.equal(seen[1], 'hello world')
  const status = JSON.parse(seen[3]!)
  assert.deepEqual([status.reason, status.details.causes], ['NonZeroExitCode', [{ reason: 'ExitCode', message: '3' }]])
})

test('WebSocket before v4: the end of a failure is plain text', async (t) => {
  const { url } = await serving(t, shell('exit 3'))
  const { seen, closed } = channels(url, ['channel.k8s.io'])
  await closed
  assert.equal(seen[3], 'command terminated with non-zero exit code: exit status 3')
})

test('WebSocket: sizes are passed on, what is none is not', async (t) => {
  const { url, sizes } = await serving(t, ['cat'], { ...ALL, stderr: false, tty: true })
  const { seen, closed, send, opened } = channels(url, ['v5.channel.k8s.io'])
  await opened
  for (const size of [
    '{"Width":80,"Hei',
    'ght":24}\n',
    'nonsense}',
    '{"Width":-1,"Height":2}',
    '{"Width":70000,"Height":2}',
    '{"Width":1,"Height":2}',
  ])
    send(4, size)
  send(0, 'x')
  send(255, '\0')
  await closed
  assert.equal(seen[1], 'x')
  assert.deepEqual(sizes, [
    { width: 80, height: 24 },
    { width: 1, height: 2 },
  ])
})

test('WebSocket: a process that does not read holds the client back, and is heard to its end', async (t) => {
  const { url } = await serving(t, shell('read go < /dev/null; sleep 0.2; exit 4'))
  const { socket, seen, closed, send, opened } = channels(url, ['v5.channel.k8s.io'])
  await opened
  for (let sent = 0; sent < 20; sent++) send(0, 'x'.repeat(1_000_000))
  assert.equal(await closed, 1000)
  assert.match(seen[3]!, /"message":"4"/)
  assert.ok(socket.bufferedAmount >= 0)
})

test('WebSocket: the client vanishes, and the process ends', async (t) => {
  const { url, over } = await serving(t, ['cat'])
  const { socket, opened } = channels(url, ['v4.channel.k8s.io'])
  await opened
  socket.terminate()
  await over
})

test('WebSocket: a message too large ends the connection with 1009', async (t) => {
  const { url, over } = await serving(t, ['cat'])
  const { closed, send, opened } = channels(url, ['v4.channel.k8s.io'])
  await opened
  send(0, 'x'.repeat(5_000_000))
  assert.equal(await closed, 1009)
  await over
})

test('WebSocket: protocols that nobody speaks are refused', async (t) => {
  const { url } = await serving(t, ['cat'])
  const socket = new WebSocket(url, ['v9.channel.k8s.io'])
  const [, response] = await once(socket, 'unexpected-response')
  assert.equal(response.statusCode, 403)
  assert.match((await buffer(response)).toString(), /client supports \[v9.channel.k8s.io\], server accepts/)
})

test('nothing goes through for long: the client is told, and it is over', async (t) => {
  const url = await upgradeServer(t, (upgrade) =>
    serveRemoteCommand(upgrade, { stdio: ALL, clock, idleMs: 20, open: async (signal) => childProcess(['cat'], ALL, signal) }),
  )
  const { seen, closed } = channels(url, ['v5.channel.k8s.io'])
  await closed
  assert.match(seen[3]!, /nothing went through/)
})

const deafProcess = (): RemoteProcess => ({
  stdin: new Writable({ write: () => {} }), // takes one piece, and never another
  stdout: new PassThrough(),
  resize: () => {},
  ended: new Promise(() => {}),
})
const leavers: readonly { readonly name: string; readonly leave: (url: URL) => Promise<void> }[] = [
  {
    name: 'WebSocket',
    leave: async (url) => {
      const { socket, send, opened } = channels(url, ['v5.channel.k8s.io'])
      await opened
      for (let sent = 0; sent < 10; sent++) send(0, 'x'.repeat(1_000_000))
      while (socket.bufferedAmount === 0) await turn()
      for (let turns = 0; turns < 100; turns++) await turn()
      socket.terminate()
    },
  },
  {
    name: 'SPDY',
    leave: async (url) => {
      const stop = new AbortController()
      const process = await openRemoteProcess({ url }, { ...ALL, stderr: false }, clock, stop.signal)
      process.stdin!.on('error', () => {}).write(Buffer.alloc(10_000_000))
      for (let turns = 0; turns < 100; turns++) await turn()
      stop.abort()
    },
  },
]
for (const { name, leave } of leavers)
  test(`${name}: a client that vanishes while nobody reads what it typed is missed all the same`, async (t) => {
    const time = new SimClock()
    let isOver = false
    const url = await upgradeServer(t, (upgrade) =>
      serveRemoteCommand(upgrade, {
        stdio: { ...ALL, stderr: false },
        clock: time,
        open: async (signal) => {
          signal.addEventListener('abort', () => (isOver = true), { once: true })
          return deafProcess()
        },
      }),
    )
    await leave(url)
    for (let pings = 0; !isOver && pings < 100; pings++) {
      await time.advance(30_000) // far below the limit of idleness
      await turn()
    }
    assert.ok(isOver)
  })
