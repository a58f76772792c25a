import { readFile, writeFile } from 'node:fs/promises'
import { after, before, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { BUSYBOX_IMAGE, buildImages } from '../../../../tools/images/build.ts'
import { insidePrivateHost, privateHostTest } from '../host/private-host.ts'
import { CniNetwork } from '../network/pod-network/cni-network.ts'
import { CriRuntime } from '../runtime/cri/cri-runtime.ts'
import { PodmanRuntime } from '../runtime/podman/podman-runtime.ts'
import { aFolder, PAUSE_MS } from '../runtime/podman/podman-host.fixture.ts'
import { runtimeContract, type RuntimeHarness } from '../runtime/runtime.contract.ts'
import { CriProcess, nothingIsLeft, POD_CIDR, SOCKET } from './cri-process.fixture.ts'

const CGROUP_NAME = 'brt-cri-client'
const RUN_MS_MAX = 400_000

if (insidePrivateHost()) {
  let server: CriProcess
  before(async () => {
    await buildImages({ names: [BUSYBOX_IMAGE] })
    server = await CriProcess.start()
  })
  after(async () => {
    await server.stop()
    await nothingIsLeft(CGROUP_NAME)
  })
  runtimeContract('Podman behind CRI', harness)
} else privateHostTest(import.meta.filename, { timeoutMs: RUN_MS_MAX })

async function harness(t: TestContext): Promise<RuntimeHarness> {
  const folder = await aFolder(t)
  return {
    runtime: await aClient(t),
    folder,
    image: BUSYBOX_IMAGE,
    missingImage: 'localhost/no-such-image',
    pause: () => systemClock.sleep(PAUSE_MS),
    readLog: (path) => readFile(path, 'utf8').catch(() => ''),
    real: { writeFile: (path, text) => writeFile(path, text) },
  }
}

/** What an agent or a kubelet would have. Archives are loaded beside CRI, which has no call for it, as `ctr` does it for containerd. */
async function aClient(t: TestContext): Promise<CriRuntime> {
  const network = new CniNetwork()
  await network.setCidr(POD_CIDR)
  const parts = { network, clock: systemClock, log: silentLog }
  const runtime = new CriRuntime({ ...parts, name: 'podman', socketPath: SOCKET, cgroupName: CGROUP_NAME })
  const beside = new PodmanRuntime({ ...parts, stateDirectory: '/run/bramble/beside' })
  runtime.loadImages = async (path, signal) => {
    await beside.listImages() // an archive is sent once: Podman has to be there
    return beside.loadImages(path, signal)
  }
  t.after(() => {
    runtime.close()
    beside.close()
  })
  return runtime
}
