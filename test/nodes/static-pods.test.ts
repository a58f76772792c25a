import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Pod } from '../../packages/api/src/types/pod.ts'
import { events } from '../../apps/control-plane/src/resources/event.ts'
import { pods } from '../../apps/control-plane/src/resources/pod.ts'
import { SimCluster } from '../sim/sim-cluster.ts'

// The whole way of static pods: manifest, agent, link, gateway, API, with everything that the API asks of a pod.

const manifest = (image: string): string => `apiVersion: v1
kind: Pod
metadata: {name: sensor, labels: {app: sensor}}
spec:
  containers: [{name: main, image: '${image}', readinessProbe: {tcpSocket: {port: 80}}}]
`

test('every node shows its static pods, keeps them when somebody deletes them, and follows its manifests', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-static-'))
  await writeFile(join(folder, 'sensor.yaml'), manifest('localhost/sensor:1'))
  await writeFile(join(folder, 'bad.yaml'), 'kind: Deployment')
  const cluster = new SimCluster({ seed: 1, nodes: 2, staticPodFolder: folder })
  t.after(async () => {
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  })
  await cluster.start()
  const { client } = cluster.controlPlane
  const until = async (good: () => boolean, what: string): Promise<void> => {
    for (let pauses = 0; !good(); pauses++) {
      assert.ok(pauses < 20_000, what)
      await new Promise<void>((resolve) => setImmediate(resolve)) // files are read outside virtual time
      await cluster.clock.advance(100)
    }
  }
  const mirror = (node: string): Pod | undefined => client!.get(pods, `default/sensor-${node}`)
  const isReady = (node: string): boolean =>
    mirror(node)?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
  await until(() => isReady('pi-1') && isReady('pi-2'), 'both are ready')
  assert.deepEqual([mirror('pi-1')?.spec.nodeName, mirror('pi-1')?.metadata.ownerReferences?.[0]?.kind], ['pi-1', 'Node'])
  const told = (): readonly string[] => client!.list(events).map(({ message = '' }) => message)
  await until(() => told().some((message) => message.includes('bad.yaml')), 'the bad manifest is told')

  const { uid } = mirror('pi-1')!.metadata
  const container = cluster.nodes[0]!.runtime.running()[0]!.id
  await client!.delete(pods, 'default/sensor-pi-1')
  await until(() => isReady('pi-1') && mirror('pi-1')!.metadata.uid !== uid, 'the mirror is back')
  assert.equal(cluster.nodes[0]!.runtime.running()[0]!.id, container, 'its pod has not noticed')

  await writeFile(join(folder, 'sensor.yaml'), manifest('localhost/sensor:2'))
  await until(() => isReady('pi-2') && mirror('pi-2')!.spec.containers[0]!.image === 'localhost/sensor:2', 'the new one runs')
  await rm(join(folder, 'sensor.yaml'))
  await until(() => client!.list(pods).length === 0 && cluster.nodes.every(({ runtime }) => runtime.running().length === 0), 'all are gone')
})
