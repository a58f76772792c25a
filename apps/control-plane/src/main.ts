import { mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { MqttLinkServer } from '@bramble/link/mqtt/mqtt-link-server'
import { ReleaseFolder } from '@bramble/provisioning/release/release-folder'
import { type Env, systemEnv } from '@bramble/reconcile/env'
import { advertiseAddress, ownAddresses } from './advertise-address.ts'
import { createControlPlane } from './control-plane.ts'
import { allOrNone } from '@bramble/reconcile/all-or-none'
import { parseServerConfig, type ServerConfig } from './config.ts'
import { Enrolment } from './enrolment/enrolment.ts'
import { createApp } from './http/app.ts'
import { findInstaller } from './installer.ts'
import { serveHttps } from './http/server.ts'
import { adminKubeconfig } from './pki/kubeconfig.ts'
import { openPki, type Pki, publicKeyPin } from './pki/pki.ts'
import { serviceAccountKey } from './pki/service-account-key.ts'
import { writeDurably } from './pki/write-durably.ts'
import { apiServiceIp, serviceRanges } from './admission/service-addresses/ranges.ts'
import { launched, proveRelease } from './prove-release.ts'
import { openBackend } from './store/backend/open.ts'
import { givenUpBy, prepareStore, restoreByHand } from './store/backend/prepare-store.ts'
import { MqttBroker } from './transport/broker.ts'
import { NodeStreams } from './transport/node-streams.ts'
import { StreamServer } from './transport/stream-server.ts'
import manifest from '../../../package.json' with { type: 'json' }

// The only file that names concrete adapters. Read top to bottom, it is the architecture.

/** EX_CONFIG: starting again cannot help. */
const EXIT_CONFIG = 78
const CERTIFICATES_LOOK_MS = 12 * 3_600_000
const CERTIFICATES_SPARE_MS = 30 * 86_400_000

const settings = process.env['BRAMBLE_CONFIG'] ?? '{}'
delete process.env['BRAMBLE_CONFIG']
let env = systemEnv('control-plane')

try {
  const config = parseServerConfig(JSON.parse(settings) as Record<string, unknown>)
  env = systemEnv('control-plane', config.logLevel)
  const copy = process.env['BRAMBLE_RESTORE']
  if (copy === undefined) await serve(config, env, stopSignal())
  else await restore(config, env, copy)
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  if ((error as { permanent?: boolean }).permanent === true) {
    process.stderr.write(message.replace(/^/gm, 'bramble: ') + '\n') // for the person who typed it
    process.exit(EXIT_CONFIG)
  }
  env.log.error(message, { error })
  process.exit(1)
}
process.exit(0)

async function serve(config: ServerConfig, env: Env, signal: AbortSignal): Promise<void> {
  const folder = join(config.dataDirectory, 'server')
  const path = join(folder, 'store.db')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const address = config.advertiseAddress ?? (await advertiseAddress())
  const { listenAddress: host, apiPort, mqttPort, streamPort } = config
  const releases = new ReleaseFolder(config.releaseDirectory)
  const pki = await openPki(join(folder, 'pki'), serverNames(config), serverAddresses(config, address), env.clock)

  const broker = new MqttBroker(
    {
      ...{ host, port: mqttPort, authority: pki.authority, certificate: pki.server.certificate, key: pki.server.key },
      mayConnect: (nodeName, device) => enrolment.mayConnect(nodeName, device),
      seenBoard: (nodeName, serial) => void enrolment.seenBoard(nodeName, serial),
    },
    env.log,
  )
  const by = launched(process.env)
  const givenUp = await givenUpBy(by?.slot)
  await prepareStore({ path, version: manifest.version, givenUp, nowMs: env.clock.nowMs(), log: env.log })
  const controlPlane = await createControlPlane({
    backend: openBackend({ engine: 'sqlite', path }, env),
    linkServer: new MqttLinkServer(broker, env),
    env,
    settings: { ...config, advertiseAddress: address, certificateAuthority: pki.authority },
    serviceAccountKey: () => serviceAccountKey(join(folder, 'pki')),
    certificates: pki,
    agents: { releases: () => releases.list(), serverVersion: manifest.version },
  })
  const enrolment = new Enrolment(controlPlane.client, pki, env)
  const streams = new StreamServer(
    { ...config, host, port: streamPort, pki },
    enrolment,
    (nodeName, id) => controlPlane.gateway.requestStream(nodeName, id),
    env,
  )
  const nodeStreams = new NodeStreams(streams, env.clock)
  const https = async (stop: AbortSignal): Promise<void> => {
    const app = createApp({
      ...controlPlane,
      env,
      podLogs: nodeStreams,
      podStreams: nodeStreams,
      version: manifest.version,
      openapiFolder: join(folder, 'openapi'),
      distribution: {
        releases,
        installer: findInstaller(import.meta.dirname),
        server: `https://${address}:${apiPort}`,
        names: [...serverNames(config), ...serverAddresses(config, address)],
        pin: publicKeyPin(pki.server.certificate),
      },
      stop,
    })
    const server = await serveHttps({
      app,
      cert: pki.server.certificate + pki.authority,
      key: pki.server.key,
      clientCa: pki.authority,
      host,
      port: apiPort,
      env,
      signal: stop,
    })
    await writeDurably(join(folder, 'kubeconfig'), adminKubeconfig(pki, `https://${address}:${apiPort}`), 0o600)
    env.log.info('Kubernetes API', { address, port: apiPort })
    if (by) void proveRelease(by, () => controlPlane.components.every(({ check }) => check() === undefined), env, stop)
    await server.closed
  }

  try {
    await allOrNone(signal, [
      (stop) => controlPlane.run(stop),
      (stop) => streams.run(stop),
      (stop) => hangUpOnReplaced(broker, enrolment, stop),
      https,
      (stop) => certificatesLast(pki, env, stop),
    ])
  } finally {
    await controlPlane.store.close()
  }
}

/** A card that was replaced must not go on as the node while it happens to be connected. */
async function hangUpOnReplaced(broker: MqttBroker, enrolment: Enrolment, signal: AbortSignal): Promise<void> {
  for await (const nodeName of enrolment.deviceChanges(signal)) broker.recheck(nodeName)
}

/** For somebody who typed `bramble server --restore FILE`. */
async function restore({ dataDirectory }: ServerConfig, { clock }: Env, copy: string): Promise<void> {
  try {
    const replaced = await restoreByHand(join(dataDirectory, 'server', 'store.db'), copy, manifest.version, clock.nowMs())
    process.stdout.write(`restored ${copy}; what stood there is ${replaced === undefined ? 'gone, as it was damaged' : `in ${replaced}`}\n`)
  } catch (error) {
    throw Object.assign(error as Error, { permanent: true }) // for the person who typed it
  }
}

/** Ends before a certificate does: whoever restarts us gets new ones. */
async function certificatesLast(pki: Pki, env: Env, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (pki.expiresMs - env.clock.nowMs() < CERTIFICATES_SPARE_MS)
      throw new Error('certificates run out soon; starting again to renew them')
    await env.clock.sleep(CERTIFICATES_LOOK_MS, signal)
  }
}

function serverNames({ tlsNames }: ServerConfig): readonly string[] {
  return [
    hostname(),
    'localhost',
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
    ...tlsNames.filter((name) => !isAddress(name)),
  ]
}

function serverAddresses({ tlsNames, serviceNetwork }: ServerConfig, address: string): readonly string[] {
  return [...new Set(['127.0.0.1', address, ...ownAddresses(), apiServiceIp(serviceRanges(serviceNetwork)), ...tlsNames.filter(isAddress)])]
}

function isAddress(name: string): boolean {
  return /^\d+(\.\d+){3}$/.test(name)
}

function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort()) // a launcher may pass it on again
  return stop.signal
}
