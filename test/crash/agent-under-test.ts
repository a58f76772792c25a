import { join } from 'node:path'
import { systemEnv } from '@bramble/reconcile/env'
import { createAgent } from '../../apps/node-agent/src/agent.ts'
import { CniNetwork } from '../../apps/node-agent/src/network/pod-network/cni-network.ts'
import { RecordingProxy } from '../../apps/node-agent/src/network/service-proxy/recording-proxy.ts'
import { socketDialer } from '../../apps/node-agent/src/pods/probes/socket-dialer.ts'
import { DiskPodFiles } from '../../apps/node-agent/src/pods/volumes/disk-pod-files.ts'
import { PodmanRuntime } from '../../apps/node-agent/src/runtime/podman/podman-runtime.ts'
import { savedAssignment } from './crash-world.ts'
import { Executioner, type KillPoint } from './kill-point.ts'
import { FACTS } from '../../apps/node-agent/src/node/facts.fixture.ts'

// A node agent on real Podman that cannot reach its control plane and dies where its second argument says.
// Arguments: folder, kill point as JSON (none: it lives).

const [folder, point] = process.argv.slice(2) as [string, string?]
const env = systemEnv('agent-under-test', 'warn')
const executioner = new Executioner(point === undefined ? undefined : (JSON.parse(point) as KillPoint), (ms) => env.clock.sleep(ms))

const network = new CniNetwork()
await createAgent({
  env,
  link: {
    open: (_hello, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  },
  runtime: executioner.watch(new PodmanRuntime({ network, clock: env.clock, log: env.log, cgroupName: 'brt-crash' })),
  proxy: new RecordingProxy(),
  facts: FACTS,
  assigned: executioner.watch(savedAssignment(folder)),
  files: executioner.watch(
    new DiskPodFiles({
      dataFolder: join(folder, 'data'),
      runFolder: join(folder, 'run'),
      logFolder: join(folder, 'log'),
      dns: { domain: 'cluster.local' },
    }),
  ),
  dialer: socketDialer(env.clock),
  podNetwork: network,
  settings: {
    node: { nodeName: 'pi-1', version: '0.1.0', labels: {} },
    podNetwork: '10.42.0.0/16',
    serviceNetwork: '10.43.0.0/16',
    logFolder: join(folder, 'log'),
  },
}).run(new AbortController().signal)
