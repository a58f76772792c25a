import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { openRemoteProcess } from '@bramble/streams/remote-command/spdy-client'
import { BUSYBOX_IMAGE, buildImages } from '../../../../tools/images/build.ts'
import { runCommand } from '../host/exec.ts'
import { insidePrivateHost, privateHostTest } from '../host/private-host.ts'
import { CniNetwork } from '../network/pod-network/cni-network.ts'
import { text } from '../runtime/contract/pod-under-test.ts'
import { CriClient } from '../runtime/cri/cri-client.ts'
import { ContainerState, type ContainerStatus, PodSandboxState, RuntimeService } from '../runtime/cri/grpc/api_pb.js'
import { aFolder } from '../runtime/podman/podman-host.fixture.ts'
import { PodmanRuntime } from '../runtime/podman/podman-runtime.ts'
import { CriProcess, nothingIsLeft, SOCKET } from './cri-process.fixture.ts'

const { method: M } = RuntimeService
const NEVER = new AbortController().signal

if (insidePrivateHost()) {
  let server: CriProcess
  before(async () => {
    await buildImages({ names: [BUSYBOX_IMAGE] })
    server = await CriProcess.start()
  })
  after(async () => {
    assert.equal(await server.stop(), 0)
    await nothingIsLeft('none')
  })
  describe('bramble cri, as crictl and kubelets use it', () => {
    it('lives through SIGKILL between any two calls of the life of a pod', async (t) => {
      const client = aClient(t)
      const again = async (): Promise<void> => {
        await server.kill()
        server = await CriProcess.start()
      }
      const config = await sandboxConfig(t, 'web')
      const { podSandboxId } = await client.call(M.runPodSandbox, { config })
      await again()
      const { containerId } = await client.call(M.createContainer, { podSandboxId, config: container('echo up; sleep 600') })
      await again()
      await client.call(M.startContainer, { containerId })
      await again()
      assert.equal((await statusOf(client, containerId)).state, ContainerState.CONTAINER_RUNNING)
      const { stdout } = await client.call(M.execSync, { containerId, cmd: ['cat', '/etc/resolv.conf', '/etc/hostname'], timeout: 10n })
      assert.equal(Buffer.from(stdout).toString(), 'search svc.local\nnameserver 10.43.0.10\nweb-host\n')
      await client.call(M.stopContainer, { containerId, timeout: 0n })
      await again()
      const ended = await statusOf(client, containerId)
      assert.deepEqual([ended.state, ended.exitCode, ended.reason], [ContainerState.CONTAINER_EXITED, 137, 'Error'])
      await client.call(M.stopPodSandbox, { podSandboxId })
      await again()
      const { status } = await client.call(M.podSandboxStatus, { podSandboxId })
      assert.deepEqual([status!.state, status!.network!.ip], [PodSandboxState.SANDBOX_NOTREADY, ''])
      assert.match(await readFile(ended.logPath, 'utf8'), /stdout F up\n/, 'its log outlives the pod')
      await client.call(M.removePodSandbox, { podSandboxId })
      await again()
      assert.deepEqual((await client.call(M.listPodSandbox, {})).items, [])
    })
    it('tells what is used, streams a command, and says when memory ran out', async (t) => {
      const client = aClient(t)
      const { podSandboxId } = await client.call(M.runPodSandbox, { config: await sandboxConfig(t, 'busy') })
      t.after(() => client.call(M.removePodSandbox, { podSandboxId }))
      const containerId = await started(client, podSandboxId, container('while true; do :; done'))
      const { url } = await client.call(M.exec, { containerId, cmd: ['sh', '-c', 'echo out; exit 3'], stdout: true })
      const stdio = { stdin: false, stdout: true, stderr: false, tty: false }
      const process = await openRemoteProcess({ url: new URL(url) }, stdio, systemClock, NEVER)
      assert.deepEqual([await text(process.stdout!), (await process.ended).exitCode], ['out\n', 3])
      const { stats } = await client.call(M.podSandboxStats, { podSandboxId })
      assert.ok(stats!.linux!.cpu!.usageCoreNanoSeconds!.value > 0n)
      assert.ok(stats!.linux!.memory!.workingSetBytes!.value > 0n)
      assert.equal(stats!.linux!.network!.defaultInterface!.name, 'eth0')
      assert.equal(stats!.linux!.containers[0]!.attributes!.id, containerId)
      const small = { resources: { memoryLimitInBytes: BigInt(16 << 20) } }
      const hungry = { ...container('x=$(head -c 60000000 /dev/zero | tr "\\0" a); echo $x | wc', 'hungry'), linux: small }
      const hungryId = await started(client, podSandboxId, hungry)
      await runCommand('podman', ['wait', '--condition', 'exited', hungryId]) // its cgroup is gone by then, and nobody has looked
      const { exitCode, reason } = await statusOf(client, hungryId)
      assert.deepEqual([exitCode, reason], [137, 'OOMKilled'])
    })
    it('is not seen by an agent that has Podman, too', async (t) => {
      const client = aClient(t)
      const { podSandboxId } = await client.call(M.runPodSandbox, { config: await sandboxConfig(t, 'apart') })
      t.after(() => client.call(M.removePodSandbox, { podSandboxId }))
      const containerId = await started(client, podSandboxId, container('sleep 600'))
      const agent = new PodmanRuntime({ network: new CniNetwork(), clock: systemClock, log: silentLog })
      t.after(() => agent.close())
      assert.deepEqual(await agent.observe(), [])
      assert.equal((await statusOf(client, containerId.slice(0, 12))).state, ContainerState.CONTAINER_RUNNING)
    })
  })
} else privateHostTest(import.meta.filename)

function aClient(t: TestContext): CriClient {
  const client = new CriClient(SOCKET)
  t.after(async () => {
    for (const { id } of (await client.call(M.listPodSandbox, {})).items) await client.call(M.removePodSandbox, { podSandboxId: id })
    client.close()
  })
  return client
}

const sandboxConfig = async (t: TestContext, name: string) => ({
  metadata: { name, namespace: 'shop', uid: `uid-${name}`, attempt: 0 },
  hostname: 'web-host',
  logDirectory: await aFolder(t),
  dnsConfig: { servers: ['10.43.0.10'], searches: ['svc.local'] },
})

const container = (line: string, name = 'main') => ({
  metadata: { name, attempt: 0 },
  image: { image: BUSYBOX_IMAGE },
  command: ['/bin/sh', '-c', line],
  logPath: `${name}.log`,
})

async function started(client: CriClient, podSandboxId: string, config: ReturnType<typeof container>): Promise<string> {
  const { containerId } = await client.call(M.createContainer, { podSandboxId, config })
  await client.call(M.startContainer, { containerId })
  return containerId
}

const statusOf = async (client: CriClient, containerId: string): Promise<ContainerStatus> =>
  (await client.call(M.containerStatus, { containerId })).status!
