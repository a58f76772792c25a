import { after, before, describe, it } from 'node:test'
import { type Cluster, createCluster } from '../e2e/cluster.ts'
import { findKubectls } from '../e2e/kubectl.ts'
import { namespace } from '../e2e/manifests.ts'
import { badInput } from './bad-input.ts'
import { CONFIGURATION } from './cases/configuration.ts'
import { LIFE_CYCLE } from './cases/life-cycle.ts'
import { NETWORK_AND_IMAGES } from './cases/network-and-images.ts'
import { PROBES } from './cases/probes.ts'
import { SECURITY } from './cases/security.ts'
import { VOLUMES } from './cases/volumes.ts'
import { manyPods } from './many-pods.ts'
import { offline } from './offline.ts'
import { podTrial } from './pod-trial.ts'
import { resize } from './resize.ts'
import { RUNTIME_LABEL, RUNTIMES } from './runtimes.ts'
import { streams } from './streams.ts'

const CASES = [...LIFE_CYCLE, ...PROBES, ...CONFIGURATION, ...VOLUMES, ...SECURITY, ...NETWORK_AND_IMAGES]
/** Trials at a time on each node: they mostly wait. */
const CONCURRENCY = 5
/** The least that there is. */
const STALL = ['--image-pull-stall', '10']
const kubectls = await findKubectls()
const skip = process.getuid?.() === 0 ? false : 'needs root for namespaces'

/** The same pods on every runtime, through kubectl and the whole cluster. */
describe('pods, the same on every runtime', { skip, timeout: 900_000, concurrency: false }, () => {
  let made: Cluster | undefined
  const cluster = (): Cluster => made!
  before(async () => {
    made = await createCluster({ name: 'brt-pods', join: 0 })
    await made.apply(...RUNTIMES.map(({ name }) => namespace(name)))
    await Promise.all(
      RUNTIMES.map(async ({ name, node, prepare }) => {
        const args = await prepare(cluster())
        await cluster().startAgent(node, [
          ...(await cluster().joinArguments(node)),
          '--label',
          `${RUNTIME_LABEL}=${name}`,
          ...STALL,
          ...args,
        ])
      }),
    )
    await made.waitFor('every node to be Ready', async () => (await cluster().readyNodes()).length === RUNTIMES.length, 90_000)
  })
  after(() => made?.down())

  describe('pods in good order', { concurrency: true }, () => {
    for (const under of RUNTIMES)
      describe(`with ${under.name}`, { concurrency: CONCURRENCY }, () => {
        for (const each of CASES) it(each.title, () => podTrial(cluster(), under.name, each))
        for (const kubectl of kubectls) streams(cluster, under, kubectl)
        resize(cluster, under)
      })
  })
  describe('pods in trouble', { concurrency: true }, () => {
    for (const under of RUNTIMES) describe(`with ${under.name}`, { concurrency: true }, () => badInput(cluster, under))
  })
  describe('nodes in trouble', { concurrency: true }, () => {
    for (const under of RUNTIMES) describe(`with ${under.name}`, { concurrency: false }, () => offline(cluster, under))
  })
  manyPods(cluster, RUNTIMES[0]!)
})
