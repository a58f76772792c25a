import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { after, test, type TestContext } from 'node:test'
import { notFound } from '@bramble/api/status-error'
import type { ExecRequest } from '@bramble/link/grpc/stream'
import { systemClock } from '@bramble/reconcile/env'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import type { RemoteProcess, Stdio, TerminalSize } from '@bramble/streams/remote-process'
import type { StreamSources } from '../../apps/node-agent/src/transport/carry-call.ts'
import { anAuthority } from './nodes.fixture.ts'
import { aCertificate, aProcess, aWire, isStatus, NEVER, POD, readAll, until } from './streams.fixture.ts'

const pki = await anAuthority({ after })
const pi1 = await aCertificate(pki, 'pi-1')
const ALL: Stdio = { stdin: true, stdout: true, stderr: true, tty: false }
const TERMINAL: Stdio = { stdin: true, stdout: true, stderr: true, tty: true }
const LIMIT = { timeout: 20_000 }

const withProcesses = async (t: TestContext, exec: StreamSources['exec'], clock?: SimClock) => {
  const wire = await aWire(t, {
    pki,
    node: pi1,
    sources: { exec, attach: (request, signal) => exec({ command: [], ...request }, signal) },
    ...(clock && { clock }),
  })
  return {
    ...wire,
    exec: (command: readonly string[], stdio = ALL, signal = NEVER) => wire.nodeStreams.exec(POD, 'c', command, stdio, signal),
  }
}
const realProcesses = (t: TestContext) => withProcesses(t, async ({ command }, signal) => aProcess(command, signal))

/** A process that is watched; it ends when it is told to. */
function aMadeUpProcess(signal: AbortSignal) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<{ readonly exitCode: number }>()
  const sizes: TerminalSize[] = []
  const process: RemoteProcess = { stdin, stdout, stderr, resize: (size) => sizes.push(size), ended }
  return {
    process,
    stdin,
    stdout,
    stderr,
    sizes,
    end,
    fail,
    signal,
    isDropped: () => signal.aborted && [stdin, stdout, stderr].every(({ destroyed }) => destroyed),
  }
}
const madeUp = async (t: TestContext, clock?: SimClock) => {
  const made: ReturnType<typeof aMadeUpProcess>[] = []
  const wire = await withProcesses(
    t,
    async (_request, signal) => {
      made.push(aMadeUpProcess(signal))
      return made.at(-1)!.process
    },
    clock,
  )
  return { ...wire, made }
}

test('a command gets its input, gives its outputs apart, and ends with its exit code', LIMIT, async (t) => {
  const { exec } = await realProcesses(t)
  const process = await exec(['sh', '-c', 'cat; echo wrong >&2; exit 3'])
  process.stdin!.end('hello')
  assert.deepEqual(
    [await readAll(process.stdout!), await readAll(process.stderr!), await process.ended],
    ['hello', 'wrong\n', { exitCode: 3 }],
  )
})

test('the half-close of the input reaches the command while its output goes on', LIMIT, async (t) => {
  const { exec } = await realProcesses(t)
  const process = await exec(['sh', '-c', 'wc -c; echo after'])
  process.stdin!.write('12345')
  process.stdin!.end()
  assert.equal(await readAll(process.stdout!), '5\nafter\n')
})

test('what was not asked for is absent, and the node is asked for exactly that', LIMIT, async (t) => {
  const requests: ExecRequest[] = []
  const { exec } = await withProcesses(t, async (request, signal) => {
    requests.push(request)
    const { stdout, ended, resize } = aProcess(['echo', 'hi'], signal)
    return { stdout: stdout!, ended, resize }
  })
  const stdio = { stdin: false, stdout: true, stderr: false, tty: false }
  const process = await exec(['echo', '', 'ü'], stdio)
  assert.deepEqual([process.stdin, process.stderr, await readAll(process.stdout!)], [undefined, undefined, 'hi\n'])
  assert.deepEqual(requests, [
    { container: { namespace: 'default', pod: 'web', podUid: 'u1', container: 'c' }, command: ['echo', '', 'ü'], stdio },
  ])
})

test('ten million bytes go through a command and come back as they were', LIMIT, async (t) => {
  const { exec } = await realProcesses(t)
  const process = await exec(['cat'])
  const sent = Buffer.alloc(10_000_000)
  for (let at = 0; at < sent.length; at += 4) sent.writeUInt32LE(at, at)
  process.stdin!.end(sent)
  const parts: Uint8Array[] = []
  for await (const part of process.stdout!) parts.push(part as Uint8Array)
  assert.ok(Buffer.concat(parts).equals(sent))
})

test('a command that reads no input ends as usual, however much was sent', LIMIT, async (t) => {
  const { exec } = await realProcesses(t)
  const process = await exec(['sh', '-c', 'echo done; exit 7'])
  process.stdin!.write(Buffer.alloc(4_000_000))
  assert.equal(await readAll(process.stdout!), 'done\n')
  assert.deepEqual(await process.ended, { exitCode: 7 })
})

test('a terminal has one output and hears of its size', LIMIT, async (t) => {
  const { exec, made } = await madeUp(t)
  const process = await exec(['top'], TERMINAL)
  const [{ stderr, stdout, sizes, end }] = made as [ReturnType<typeof aMadeUpProcess>]
  assert.equal(process.stderr, undefined)
  stderr.end()
  process.resize({ width: 80, height: 25 })
  process.resize({ width: 100_000, height: -1 })
  await until(() => sizes.length === 2)
  assert.deepEqual(
    sizes.map((size) => ({ ...size })),
    [
      { width: 80, height: 25 },
      { width: 65535, height: 0 },
    ],
  )
  stdout.end('$ ')
  end({ exitCode: 0 })
  assert.equal(await readAll(process.stdout!), '$ ')
})

test('without a terminal there is no size', LIMIT, async (t) => {
  const { exec, made } = await madeUp(t)
  const process = await exec(['cat'])
  process.resize({ width: 1, height: 1 })
  process.stdin!.write('x')
  await once(made[0]!.stdin, 'readable')
  assert.deepEqual(made[0]!.sizes, [])
})

test('somebody who attaches sees the end as code 0', LIMIT, async (t) => {
  const { nodeStreams, made } = await madeUp(t)
  const process = await nodeStreams.attach(POD, 'c', ALL, NEVER)
  made[0]!.stdout.end('bye')
  made[0]!.stderr.end()
  made[0]!.end({ exitCode: 0 })
  assert.deepEqual([await readAll(process.stdout!), await process.ended], ['bye', { exitCode: 0 }])
})

test("a reason that the node gives is the client's answer, before and after the beginning", LIMIT, async (t) => {
  const refusing = await withProcesses(t, () => Promise.reject(notFound({ group: '', plural: 'pods' }, 'web')))
  await assert.rejects(refusing.exec(['true']), isStatus(404, 'NotFound', 'pods "web" not found'))
  const { exec, made } = await madeUp(t)
  const process = await exec(['true'])
  made[0]!.fail(notFound({ group: '', plural: 'pods' }, 'web'))
  await assert.rejects(process.ended, isStatus(404, 'NotFound', 'pods "web" not found'))
  await assert.rejects(readAll(process.stdout!), isStatus(404, 'NotFound', 'pods "web" not found'))
  await until(made[0]!.isDropped)
})

const leavings: Record<string, (wire: Awaited<ReturnType<typeof madeUp>>, process: RemoteProcess, client: AbortController) => void> = {
  'the client leaves': (_wire, _process, client) => client.abort(),
  'the client drops its output': (_wire, { stdout }) => void stdout!.destroy(),
  'the client drops its input': (_wire, { stdin }) => void stdin!.destroy(),
  'the cable is cut': ({ cable }) => cable.cut(),
  'the control plane stops': ({ stop }) => void stop(),
  'the agent stops': ({ stopNode }) => stopNode(),
}
for (const [what, leave] of Object.entries(leavings))
  for (const traffic of ['silence', 'output that nobody reads', 'input that nobody reads'])
    test(`when ${what}, in the middle of ${traffic}, the stream ends on both sides`, LIMIT, async (t) => {
      const wire = await madeUp(t)
      const client = new AbortController()
      const process = await wire.exec(['cat'], ALL, client.signal)
      const made = wire.made[0]!
      if (traffic === 'output that nobody reads') {
        const filling = (): void => void (made.stdout.destroyed || made.stdout.write(Buffer.alloc(65_536), () => filling()))
        filling()
        await once(process.stdout!, 'readable')
      }
      if (traffic === 'input that nobody reads') {
        process.stdin!.write(Buffer.alloc(8_000_000))
        await once(made.stdin, 'readable')
        await until(() => made.stdin.writableNeedDrain)
      }
      leave(wire, process, client)
      await assert.rejects(process.ended, (error: { code?: number }) => error.code === 503)
      await until(made.isDropped)
      await wire.allCarried()
      assert.ok(process.stdin!.destroyed && process.stdout!.destroyed && process.stderr!.destroyed)
    })

test('a client that leaves while the runtime still opens gets nothing opened', LIMIT, async (t) => {
  const client = new AbortController()
  const { exec, allCarried } = await withProcesses(t, async (_request, signal) => {
    client.abort()
    if (!signal.aborted) await once(signal, 'abort')
    throw new Error('given up')
  })
  await assert.rejects(exec(['true'], ALL, client.signal), isStatus(503, 'ServiceUnavailable', /ended by the client/))
  await allCarried()
})

test('a runtime that does not come to an end is given up after a minute', LIMIT, async (t) => {
  const sim = new SimClock(systemClock.nowMs())
  const given = Promise.withResolvers<AbortSignal>()
  const { exec, allCarried } = await withProcesses(
    t,
    (_request, signal) => {
      given.resolve(signal)
      return new Promise(() => {})
    },
    sim,
  )
  const opening = exec(['true'])
  const rejected = assert.rejects(opening, isStatus(504, 'Timeout', /did not get what was asked for within 60 s/))
  const signal = await given.promise
  await sim.advance(61_000)
  await rejected
  await until(() => signal.aborted)
  await allCarried()
})

test('a pod without a node has nothing to carry', LIMIT, async (t) => {
  const { nodeStreams } = await madeUp(t)
  const pod = { ...POD, spec: { containers: [] } }
  await assert.rejects(
    nodeStreams.exec(pod, 'c', ['true'], ALL, NEVER),
    isStatus(400, 'BadRequest', 'pod web does not have a host assigned'),
  )
  await assert.rejects(nodeStreams.forward(pod, 80, NEVER), isStatus(400, 'BadRequest', 'pod web does not have a host assigned'))
})

test('a stream on which nothing was sent for four hours is ended', LIMIT, async (t) => {
  const sim = new SimClock(systemClock.nowMs())
  const { exec, made } = await madeUp(t, sim)
  const process = await exec(['cat'])
  await sim.advance(3 * 3_600_000)
  process.stdin!.write('x')
  await once(made[0]!.stdin, 'readable')
  await sim.advance(3 * 3_600_000)
  assert.equal(process.stdin!.destroyed, false)
  await sim.advance(2 * 3_600_000)
  await assert.rejects(process.ended, isStatus(504, 'Timeout', /nothing was sent either way for 4 h/))
  await until(made[0]!.isDropped)
})
