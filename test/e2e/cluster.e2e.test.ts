import { after, before, describe } from 'node:test'
import { type Cluster, createCluster } from './cluster.ts'
import { findKubectls } from './kubectl.ts'
import { commands } from './scenarios/commands.ts'
import { faults } from './scenarios/faults.ts'
import { membership } from './scenarios/membership.ts'
import { metrics } from './scenarios/metrics.ts'
import { pods } from './scenarios/pods.ts'
import { reset } from './scenarios/reset.ts'
import { scheduling } from './scenarios/scheduling.ts'
import { services } from './scenarios/services.ts'
import { storage } from './scenarios/storage.ts'
import { workloads } from './scenarios/workloads.ts'

const kubectls = await findKubectls()
const skip = process.getuid?.() === 0 ? false : 'needs root for namespaces'

// One cluster for all: its start is the dear part. Scenarios run in this order and leave it whole.
describe('a cluster of three nodes', { skip, timeout: 540_000 }, () => {
  let made: Cluster
  const cluster = (): Cluster => made
  before(async () => {
    made = await createCluster({ name: 'brt-e2e' })
  })
  after(() => made?.down())

  workloads(cluster)
  scheduling(cluster)
  commands(cluster, kubectls)
  pods(cluster)
  storage(cluster)
  services(cluster)
  metrics(cluster, kubectls)
  faults(cluster)
  membership(cluster)
  reset(cluster)
})
