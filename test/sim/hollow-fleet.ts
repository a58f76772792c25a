import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createControlPlane } from '../../apps/control-plane/src/control-plane.ts'
import { createApp } from '../../apps/control-plane/src/http/app.ts'
import { serveHttps } from '../../apps/control-plane/src/http/server.ts'
import { adminKubeconfig } from '../../apps/control-plane/src/pki/kubeconfig.ts'
import { openPki } from '../../apps/control-plane/src/pki/pki.ts'
import { MemoryBackend } from '../../apps/control-plane/src/store/backend/memory.ts'
import { badRequest } from '../../packages/api/src/status-error.ts'
import { MemoryLink } from '../../packages/link/src/memory-link.ts'
import { type Env, systemClock } from '../../packages/reconcile/src/env.ts'
import { silentLog } from '../../packages/reconcile/src/log.ts'
import { seeded } from '../../packages/reconcile/src/sim/seeded.ts'
import { SETTINGS } from './settings.ts'
import { SimNode } from './sim-node.ts'

export interface HollowFleet {
  /** Path of an administrator's kubeconfig. */
  readonly kubeconfig: string
  /** Of its own; gone with the fleet. */
  readonly folder: string
  readonly nodes: readonly SimNode[]
  readonly link: MemoryLink
  stop(): Promise<void>
}

export interface HollowOptions {
  /** How long a container takes to start, and an image to be pulled. */
  readonly startMs?: number
  readonly pullMs?: number
  /** Where an authority is kept that several fleets share, one after the other or at once. Default: one of its own; making it costs. */
  readonly pkiFolder?: string
}

/** A control plane that serves HTTPS on the loopback in real time, and nodes whose containers are made up: what kubectl sees is real. */
export async function hollowFleet(nodeCount: number, { pkiFolder, ...speed }: HollowOptions = {}): Promise<HollowFleet> {
  const env: Env = { clock: systemClock, random: seeded(1), log: silentLog }
  const folder = await mkdtemp(join(tmpdir(), 'bramble-hollow-'))
  const stop = new AbortController()
  const failures: unknown[] = []
  const failed = (error: unknown): void => {
    failures.push(error)
  }

  const link = new MemoryLink(env)
  const pki = await openPki(pkiFolder ?? join(folder, 'pki'), ['localhost'], ['127.0.0.1'], systemClock)
  const settings = { ...SETTINGS, certificateAuthority: pki.authority }
  const plane = await createControlPlane({ backend: new MemoryBackend(), linkServer: link.server, env, settings, certificates: pki })
  const app = createApp({
    ...plane,
    env,
    version: '0.1.0',
    podLogs: { open: () => Promise.reject(badRequest('no logs here')) },
    openapiFolder: join(folder, 'openapi'),
    stop: stop.signal,
  })
  const server = await serveHttps({
    app,
    env,
    cert: pki.server.certificate,
    key: pki.server.key,
    clientCa: pki.authority,
    host: '127.0.0.1',
    port: 0,
    signal: stop.signal,
  })
  const kubeconfig = join(folder, 'kubeconfig')
  await writeFile(kubeconfig, adminKubeconfig(pki, `https://127.0.0.1:${server.port}`), { mode: 0o600 })

  const running = plane.run(stop.signal)
  const nodes = Array.from({ length: nodeCount }, (_, index) => {
    const name = `pi-${index + 1}`
    return new SimNode({
      name,
      number: index + 1,
      env,
      link: link.connect(name),
      podNetwork: SETTINGS.podNetwork,
      serviceNetwork: SETTINGS.serviceNetwork,
      failed,
      ...speed,
    })
  })
  for (const node of nodes) node.start()
  return {
    kubeconfig,
    folder,
    nodes,
    link,
    stop: async () => {
      for (const node of nodes) node.losePower() // made-up processes live on timers
      stop.abort()
      await Promise.all([running, server.closed])
      await plane.store.close()
      await rm(folder, { recursive: true, force: true })
      if (failures.length > 0) throw failures[0]
    },
  }
}
