import { systemEnv } from '@bramble/reconcile/env'
import { type CriConfig, parseCriConfig } from './cri-config.ts'
import { serveCri } from './cri-server/cri-server.ts'
import { criHandlers } from './cri-server/handlers.ts'
import { ServerNetwork } from './cri-server/server-network.ts'
import { StreamingServer } from './cri-server/streaming-server.ts'
import { CniNetwork } from './network/pod-network/cni-network.ts'
import { PodmanRuntime } from './runtime/podman/podman-runtime.ts'

// `bramble cri`: Podman as a CRI endpoint. What it keeps lies apart from an agent's.

/** EX_CONFIG: starting again cannot help. */
const EXIT_CONFIG = 78
/** On a tmpfs: a reboot empties it. */
const STATE_DIRECTORY = '/run/bramble/cri'

const settings = process.env['BRAMBLE_CONFIG'] ?? '{}'
delete process.env['BRAMBLE_CONFIG']

try {
  await serve(parseCriConfig(JSON.parse(settings) as Record<string, unknown>), stopSignal())
} catch (error) {
  process.stderr.write(`${(error as Error).message}`.replace(/^/gm, 'bramble: ') + '\n')
  process.exit((error as { permanent?: boolean }).permanent === true ? EXIT_CONFIG : 1)
}
process.exit(0)

async function serve(config: CriConfig, signal: AbortSignal): Promise<void> {
  const { clock, log } = systemEnv('cri', config.logLevel)
  const plugged = new CniNetwork({ stateDirectory: STATE_DIRECTORY, conflistPath: `${STATE_DIRECTORY}/network.conflist` })
  const network = new ServerNetwork({ plugged, podCidr: config.podCidr, stateDirectory: STATE_DIRECTORY })
  const runtime = new PodmanRuntime({
    network: plugged,
    clock,
    log,
    stateDirectory: STATE_DIRECTORY,
    owner: 'cri',
    cgroupName: 'bramble-cri',
  })
  const streaming = new StreamingServer({ runtime, clock, log, host: config.streamHost, port: config.streamPort })
  await streaming.start()
  const handlers = criHandlers({
    runtime,
    network,
    streaming,
    clock,
    log,
    cgroupManager: () => runtime.cgroupManager(),
    recordDirectory: `${STATE_DIRECTORY}/pods`,
  })
  await serveCri(config.socketPath, handlers, log, signal, () =>
    log.info('serving CRI', { socket: config.socketPath, streams: streaming.address }),
  )
  await streaming.stop()
  runtime.close()
}

function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort())
  return stop.signal
}
