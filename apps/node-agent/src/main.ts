import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { uptime } from 'node:os'
import { join } from 'node:path'
import { VOLUME_FOLDER } from '@bramble/api/types/volume'
import { MqttLink } from '@bramble/link/mqtt/mqtt-link'
import { allOrNone } from '@bramble/reconcile/all-or-none'
import { type Env, systemEnv } from '@bramble/reconcile/env'
import { createAgent } from './agent.ts'
import { CardStatus, findCardFolder } from './card/card-status.ts'
import { boardLed } from './card/led.ts'
import { cleanNode } from './clean-node.ts'
import { type AgentConfig, parseAgentConfig, SHUTDOWN_SOCKET } from './config.ts'
import { AddressMemory } from './network/pod-network/address-memory.ts'
import { protectAgent } from './host/protect-agent.ts'
import { hostTime } from './host/system-time.ts'
import { keepWatchdog } from './host/watchdog.ts'
import { checkNode, healthOf, podsMemoryBytes, reserveOf } from './health-settings.ts'
import { CniNetwork } from './network/pod-network/cni-network.ts'
import { HostRoutes } from './network/routes/host-routes.ts'
import { IptablesProxy } from './network/service-proxy/iptables/iptables-proxy.ts'
import { deviceFacts } from './node/device-facts.ts'
import { SiFacts } from './node/si-facts.ts'
import { TimeKeeper } from './node/time-keeper.ts'
import { meansOf } from './means-settings.ts'
import { LOG_LIMITS } from './pods/log-rotation.ts'
import { CsiPlugins } from './pods/volumes/csi/csi-plugins.ts'
import { CsiVolumes } from './pods/volumes/csi/csi-volumes.ts'
import { DiskPodFiles } from './pods/volumes/disk-pod-files.ts'
import { HostMounter } from './pods/volumes/mounts/host-mounter.ts'
import { mountInMemory } from './pods/volumes/mounts/memory-folder.ts'
import { DiskHookMarks } from './pods/lifecycle/disk-hook-marks.ts'
import { socketDialer } from './pods/probes/socket-dialer.ts'
import { openRuntime } from './runtime/all.ts'
import { cgroupVersion } from './runtime/cgroups/pod-cgroups.ts'
import { AssignedFile } from './state/assigned-file.ts'
import { deviceSeal } from './transport/device-seal.ts'
import { Membership } from './transport/membership.ts'
import { StreamCarrier } from './transport/stream-carrier.ts'
import { launched, LaunchedReleases } from './update/launched-releases.ts'
import manifest from '../../../package.json' with { type: 'json' }

// The only file that names concrete adapters. Read top to bottom, it is the architecture.

/** EX_CONFIG: starting again cannot help. */
const EXIT_CONFIG = 78
/** EX_TEMPFAIL: what starts us should do so again, and finds another release. */
const EXIT_AGAIN = 75
const RUN_FOLDER = '/run/bramble/pods'

const settings = process.env['BRAMBLE_CONFIG'] ?? '{}'
delete process.env['BRAMBLE_CONFIG']
let env = systemEnv('node-agent')

try {
  const config = parseAgentConfig(JSON.parse(settings) as Record<string, unknown>)
  env = systemEnv('node-agent', config.logLevel)
  const clean = process.env['BRAMBLE_CLEAN']
  const check = process.env['BRAMBLE_CHECK']
  if (check === 'check' || check === 'fix') process.exitCode = await checkNode(check, config, env.clock)
  else if (clean === 'pods' || clean === 'all') await cleanNode(clean, config, env)
  else await serve(config, env, stopController())
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  if ((error as { permanent?: boolean }).permanent === true) {
    process.stderr.write(message.replace(/^/gm, 'bramble: ') + '\n') // for the person who typed it
    process.exit(EXIT_CONFIG)
  }
  env.log.error(message, { error })
  process.exit(1)
}
process.exit(process.exitCode ?? 0)

async function serve(config: AgentConfig, env: Env, stop: AbortController): Promise<void> {
  const { signal } = stop
  const folder = join(config.dataDirectory, 'agent')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  void keepWatchdog(env, signal)
  const card = await openCard(config, env)
  const identity = join(folder, 'identity')
  if (!existsSync(join(identity, 'node.crt'))) await card?.tell('joining', 'this machine looks for its cluster')
  const time = new TimeKeeper({ path: join(folder, 'clock'), system: hostTime, env })
  await time.restore()
  const device = deviceFacts()
  const membership = await Membership.open(config, identity, env, signal, {
    device,
    progress: (step, text) => card?.tell(step, text),
    time: (timeMs) => time.told(timeMs),
  })
  if (!membership) return
  if (membership.isNew) await card?.tell('enrolled', `as node ${membership.identity.nodeName}`)
  await card?.forgetSecrets()
  if (membership.isNew) return becomeAnew()
  await protectAgent(env.log)
  const { nodeName, server, mqttPort, podNetwork, serviceNetwork } = membership.identity

  const volumeFolder = join(folder, 'volumes')
  const mounter = new HostMounter()
  await mountInMemory(RUN_FOLDER, mounter)
  const network = new CniNetwork({ memory: new AddressMemory(join(folder, 'addresses.json')) })
  const reserve = await reserveOf(config, folder)
  const parts = { clock: env.clock, log: env.log, network, podsMemoryBytes: podsMemoryBytes(reserve) }
  const runtime = await openRuntime(config.runtime, parts, join(folder, 'runtime'))
  const csi = new CsiPlugins(config.pluginDirectory, env)
  const files = new DiskPodFiles({
    dataFolder: join(folder, 'pods'),
    runFolder: RUN_FOLDER,
    logFolder: config.podLogDirectory,
    volumeFolder,
    dns: { domain: 'cluster.local' },
    csi: new CsiVolumes(csi, join(folder, 'csi')),
    clock: env.clock,
    mounter,
  })
  const by = launched(process.env)
  const releaseServer = { server, credentials: () => membership.identity, arch: process.arch }
  const agent = createAgent({
    env,
    link: time.listening(
      new MqttLink({
        nodeName,
        host: new URL(server).hostname,
        port: mqttPort,
        credentials: () => membership.identity,
        keepaliveSeconds: config.keepaliveSeconds,
        board: device.serial,
        env,
      }),
    ),
    ...(card && { card }),
    runtime,
    proxy: new IptablesProxy(env.clock),
    routes: new HostRoutes(serviceNetwork, env),
    podNetwork: network,
    facts: new SiFacts(folder, env.clock),
    assigned: new AssignedFile(join(folder, 'assigned.json'), deviceSeal(membership.identity.key), env.log),
    files,
    dialer: socketDialer(env.clock),
    hookMarks: new DiskHookMarks('/run/bramble/hooks'),
    means: { ...(await meansOf(config, folder, env)), csi },
    health: await healthOf(config, folder, reserve, { runtime, files, clock: env.clock }),
    metering: { cgroupVersion: await cgroupVersion(), dataFolder: folder },
    update: {
      ...(by && { releases: new LaunchedReleases(by, releaseServer, env.log) }),
      restart: () => {
        process.exitCode = EXIT_AGAIN
        stop.abort()
      },
    },
    streams: (sources) => new StreamCarrier(() => membership.identity, sources, env),
    settings: {
      node: {
        nodeName,
        version: manifest.version,
        labels: config.labels,
        annotations: { [VOLUME_FOLDER]: volumeFolder },
        ...(config.nodeIp !== undefined && { nodeIp: config.nodeIp }),
      },
      podNetwork,
      serviceNetwork,
      logFolder: config.podLogDirectory,
      staticPodFolder: config.staticPodDirectory,
      shutdown: { ...config.shutdown, socket: SHUTDOWN_SOCKET },
      logLimits: LOG_LIMITS,
      localPort: config.localPort,
    },
  })
  await allOrNone(signal, [(until) => agent.run(until), (until) => membership.keep(until), (until) => time.run(until)])
}

/** As the same process, which forgets all that joining needed: 10 MB that it would hold for ever. */
function becomeAnew(): void {
  process.execve!(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], {
    ...process.env,
    BRAMBLE_CONFIG: settings,
  })
}

/** The card's folder, where this machine was made from a card. */
async function openCard({ cardDirectory }: AgentConfig, { log }: Env): Promise<CardStatus | undefined> {
  const folder = cardDirectory ?? (await findCardFolder())
  return folder === undefined ? undefined : new CardStatus(folder, { led: boardLed(), uptimeSeconds: uptime, log })
}

function stopController(): AbortController {
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort()) // a launcher may pass it on again
  return stop
}
