import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { after, before, test } from 'node:test'
import { CniNetwork } from '../network/pod-network/cni-network.ts'
import { CriRuntime } from '../runtime/cri/cri-runtime.ts'
import { runtimeContract } from '../runtime/runtime.contract.ts'
import { IMAGE, type ServedRuntime, startFake } from './cri-server.fixture.ts'

const PAUSE_MS = 2

/** The client makes cgroups of pods for real, as kubelet does. */
if (process.getuid?.() === 0) {
  let served: ServedRuntime
  before(async () => {
    served = await startFake()
  })
  after(() => served.close())
  runtimeContract(
    'a runtime that runs nothing, behind CRI,',
    async (t) => {
      const { runtime: behind, socketPath, folder } = served
      const network = new CniNetwork({ stateDirectory: folder, conflistPath: `${folder}/net.conflist` })
      await network.setCidr('10.42.0.0/24')
      const runtime = new CriRuntime({
        name: 'cri',
        socketPath,
        network,
        clock: systemClock,
        log: silentLog,
        stateDirectory: folder,
        cgroupName: 'brt-cri-fake',
      })
      t.after(() => runtime.close())
      return {
        runtime,
        folder,
        image: IMAGE,
        missingImage: 'localhost/missing:1',
        pause: () => systemClock.sleep(PAUSE_MS),
        readLog: async (path) => behind.logs.get(path) ?? '',
      }
    },
    {
      'a port carries bytes both ways': 'the client dials into the network of the pod itself, and a fake pod has none',
    },
  )
} else test('a runtime that runs nothing, behind CRI', { skip: 'needs root for cgroups' }, () => {})
