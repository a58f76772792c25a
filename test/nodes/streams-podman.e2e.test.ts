import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { after, before, describe, it, type TestContext } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { Signal } from '@bramble/reconcile/signal'
import { insidePrivateHost, privateHostTest } from '../../apps/node-agent/src/host/private-host.ts'
import { CniNetwork } from '../../apps/node-agent/src/network/pod-network/cni-network.ts'
import { rotateLog } from '../../apps/node-agent/src/pods/log-rotation.ts'
import { podLogs } from '../../apps/node-agent/src/pods/logs.ts'
import type { SeenPod } from '../../apps/node-agent/src/pods/streams/pod-lookup.ts'
import { PodStreams } from '../../apps/node-agent/src/pods/streams/pod-streams.ts'
import { PodUnderTest } from '../../apps/node-agent/src/runtime/contract/pod-under-test.ts'
import { PodmanRuntime } from '../../apps/node-agent/src/runtime/podman/podman-runtime.ts'
import type { ContainerConfig } from '../../apps/node-agent/src/runtime/runtime.ts'
import { BUSYBOX_IMAGE, buildImages } from '../../tools/images/build.ts'
import { anAuthority } from './nodes.fixture.ts'
import { aCertificate, aWire, isStatus, NEVER, OPTIONS, readAll } from './streams.fixture.ts'

const LIMIT = { timeout: 120_000 }
const ALL = { stdin: true, stdout: true, stderr: true, tty: false }
const OUTPUT = { ...ALL, stdin: false }

if (insidePrivateHost()) {
  before(async () => void (await buildImages({ names: [BUSYBOX_IMAGE] })))
  describe('streams of real containers', tests)
} else privateHostTest(import.meta.filename)

/** A container on Podman, and the whole way to it: control plane, gRPC, carrier. */
async function aContainer(t: TestContext, pki: Awaited<ReturnType<typeof anAuthority>>, change: Partial<ContainerConfig> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'brt-streams-'))
  const network = new CniNetwork()
  await network.setCidr('10.42.77.0/24')
  const stateDirectory = join(folder, 'run')
  const runtime = new PodmanRuntime({ clock: systemClock, log: silentLog, network, cgroupName: 'brt-streams', stateDirectory })
  const tested = new PodUnderTest({
    runtime,
    folder,
    image: BUSYBOX_IMAGE,
    missingImage: '',
    pause: () => systemClock.sleep(20),
    readLog: (path) => readFile(path, 'utf8').catch(() => ''),
    real: { writeFile: async () => {} },
  })
  t.after(async () => {
    await tested.remove()
    await rm(folder, { recursive: true })
  })
  const id = await tested.start(change)
  const pod = {
    metadata: { name: 'web', namespace: 'default', uid: tested.uid },
    spec: { nodeName: 'pi-1', containers: [{ name: 'main', image: BUSYBOX_IMAGE, tty: change.tty ?? false }] },
  } as Pod
  let seen: SeenPod = { pod, sandbox: await tested.observe() }
  const look = async (): Promise<void> => {
    seen = { pod, sandbox: await tested.observe() }
  }
  const lookup = {
    seen: (uid: string) => (uid === tested.uid ? seen : undefined),
    all: () => [seen],
    containers: () => [
      { name: 'main', attempts: seen.sandbox!.containers.map(({ logPath, state }) => ({ logPath, running: state === 'running' })) },
    ],
    change: () => new Signal(),
  }
  const streams = new PodStreams(lookup, runtime)
  const logs = podLogs(lookup, systemClock)
  const wire = await aWire(t, {
    pki,
    node: await aCertificate(pki, 'pi-1'),
    sources: {
      logs: ({ stream: _, ...request }, signal) => logs(request, signal),
      exec: (request, signal) => streams.exec(request, signal),
      attach: (request, signal) => streams.attach(request, signal),
      forward: (request, signal) => streams.forward(request, signal),
    },
  })
  return { ...wire, tested, runtime, id, pod, look, logPath: seen.sandbox!.containers[0]!.logPath }
}

/** Reads on until it says so. */
async function reads(stream: Readable, pattern: RegExp): Promise<string> {
  let text = ''
  while (!pattern.test(text)) text += String((await once(stream, 'data'))[0])
  return text
}

function tests(): void {
  const pki = anAuthority({ after })

  it('a command has its streams and its exit code', LIMIT, async (t) => {
    const { nodeStreams, pod } = await aContainer(t, await pki)
    const process = await nodeStreams.exec(pod, 'main', ['sh', '-c', 'cat; echo wrong >&2; exit 42'], ALL, NEVER)
    process.stdin!.end('hello')
    assert.deepEqual([await readAll(process.stdout!), await readAll(process.stderr!)], ['hello', 'wrong\n'])
    assert.deepEqual(await process.ended, { exitCode: 42 })
  })

  it('ten million bytes go in and out', LIMIT, async (t) => {
    const { nodeStreams, pod } = await aContainer(t, await pki)
    const process = await nodeStreams.exec(pod, 'main', ['cat'], ALL, NEVER)
    const sent = Buffer.alloc(10_000_000)
    for (let at = 0; at < sent.length; at += 4) sent.writeUInt32LE(at, at)
    process.stdin!.end(sent)
    const parts: Uint8Array[] = []
    for await (const part of process.stdout!) parts.push(part as Uint8Array)
    assert.ok(Buffer.concat(parts).equals(sent))
    assert.deepEqual(await process.ended, { exitCode: 0 })
  })

  it('a terminal has a size, and hears of another', LIMIT, async (t) => {
    const { nodeStreams, pod } = await aContainer(t, await pki)
    const process = await nodeStreams.exec(pod, 'main', ['sh'], { ...ALL, stderr: false, tty: true }, NEVER)
    process.resize({ width: 101, height: 33 })
    process.stdin!.write('until [ "$(stty size)" = "33 101" ]; do sleep 0.1; done; echo is-$((20 + 13)); exit 5\n')
    await reads(process.stdout!, /is-33/)
    process.stdout!.resume()
    assert.deepEqual(await process.ended, { exitCode: 5 })
  })

  it('a command that is not there ends with 127', LIMIT, async (t) => {
    const { nodeStreams, pod } = await aContainer(t, await pki)
    const process = await nodeStreams.exec(pod, 'main', ['no-such-command'], OUTPUT, NEVER)
    process.stdout!.resume()
    assert.match(await readAll(process.stderr!), /no-such-command/)
    assert.deepEqual(await process.ended, { exitCode: 127 })
  })

  it('a container that has ended is not found', LIMIT, async (t) => {
    const { nodeStreams, pod, runtime, id, look } = await aContainer(t, await pki)
    await runtime.stopContainer(id, 0)
    await look()
    await assert.rejects(
      nodeStreams.exec(pod, 'main', ['true'], OUTPUT, NEVER),
      isStatus(404, 'NotFound', /container not found \("main"\)/),
    )
  })

  it('somebody who attaches talks to the process of the container', LIMIT, async (t) => {
    const { nodeStreams, pod } = await aContainer(t, await pki, { args: ['while read -r line; do echo "got $line"; done'], stdin: true })
    const client = new AbortController()
    const process = await nodeStreams.attach(pod, 'main', ALL, client.signal)
    process.stdin!.write('one\n')
    await reads(process.stdout!, /got one/)
    client.abort()
    const again = await nodeStreams.attach(pod, 'main', ALL, NEVER)
    again.stdin!.write('two\n')
    await reads(again.stdout!, /got two/)
  })

  it('a forwarded connection reaches a port on the loopback of the pod', LIMIT, async (t) => {
    const args = ['nc -ll -p 8080 -e cat']
    const { nodeStreams, pod, tested, id } = await aContainer(t, await pki, { args })
    await tested.listens(id, /:1F90 [0-9A-F:]+ 0A/)
    const connection = await nodeStreams.forward(pod, 8080, NEVER)
    connection.write('ping\n')
    await reads(connection, /ping/)
    connection.destroy()
    await assert.rejects(nodeStreams.forward(pod, 8081, NEVER), isStatus(503, 'ServiceUnavailable', /failed to connect to localhost:8081/))
  })

  it('a log is followed over rotations and to the end of the container, without losing a line', LIMIT, async (t) => {
    const args = ['i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo "<$i>"; sleep 0.01; done']
    const { nodeStreams, pod, runtime, id, look, logPath, tested } = await aContainer(t, await pki, { args })
    const followed = readAll(await nodeStreams.open(pod, { ...OPTIONS, container: 'main', follow: true }, NEVER))
    for (const mark of [20, 80, 140]) {
      await tested.logged(id, new RegExp(`<${mark}>`))
      await rotateLog(logPath, `20260101-00000${mark % 9}`, 5, () => runtime.reopenLog(id))
    }
    await tested.exited(id)
    await look()
    assert.equal(await followed, Array.from({ length: 200 }, (_, index) => `<${index + 1}>\n`).join(''))
    assert.equal((await readdir(dirname(logPath))).length, 4)
  })
}
