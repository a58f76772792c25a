import type { ApiClient } from '../../apps/control-plane/src/api/client.ts'
import { daemonSets } from '../../apps/control-plane/src/resources/daemon-set.ts'
import { deployments } from '../../apps/control-plane/src/resources/deployment.ts'
import { nodes } from '../../apps/control-plane/src/resources/node.ts'
import { persistentVolumeClaims } from '../../apps/control-plane/src/resources/persistent-volume-claim.ts'
import { pods } from '../../apps/control-plane/src/resources/pod.ts'
import { services } from '../../apps/control-plane/src/resources/service.ts'
import { isReason } from '../../packages/api/src/status-error.ts'
import type { Service } from '../../packages/api/src/types/service.ts'
import type { DaemonSet, Deployment } from '../../packages/api/src/types/workload.ts'
import { keyOf, type NewObject } from '../../packages/api/src/object.ts'
import type { Faults } from './faults.ts'
import { Violation } from './invariants.ts'
import { type SimCluster, simCluster } from './sim-cluster.ts'

export interface ScenarioOptions {
  readonly seed: number
  readonly nodes?: number
  /** How long faults happen, milliseconds. */
  readonly faultyMs?: number
  /** How long the fleet has to converge when they are over, milliseconds. */
  readonly calmMs?: number
  /** Called before the first wish. */
  readonly prepare?: (cluster: SimCluster) => void
  /** Called at the end, whatever it was. */
  readonly listen?: (cluster: SimCluster) => void
}

const FAULTY_MS = 15 * 60_000
/** A container that crashed often waits five minutes for its next try; a node's silence lasts up to two. */
const CALM_MS_MAX = 12 * 60_000

/**
 * A fleet with Deployments, one of them with a volume, a DaemonSet and Services, where people change their minds and everything that can fail does.
 * Safety is checked in every step; when the faults are over, the world must reach the wish.
 * @throws Violation with the seed, what was wrong, and the last things that happened.
 */
export async function runScenario({
  seed,
  nodes: count = 5,
  faultyMs = FAULTY_MS,
  calmMs = CALM_MS_MAX,
  prepare,
  listen,
}: ScenarioOptions): Promise<void> {
  const cluster = await simCluster({ seed, nodes: count })
  try {
    prepare?.(cluster)
    await applyWorkloads(cluster.controlPlane.client!)
    await converge(cluster, calmMs)
    cluster.faults(weather(cluster.chance))
    await cluster.run(faultyMs, changeOfMind)
    cluster.faults({})
    await cluster.run(150_000) // outages last two minutes
    await uncordon(cluster)
    await converge(cluster, calmMs)
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    throw new Violation(`SEED=${seed}: ${error.message}\n${cluster.log.lines.slice(-60).join('\n')}`, { cause: error })
  } finally {
    listen?.(cluster)
    await cluster.stop()
  }
}

async function uncordon({ controlPlane: { client }, nodes: all }: SimCluster): Promise<void> {
  if (!client) throw new Violation('the control plane has not come back')
  for (const { name } of all) await client.patch(nodes, name, { spec: { unschedulable: null } })
}

/** Every run has another mixture: some have one fault only, some have all of them in plenty. */
function weather(chance: () => number): Faults {
  const rate = (max: number): number => (chance() < 0.2 ? 0 : max * chance() ** 2)
  return {
    dropLink: rate(0.15),
    crashAgent: rate(0.05),
    losePower: rate(0.03),
    crashContainer: rate(0.1),
    restartControlPlane: rate(0.05),
    messages: { loss: rate(0.2), repeat: rate(0.2), reorder: rate(0.2), reorderMs: 2_000, delayMs: rate(1_000) },
  }
}

/** Lets the fleet come to rest. @throws Violation when something is missing in the end. */
export async function converge(cluster: SimCluster, calmMs: number): Promise<void> {
  let missing: readonly string[] = []
  for (let waitedMs = 0; waitedMs < calmMs; waitedMs += 10_000) {
    await cluster.run(10_000, keepClaim)
    missing = await cluster.missing()
    if (missing.length === 0) return
  }
  throw new Violation(`not converged after ${calmMs / 60_000} minutes without faults:\n  ${missing.join('\n  ')}`)
}

/** What people want: a Deployment and a DaemonSet, each behind a Service. */
export async function applyWorkloads(client: ApiClient): Promise<void> {
  await client.create<Deployment>(deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas: 6, selector: { matchLabels: { app: 'web' } }, template: template('web') },
  })
  await client.create<Deployment>(deployments, single())
  await keepClaim(client)
  await client.create<Deployment>(deployments, keeper())
  await client.create<DaemonSet>(daemonSets, {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'log', namespace: 'default' },
    spec: { selector: { matchLabels: { app: 'log' } }, template: template('log') },
  })
  for (const name of ['web', 'log'])
    await client.create<Service>(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default' },
      spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
    })
}

const template = (app: string) => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'main', image: 'localhost/web:1', ports: [{ containerPort: 8080 }] }] },
})

/** Never two at once; deleted and made again now and then. */
const single = (): NewObject<Deployment> => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'single', namespace: 'default' },
  spec: { replicas: 1, strategy: { type: 'Recreate' }, selector: { matchLabels: { app: 'single' } }, template: template('single') },
})

/** Has a volume, which keeps it on one node, and a token that is replaced every eight minutes. */
const keeper = (): NewObject<Deployment> => {
  const { metadata, spec } = template('keeper')
  const volumes = [
    { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
    { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 600 } }] } },
  ]
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'keeper', namespace: 'default' },
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' },
      selector: { matchLabels: metadata.labels },
      template: { metadata, spec: { ...spec, volumes } },
    },
  }
}

async function keepClaim(client: ApiClient): Promise<void> {
  if (client.get(persistentVolumeClaims, 'default/data')) return
  await client.create(persistentVolumeClaims, {
    metadata: { name: 'data', namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  })
}

/** What people do meanwhile, now and then. */
async function changeOfMind(client: ApiClient, chance: () => number): Promise<void> {
  const image = (): object => ({
    spec: {
      template: {
        spec: { containers: [{ name: 'main', image: `localhost/web:${1 + Math.floor(chance() * 3)}`, ports: [{ containerPort: 8080 }] }] },
      },
    },
  })
  const dice = chance()
  try {
    if (dice < 0.02) await client.patch(deployments, 'default/web', { spec: { replicas: 1 + Math.floor(chance() * 9) } })
    else if (dice < 0.04) await client.patch(deployments, 'default/web', image())
    else if (dice < 0.055) await client.patch(daemonSets, 'default/log', image())
    else if (dice < 0.065) await client.patch(deployments, 'default/single', image())
    else if (dice < 0.07) await client.delete(deployments, 'default/single')
    else if (dice < 0.08) await client.create<Deployment>(deployments, single())
    else if (dice < 0.1) await client.patch(nodes, `pi-${1 + Math.floor(chance() * 3)}`, { spec: { unschedulable: chance() < 0.3 } })
    else if (dice < 0.12) {
      const all = client.list(pods)
      const victim = all[Math.floor(chance() * all.length)]
      if (victim) await client.delete(pods, keyOf(victim))
    } else if (dice < 0.125) await client.delete(persistentVolumeClaims, 'default/data')
    else if (dice < 0.15) await keepClaim(client)
  } catch (error) {
    if (!isReason(error, 'NotFound', 'Conflict', 'AlreadyExists')) throw error // someone was faster
  }
}
