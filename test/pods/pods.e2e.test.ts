import { after, before, describe, it } from 'node:test'
import { type Cluster, createCluster } from '../e2e/cluster.ts'
import { namespace } from '../e2e/manifests.ts'
import { CONFIGURATION } from './cases/configuration.ts'
import { LIFE_CYCLE } from './cases/life-cycle.ts'
import { NETWORK_AND_IMAGES } from './cases/network-and-images.ts'
import { PROBES } from './cases/probes.ts'
import { SECURITY } from './cases/security.ts'
import { VOLUMES } from './cases/volumes.ts'
import { podTrial, RUNTIME_LABEL } from './pod-trial.ts'
import { RUNTIMES } from './runtimes.ts'

const CASES = [...LIFE_CYCLE, ...PROBES, ...CONFIGURATION, ...VOLUMES, ...SECURITY, ...NETWORK_AND_IMAGES]
/** Trials at a time on each node: they mostly wait. */
const CONCURRENCY = 5
const skip = process.getuid?.() === 0 ? false : 'needs root for namespaces'

/** The same pods on every runtime, through kubectl and the whole cluster. */
describe('pods, the same on every runtime', { skip, timeout: 900_000, concurrency: true }, () => {
  let made: Cluster | undefined
  const cluster = (): Cluster => made!
  before(async () => {
    made = await createCluster({ name: 'brt-pods', join: 0 })
    await made.apply(...RUNTIMES.map(({ name }) => namespace(name)))
    await Promise.all(
      RUNTIMES.map(async ({ name, node, prepare }) => {
        const args = await prepare(cluster())
        await cluster().startAgent(node, [...(await cluster().joinArguments(node)), '--label', `${RUNTIME_LABEL}=${name}`, ...args])
      }),
    )
    await made.waitFor('every node to be Ready', async () => (await cluster().readyNodes()).length === RUNTIMES.length, 90_000)
  })
  after(() => made?.down())

  for (const { name } of RUNTIMES)
    describe(`with ${name}`, { concurrency: CONCURRENCY }, () => {
      for (const each of CASES) it(each.title, () => podTrial(cluster(), name, each))
    })
})
