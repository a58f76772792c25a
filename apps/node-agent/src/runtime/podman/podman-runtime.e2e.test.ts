import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { BUSYBOX_IMAGE, buildImages } from '../../../../../tools/images/build.ts'
import { insidePrivateHost, privateHostTest } from '../../host/private-host.ts'
import { CniNetwork } from '../../network/pod-network/cni-network.ts'
import { runtimeContract, type RuntimeHarness } from '../runtime.contract.ts'
import { PodmanRuntime } from './podman-runtime.ts'

const PAUSE_MS = 20

if (insidePrivateHost()) tests()
else privateHostTest(import.meta.filename)

function tests(): void {
  before(async () => void (await buildImages({ names: [BUSYBOX_IMAGE] })))
  runtimeContract('podman', harness)
}

async function harness(t: TestContext): Promise<RuntimeHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-podman-'))
  t.after(() => rm(folder, { recursive: true }))
  const network = new CniNetwork()
  await network.setCidr('10.42.1.0/24')
  const runtime = new PodmanRuntime({ network, clock: systemClock, log: silentLog, cgroupName: 'brt-podman' })
  t.after(() => runtime.close())
  return {
    runtime, folder, image: BUSYBOX_IMAGE, missingImage: 'localhost/no-such-image',
    pause: () => systemClock.sleep(PAUSE_MS),
    readLog: (path) => readFile(path, 'utf8').catch(() => ''),
    real: { writeFile: (path, text) => writeFile(path, text) },
  }
}
