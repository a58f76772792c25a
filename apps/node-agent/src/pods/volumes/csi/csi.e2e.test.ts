import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, it, type TestContext } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { Signal } from '@bramble/reconcile/signal'
import { BUSYBOX_IMAGE, buildImages } from '../../../../../../tools/images/build.ts'
import { runCommand } from '../../../host/exec.ts'
import { insidePrivateHost, privateHostTest } from '../../../host/private-host.ts'
import { CniNetwork } from '../../../network/pod-network/cni-network.ts'
import { PodmanRuntime } from '../../../runtime/podman/podman-runtime.ts'
import { PodReconciler } from '../../pod-reconciler.ts'
import { aContainer, aPod, deleted } from '../../pods-harness.ts'
import { socketDialer } from '../../probes/socket-dialer.ts'
import { HostMounter } from '../mounts/host-mounter.ts'
import { CAN } from './csi-driver.fixture.ts'
import { CsiTestNode, FACTS } from './csi-node.fixture.ts'

const NAME = 'test.csi.bramble.dev'
const WAIT_MS = 60_000

if (insidePrivateHost()) {
  before(async () => void (await buildImages({ names: [BUSYBOX_IMAGE] })))
  tests()
} else privateHostTest(import.meta.filename)

function tests(): void {
  it('pods share a staged volume, each has its group, and a crash leaves nothing mounted', async (t) => {
    const node = await CsiTestNode.start(t, new HostMounter())
    const driver = await node.driver({ can: [CAN.stage] })
    node.setDriverObject(NAME, { fsGroupPolicy: 'File' })
    const volume = node.claim('data', { driver: NAME, volumeHandle: 'vol-1' })
    const [one, two] = [node.pod('one', volume, { securityContext: { fsGroup: 2000 } }), node.pod('two', volume)]
    await node.prepare(one)
    await node.prepare(two)
    const [at, also] = await Promise.all([one, two].map((pod) => hostPathOf(node, pod)))
    await writeFile(join(at!, 'file'), 'shared')
    assert.equal(await readFile(join(also!, 'file'), 'utf8'), 'shared')
    const { gid, mode } = await stat(at!)
    assert.deepEqual([gid, mode & 0o2770], [2000, 0o2770])
    await node.files.removePod(one)
    assert.equal(await readFile(join(also!, 'file'), 'utf8'), 'shared')
    await node.restartAgent(driver)
    await node.files.removeUnknown(() => false)
    assert.deepEqual(await node.mounted(), [])
    assert.deepEqual(await readdir(join(node.folder, 'pods/pods')), [])
  })

  it('a device of a driver comes to a container as a device', async (t) => {
    const node = await CsiTestNode.start(t, new HostMounter())
    const driver = await node.driver()
    node.setDriverObject(NAME, {})
    const file = join(node.folder, 'disk')
    await writeFile(file, Buffer.alloc(1 << 20))
    const made = await runCommand('losetup', ['--find', '--show', file], { timeoutMs: 10_000, exitCodes: 'any' })
    if (made.exitCode !== 0) return t.skip('this kernel has no loop devices')
    const device = made.stdout.trim()
    t.after(() => runCommand('losetup', ['--detach', device], { timeoutMs: 10_000 }))
    driver.devices.set('vol-1', device)
    const volume = node.claim('data', { driver: NAME, volumeHandle: 'vol-1' }, { volumeMode: 'Block' })
    const container = aContainer('main', { volumeDevices: [{ name: 'v', devicePath: '/dev/disk' }] })
    const pod = node.pod('one', volume, { containers: [container] })
    await node.prepare(pod)
    const [given] = await node.files.containerDevices(pod, container)
    assert.equal((await stat(given!.hostPath)).rdev, (await stat(device)).rdev)
    await node.files.removePod(pod)
    assert.deepEqual(await node.mounted(), [])
  })

  it('a pod on Podman writes to the volume of a driver, and finds it again', async (t) => {
    const node = await CsiTestNode.start(t, new HostMounter())
    await node.driver({ can: [CAN.stage] })
    node.setDriverObject(NAME, {})
    const volume = node.claim('data', { driver: NAME, volumeHandle: 'vol-1' })
    const reports: StatusReport[] = []
    const news = new Signal()
    const reconciler = await podmanNode(t, node, (report) => {
      reports.push(report)
      news.notify()
    })
    const until = async (isSo: (report: StatusReport) => boolean): Promise<void> => {
      const limit = AbortSignal.timeout(WAIT_MS)
      while (!reports.some(isSo)) {
        if (limit.aborted)
          assert.fail(JSON.stringify(reports.map((report) => (report.type === 'event' ? report.event.message : report.type))))
        await news.wait(limit)
      }
    }
    const uses = { image: BUSYBOX_IMAGE, volumeMounts: [{ name: 'v', mountPath: '/v' }] }
    const sleeper = aContainer('main', { ...uses, command: ['sleep', '1000'] })
    const keeper = aPod('keeper', { volumes: [volume], containers: [sleeper] }, { uid: randomUUID() }) // else the files would go with the writer
    reconciler.assign([keeper])
    await until((report) => report.type === 'pod-status' && report.status.phase === 'Running')
    const uid = randomUUID()
    const command = ['sh', '-c', 'echo written by $(hostname) >/v/file && mount | grep -c " /v " >>/v/file']
    const main = aContainer('main', { ...uses, command })
    const pod = aPod('writer', { restartPolicy: 'Never', volumes: [volume], containers: [main] }, { uid })
    reconciler.assign([keeper, pod])
    await until((report) => report.type === 'pod-status' && report.uid === uid && report.status.phase === 'Succeeded')
    assert.equal(await readFile(join(await hostPathOf(node, keeper), 'file'), 'utf8'), 'written by writer\n1\n')
    reconciler.assign([keeper, deleted(pod, 1)])
    await until((report) => report.type === 'pod-gone')
    assert.equal((await node.mounted()).length, 2, 'staged, and published to the other pod')
  })
}

async function hostPathOf(node: CsiTestNode, pod: Pod): Promise<string> {
  const mounts = await node.files.containerMounts(pod, pod.spec.containers[0]!, 0, [], FACTS)
  return mounts.find(({ containerPath }) => containerPath === '/v')!.hostPath
}

async function podmanNode(t: TestContext, node: CsiTestNode, send: (report: StatusReport) => void): Promise<PodReconciler> {
  const network = new CniNetwork()
  await network.setCidr('10.42.1.0/24')
  const runtime = new PodmanRuntime({ network, clock: systemClock, log: silentLog, cgroupName: 'brt-csi' })
  const logFolder = join(node.folder, 'log')
  await mkdir(logFolder, { recursive: true })
  const reconciler = new PodReconciler({
    env: { clock: systemClock, random: () => 0.5, log: silentLog },
    nodeName: 'pi-1',
    runtime,
    dialer: socketDialer(systemClock),
    source: node.configs,
    files: node.files,
    node: () => ({ hostname: 'pi-1', hostIp: '192.0.2.1', memoryBytes: 2 ** 32, allocatable: { cpuMillis: 1900, memoryBytes: 2 ** 31 } }),
    logFolder,
    send,
  })
  const stop = new AbortController()
  const run = reconciler.run(stop.signal)
  t.after(async () => {
    stop.abort()
    await run
    for (const { id } of await runtime.observe()) await runtime.removeSandbox(id)
    runtime.close()
  })
  return reconciler
}
