import { readFile, writeFile } from 'node:fs/promises'
import { after, before, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { BUSYBOX_IMAGE } from '../../../../../tools/images/build.ts'
import { insidePrivateHost, privateHostTest } from '../../host/private-host.ts'
import { runtimeContract, type RuntimeHarness } from '../runtime.contract.ts'
import { CriTestHost } from './cri-test-host.fixture.ts'

const PAUSE_MS = 20
let host: CriTestHost

if (insidePrivateHost()) {
  before(async () => {
    host = await CriTestHost.start('brt-cri')
    await host.containerd.load(BUSYBOX_IMAGE)
  })
  after(() => host.remove())
  runtimeContract('containerd', contractHarness)
} else privateHostTest(import.meta.filename)

async function contractHarness(t: TestContext): Promise<RuntimeHarness> {
  const folder = await host.folder(t)
  return {
    runtime: await host.runtime(t),
    folder,
    image: BUSYBOX_IMAGE,
    missingImage: 'localhost/no-such-image',
    pause: () => systemClock.sleep(PAUSE_MS),
    readLog: (path) => readFile(path, 'utf8').catch(() => ''),
    real: { writeFile: (path, text) => writeFile(path, text) },
  }
}
void silentLog
